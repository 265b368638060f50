"""What the screens over an app state share: they draw it, once they are there to draw on."""

from __future__ import annotations

from rich.text import Text
from textual.geometry import Size
from textual.screen import Screen
from textual.widgets import Static

from flopsfit_tui.core.text import printable
from flopsfit_tui.tui.session.app_state import AppState

NARROW, LOW = 78, 20  # columns and rows below which a window is small


def is_narrow(size: Size) -> bool:
    return size.width < NARROW


def is_low(size: Size) -> bool:
    return size.height < LOW


class BaseScreen(Screen[None]):
    """Subclasses give `draw`; whoever changes the app state calls `redraw`."""

    def __init__(self, app_state: AppState) -> None:
        super().__init__()
        self.app_state = app_state
        self._there = False  # whether the widgets are

    def redraw(self) -> None:
        """Draw the app state, unless the screen is not mounted yet or is being closed: its widgets go first."""
        if self._there and self.display:
            self.draw()

    def put(self, selector: str, text: Text, layout: bool = False) -> None:
        """Show text in a Static, if it is not what is shown; `layout` when its height may change."""
        place = self.query_one(selector, Static)
        text.plain = printable(text.plain)  # whatever names and errors hold, the terminal obeys none of it
        if place.content != text:
            place.update(text, layout=layout)

    def draw(self) -> None:
        raise NotImplementedError

    def on_mount(self) -> None:
        self._there = True
        self.redraw()

    def on_resize(self) -> None:
        self.redraw()

    def on_screen_resume(self) -> None:
        """What has changed while other screens lay over this one."""
        self.redraw()
