"""One line to type into, over the last lines of the screen: a filter, a target.

A part of the screen rather than a screen of its own: under a screen that one sees through, Textual draws everything
behind it again at every key.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import Input, Static

from flopsfit_tui.core.text import printable
from flopsfit_tui.tui.text import shorten
from flopsfit_tui.tui.widgets.base_screen import is_narrow

TYPED = 16  # columns to type in that a long label leaves
TextCallback = Callable[[str], object]  # what is typed


class Prompt(Vertical):
    """A one-line input at the bottom, hidden until shown; calls back with the text, or None when it is left."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "Cancel", id="close_prompt")]

    def __init__(self) -> None:
        super().__init__(id="prompt")
        self.display = False
        self._example = ""
        self._check: TextCallback = str
        self._as_typed: TextCallback = str
        self._answered: Callable[[str | None], None] = lambda _: None
        self._focused_before: Widget | None = None

    def compose(self) -> ComposeResult:
        """Label and input; below them what is wrong, or what could be typed."""
        with Horizontal():
            yield Static(markup=False, id="prompt-label")
            yield Input(compact=True, id="prompt-input")
        yield Static(markup=False, id="prompt-problem")

    @property
    def open(self) -> bool:
        return self.display

    def show(
        self,
        label: str,
        answered: Callable[[str | None], None],
        text: str = "",
        example: str = "",
        check: TextCallback = str,
        typed: TextCallback = str,
    ) -> None:
        """Show the input. Text for which `check` raises ValueError is rejected; `typed` is called at each change, also
        with such text."""
        self.close(None)
        self._check, self._as_typed, self._answered, self._example = check, typed, answered, example
        self._focused_before = self.screen.focused
        line = self.query_one(Input)
        with line.prevent(Input.Changed):
            line.value = text
        line.cursor_position = len(text)
        self.query_one("#prompt-label", Static).update(shorten(label, max(8, self.screen.size.width - TYPED), False))
        self._say(example)
        self.display = True
        self.screen.set_focus(line)

    def close(self, answer: str | None) -> None:
        """Tell the answer and hide; the focus is where it was."""
        if not self.display:
            return
        self.display = False
        if self._focused_before is not None:
            self.screen.set_focus(self._focused_before)
        self._answered(answer)

    def action_cancel(self) -> None:
        self.close(None)

    def on_key(self, event: events.Key) -> None:
        """Keep plot keys from reaching the screen while the input has the focus."""
        if event.key in ("tab", "shift+tab"):
            event.stop()

    def on_descendant_blur(self) -> None:
        """A click elsewhere is no answer; another window in front is not yet one."""
        if self.display and self.app.app_focus and not self.has_focus_within:
            self._focused_before = None  # the focus is where the click was
            self.close(None)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say at once what is wrong, and tell what is typed."""
        event.stop()
        problem = self._problem(event.value)
        self._say(problem or self._example, wrong=bool(problem))
        if self.display:
            self._as_typed(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if not self._problem(event.value):
            self.close(event.value)

    def _say(self, words: str, wrong: bool = False) -> None:
        place = self.query_one("#prompt-problem", Static)
        narrow = is_narrow(self.screen.size)
        place.update(printable(words), layout=narrow)  # where it may take two lines
        place.set_class(wrong, "wrong")

    def _problem(self, text: str) -> str:
        try:
            self._check(text)
        except ValueError as error:
            return str(error)
        return ""
