"""One line to type into, over the last lines of the screen: a filter, a target."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from flopsfit_tui.tui.lines import printable


class Prompt(ModalScreen[str | None]):
    """Gives what was typed, or None after escape; text that `check` raises ValueError for is not taken."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Never mind", id="close_prompt")]

    def __init__(
        self,
        label: str,
        text: str = "",
        example: str = "",
        check: Callable[[str], object] = str,
        typed: Callable[[str], object] | None = None,
    ) -> None:
        super().__init__()
        self._label, self._text, self._example = label, text, example
        self._check, self._as_typed = check, typed

    def compose(self) -> ComposeResult:
        """Label and input; below them what is wrong, or what could be typed."""
        with Vertical(id="prompt"):
            with Horizontal():
                yield Static(self._label, markup=False, id="prompt-label")
                yield Input(self._text, compact=True, id="prompt-input")
            yield Static(self._example, markup=False, id="prompt-problem")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say at once what is wrong; tell what is right."""
        problem = self._problem(event.value)
        place = self.query_one("#prompt-problem", Static)
        place.update(printable(problem or self._example))
        place.set_class(bool(problem), "wrong")
        if not problem and self._as_typed is not None:
            self._as_typed(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter takes what is right."""
        if not self._problem(event.value):
            self.dismiss(event.value)

    def _problem(self, text: str) -> str:
        try:
            self._check(text)
        except ValueError as error:
            return str(error)
        return ""
