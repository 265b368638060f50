"""Text over the screen: warnings, a traceback, the keys."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from flopsfit_tui.tui.widgets.active_keys import key_of


class TextDialog(ModalScreen[None]):
    """A title and text of any length; escape, q, or the key that opened it closes it."""

    CSS_PATH = "dialogs.tcss"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter,w,question_mark", "dismiss", "Close", id="close_words"),
        Binding("up,k", "scroll(-1)", "Up", id="scroll_up", show=False),
        Binding("down,j", "scroll(1)", "Down", id="scroll_down", show=False),
    ]

    def __init__(self, title: str, text: Text, *, at_end: bool = False) -> None:
        super().__init__()
        self._title, self._text = title, text
        self._at_end = at_end  # a traceback's last line says what went wrong

    def compose(self) -> ComposeResult:
        """A frame with the text in it."""
        with Vertical(id="text-dialog"), VerticalScroll():
            yield Static(self._text)

    def on_mount(self) -> None:
        frame = self.query_one("#text-dialog")
        frame.border_title = self._title
        frame.border_subtitle = f"{key_of(self, 'close_words')} closes"
        scroll = self.query_one(VerticalScroll)
        scroll.focus()
        if self._at_end:
            scroll.scroll_end(animate=False)

    def action_scroll(self, lines: int) -> None:
        """By key, where the focus is elsewhere."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)
