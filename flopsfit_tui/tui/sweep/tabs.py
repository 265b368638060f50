"""The panels' names in one line, to be clicked; where it is narrow, of those out of sight only the keys."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Static

from flopsfit_tui.core.text import printable
from flopsfit_tui.tui.sweep.panels import TITLES
from flopsfit_tui.tui.text import shorten

GAP, NARROW_GAP = 3, 1  # columns between two names


class Tab(Static):
    """A panel's name, to be clicked."""

    def __init__(self, panel: str) -> None:
        super().__init__(markup=False, id=f"tab-{panel}")
        self._panel = panel
        self._said: tuple[str, Style | None] = "", None

    def set_text(self, text: str, mark: Style | None) -> None:
        """The name, in a style where the panel is in sight. A class of CSS would cost a key 2 ms a tab."""
        if (text, mark) != self._said:
            wider = len(self._said[0]) != len(text)
            self._said = text, mark
            self.update(Text(text, mark or ""), layout=wider)

    async def on_click(self) -> None:
        """Show the panel."""
        await self.run_action(f"screen.show('{self._panel}')")


class Tabs(Horizontal):
    """A tab a panel; at the right what goes on, where the window is too low for a title."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        super().__init__(id="tabs")
        self._keys = keys
        self.titles = dict(TITLES)

    def compose(self) -> ComposeResult:
        for name in self._keys:
            yield Tab(name)
        yield Static(id="phase")

    def show(self, in_sight: Collection[str], width: int, phase: Text, mark: Style) -> None:
        """Name the panels in at most `width` columns."""
        names = {name: printable(f"{key} {self.titles[name]}") for name, key in self._keys.items()}
        room = width - 2 - (phase.cell_len + 1 if phase else 0)
        narrow = sum(len(text) + GAP for text in names.values()) - GAP > room
        if narrow:
            room -= sum(len(self._keys[name]) + NARROW_GAP for name in names if name not in in_sight)
            each = max(4, room // max(1, len(in_sight)) - NARROW_GAP)
            names = {
                name: shorten(text, each, front=False) if name in in_sight else self._keys[name]
                for name, text in names.items()
            }
        self.set_class(narrow, "narrow")
        for name, text in names.items():
            self.query_one(f"#tab-{name}", Tab).set_text(text, mark if name in in_sight else None)
        place = self.query_one("#phase", Static)
        if place.content != phase:
            place.update(phase, layout=False)
