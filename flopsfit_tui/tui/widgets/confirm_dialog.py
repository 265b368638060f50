"""A question over the screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from flopsfit_tui.tui.widgets.active_keys import key_of


class ConfirmDialog(ModalScreen[bool]):
    """Yes or no; escape is no, and so is whatever makes the question pointless while it stands."""

    CSS_PATH = "dialogs.tcss"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes", id="yes"),
        Binding("n,escape", "answer(False)", "No", id="no"),
        Binding("left", "app.focus_previous", "Other", id="answer_before", show=False),
        Binding("right", "app.focus_next", "Other", id="other_answer", show=False),
        Binding("up,k", "scroll(-1)", "Up", id="scroll_up", show=False),
        Binding("down,j", "scroll(1)", "Down", id="scroll_down", show=False),
    ]

    def __init__(
        self,
        question: str,
        detail: str,
        yes: str,
        no: str = "No",
        pointless: Callable[[], bool] = lambda: False,
        *,
        harmless: bool = False,
    ) -> None:
        super().__init__()
        self._harmless = harmless  # yes loses nothing
        self.pointless = pointless
        self._question, self._detail, self._yes, self._no = question, detail, yes, no

    def compose(self) -> ComposeResult:
        with Vertical(id="confirm-dialog"):
            yield Static(self._question, markup=False, id="question")
            with VerticalScroll(id="detail-scroll", can_focus=False):
                yield Static(self._detail, markup=False, id="detail")
            with Horizontal(id="answers"):
                yield Button(
                    f"{self._yes} ({key_of(self, 'yes')})", variant="primary" if self._harmless else "error", id="yes"
                )
                yield from self.further_answers()
                yield Button(f"{self._no} ({key_of(self, 'no')})", id="no")

    def further_answers(self) -> ComposeResult:
        """Buttons between yes and no."""
        yield from ()

    def on_mount(self) -> None:
        self.query_one("#no").focus()

    def on_resize(self) -> None:
        """Answers below each other where there is no room beside each other, and always in sight."""
        room = self.query_one("#confirm-dialog").content_region.width
        wanted = sum(len(str(button.label)) + 4 for button in self.query(Button))
        self.query_one("#answers").set_class(wanted > room, "stacked")
        self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        """The detail scrolls in the rows that question and answers leave."""
        frame, detail = self.query_one("#confirm-dialog"), self.query_one("#detail-scroll")
        others = frame.outer_size.height - detail.outer_size.height
        detail.styles.max_height = max(1, self.size.height - others)

    def action_scroll(self, lines: int) -> None:
        """By key: the focus is on an answer."""
        self.query_one("#detail-scroll").scroll_relative(y=lines, animate=False)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def action_answer(self, answer: bool) -> None:
        self.dismiss(answer)


class QuitDialog(ConfirmDialog):
    """Yes, no, or leave the sweep running: then the answer is yes, and `leaves` is true."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("l", "leave", "Leave it running", id="leave")]

    leaves = False

    def further_answers(self) -> ComposeResult:
        yield Button(f"Leave it running ({key_of(self, 'leave')})", variant="primary", id="leave")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.leaves = event.button.id == "leave"
        self.dismiss(event.button.id != "no")

    def action_leave(self) -> None:
        self.leaves = True
        self.dismiss(True)
