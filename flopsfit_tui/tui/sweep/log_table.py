"""The log as a table: the latest below, in sight until somebody scrolls; by level."""

from __future__ import annotations

import time
from collections.abc import Hashable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from flopsfit_tui.core.events import Level
from flopsfit_tui.report.text.log import LEVELS, Entry
from flopsfit_tui.tui.session.app_state import AppState
from flopsfit_tui.tui.theme import palette_of, style
from flopsfit_tui.tui.widgets.table import Cell, Column, Table

COLUMNS = (
    Column("time", "time", 8, right=False, rank=2),
    Column("level", "", 1, right=False, rank=1),
    Column("text", "what happened", 28, right=False, grows=True),
)
GLYPHS: dict[Level, str] = {"info": "·", "warning": "!", "error": "✗"}


def when(entry: Entry) -> str:
    """The time of a line, here."""
    return time.strftime("%H:%M:%S", time.localtime(entry.time))


class LogTable(Table):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "level", "Log: all, warnings, errors", id="log_level", show=False),
    ]
    empty_text = "nothing has happened yet"

    def __init__(self, app_state: AppState, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(COLUMNS, id=id, classes=classes)
        self._app_state = app_state
        self._rows: list[Entry] = []
        self._shown_for: object = None
        self.least: Level = "info"
        self.search = ""

    def redraw(self) -> None:
        """Take up what has been said since."""
        log = self._app_state.log
        shown_for = (len(log), log[-1] if log else None, self.least, self.search)
        if shown_for == self._shown_for:
            return
        self._shown_for = shown_for
        at_end = not self.user_scrolled or self.cursor >= len(self._rows) - 1
        words = self.search.lower()
        self._rows = [
            entry
            for entry in log
            if LEVELS.index(entry.level) >= LEVELS.index(self.least) and words in entry.text.lower()
        ]
        self.rows_changed()
        if at_end and self._rows:
            self.cursor = len(self._rows) - 1
            self.show_row(self.cursor)

    def on_resize(self) -> None:
        """The latest stays in sight, also where the table was hidden until now."""
        super().on_resize()
        self.call_after_refresh(self.show_row, self.cursor)

    @property
    def row_count(self) -> int:
        return len(self._rows)

    def entry(self, row: int) -> Entry:
        return self._rows[row]

    def fingerprint(self, row: int) -> tuple[Hashable, Hashable]:
        entry = self._rows[row]
        return entry, 0

    def cells(self, row: int, columns: Sequence[Column]) -> list[Cell]:
        palette, entry = palette_of(self.app), self._rows[row]
        colors = {"info": palette.muted, "warning": palette.warn, "error": palette.bad}
        color = style(colors[entry.level])
        plain = style(palette.foreground) if entry.level == "info" else color
        made = {
            "time": (when(entry), style(palette.muted)),
            "level": (GLYPHS[entry.level], color),
            "text": (entry.text, plain),
        }
        return [made[column.name] for column in columns]

    def show_only(self, words: str) -> None:
        """Only lines that hold some words."""
        self.search = words.strip()
        self.empty_text = "no line holds that" if words else "nothing has happened yet"
        self.redraw()

    def action_level(self) -> None:
        """Only what is graver; after errors everything again."""
        self.least = LEVELS[(LEVELS.index(self.least) + 1) % len(LEVELS)]
        self.empty_text = f"nothing of level {self.least} has happened"
        self.redraw()
