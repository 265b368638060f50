"""What the screens over a board share: they draw it, once they are there to draw on."""

from __future__ import annotations

from rich.text import Text
from textual.screen import Screen
from textual.widgets import Static

from flopsfit_tui.tui.board import Board
from flopsfit_tui.tui.lines import printable


class BoardScreen(Screen[None]):
    """Subclasses give `draw`; whoever changes the board calls `redraw`."""

    def __init__(self, board: Board) -> None:
        super().__init__()
        self.board = board
        self._there = False  # whether the widgets are

    def redraw(self) -> None:
        """Draw the board, unless the screen is still being made, or on its way out: its widgets go before it does."""
        if self._there and self.display:
            self.draw()

    def put(self, selector: str, text: Text, layout: bool = False) -> None:
        """Show text in a Static, if it is not what is shown; `layout` when its height may change."""
        place = self.query_one(selector, Static)
        text.plain = printable(text.plain)  # whatever names and errors hold, the terminal obeys none of it
        if place.content != text:
            place.update(text, layout=layout)

    def draw(self) -> None:
        """Bring every widget up to date."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """The widgets are there."""
        self._there = True
        self.redraw()

    def on_resize(self) -> None:
        """Another size."""
        self.redraw()
