"""A table of any length that draws only the rows in sight: fixed header, a cursor, columns that give way."""

from __future__ import annotations

import csv
import io
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from flopsfit_tui.core.text import printable
from flopsfit_tui.tui.text import shorten

Cell = tuple[str, Style]
GAP = 2
SIGNS = "●■▲◆▼▶✓✗★·~◐‖→"  # before what a cell says
ROW_CACHE = 200  # rows kept as they were drawn, however long the table


@dataclass(frozen=True)
class Column:
    """A column; `rank` says which leave first where there is no room: the highest."""

    name: str
    title: str
    width: int
    right: bool = True
    rank: int = 0
    grows: bool = False  # takes what is left over
    path: bool = False  # where there is no room, its end stays


class Table(ScrollView, can_focus=True):
    """Subclasses give `row_count` and `cells(row)`, one cell a column of `columns`, and call `rows_changed()`."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"table--header", "table--cursor", "table--rule"}
    DEFAULT_CSS = """
    Table {
        background: transparent;
        scrollbar-size-vertical: 1;
        & > .table--header { color: $muted; text-style: bold; }
        & > .table--rule { color: $faint; }
        & > .table--cursor { background: $panel; }
        &:focus > .table--cursor { background: $primary 22%; text-style: bold; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", id="up", show=False),
        Binding("down,j", "move(1)", "Down", id="down", show=False),
        Binding("pageup", "page(-1)", "Page up", id="page_up", show=False),
        Binding("pagedown", "page(1)", "Page down", id="page_down", show=False),
        Binding("ctrl+u", "page(-0.5)", "Half a page up", id="page_half_up", show=False),
        Binding("ctrl+d", "page(0.5)", "Half a page down", id="page_half_down", show=False),
        Binding("y", "copy(False)", "Copy the row", id="copy_row", show=False, tooltip="Copy the cell or row, as CSV"),
        Binding("Y", "copy(True)", "Copy the table", id="copy_table", show=False, tooltip="Copy the table, as CSV"),
        Binding("home,g", "jump(0)", "First row", id="first_row", show=False),
        Binding("end,G", "jump(-1)", "Last row", id="last_row", show=False),
        Binding("enter", "choose", "Open", id="open_row", show=False, key_display="enter"),
    ]
    cursor: reactive[int] = reactive(0)
    empty_text = "nothing here yet"

    class Chosen(Message):
        """Enter or a click on the cursor's row."""

        def __init__(self, table: Table, row: int) -> None:
            super().__init__()
            self.table, self.row = table, row

        @property
        def control(self) -> Table:
            return self.table

    class Moved(Message):
        """The cursor moved."""

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        id: str | None = None,  # noqa: A002 - Textual's word
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._all_columns = tuple(columns)
        self.columns: tuple[Column, ...] = tuple(columns)
        self._look: object = None  # what `_row_cache` was made for
        self._base = Style.null()
        self._row_cache: dict[Hashable, tuple[Hashable, Strip]] = {}
        self._seen: object = None  # what was in sight when it was last asked to be drawn
        self.user_scrolled = False  # whether somebody has moved the cursor or scrolled

    # ---- what a subclass gives ----

    @property
    def row_count(self) -> int:
        raise NotImplementedError

    def cells(self, row: int, columns: Sequence[Column]) -> list[Cell]:
        """The cells of a row, one for each of `columns`."""
        raise NotImplementedError

    def fingerprint(self, row: int) -> tuple[Hashable, Hashable]:
        """A row's name, and something that changes when any of its cells does."""
        raise NotImplementedError

    def title(self, column: Column) -> str:
        return column.title

    def title_style(self, column: Column) -> Style:  # noqa: ARG002 - for those that override it
        return self.get_component_rich_style("table--header")

    def cell_of_cursor(self) -> str | None:
        """The column of the cursor's cell; None when the cursor is the whole row."""
        return None

    def clicked_column(self, column: Column) -> None:
        """A click in a row, at a column."""

    def set_columns(self, columns: Sequence[Column]) -> None:
        self._all_columns = tuple(columns)
        self._fit_columns()

    def rows_changed(self) -> None:
        """Draw again; the number of rows may be another."""
        self.virtual_size = Size(0, self.row_count + 1)
        self.cursor = max(0, min(self.cursor, self.row_count - 1))
        seen = self._in_sight()
        if seen != self._seen:
            self._seen = seen
            self.refresh()

    def _in_sight(self) -> object:
        """All that decides what is drawn; a table is long to draw, and mostly it is what it was."""
        first = round(self.scroll_y)
        rows = range(first, min(first + self.size.height, self.row_count))
        heads = [(column, self.title(column), self.title_style(column)) for column in self.columns]
        empty = "" if self.row_count else self.empty_text
        place = (self.size, first, self.row_count, self.cursor, self.cell_of_cursor(), self.app.theme, empty)
        return place, heads, [self.fingerprint(row) for row in rows]

    # ---- drawing ----

    def on_resize(self) -> None:
        """Choose the columns that fit, and keep the cursor in sight."""
        self._fit_columns()
        if self.user_scrolled:
            self.call_after_refresh(self.show_row, self.cursor)

    def _fit_columns(self) -> None:
        room = self.scrollable_content_region.width or self.size.width
        columns = list(self._all_columns)
        while len(columns) > 1 and sum(c.width + GAP for c in columns) - GAP > room:
            columns.remove(max(columns, key=lambda c: c.rank))
        self.columns = tuple(columns)
        self.rows_changed()

    def _widths(self) -> list[int]:
        spare = self.scrollable_content_region.width - sum(c.width + GAP for c in self.columns) + GAP
        return [c.width + (max(0, spare) if c.grows else 0) for c in self.columns]

    def width_of(self, name: str) -> int:
        return dict(zip((c.name for c in self.columns), self._widths(), strict=True)).get(name, 0)

    def render_line(self, y: int) -> Strip:
        """The header, which stays, or a row; rows that are what they were are not made anew."""
        width = self.scrollable_content_region.width
        look = (width, self.app.theme, self.columns)
        if look != self._look:
            self._look, self._base = look, self.rich_style
            self._row_cache.clear()
        if y == 0:
            return self._strip([(self.title(c), self.title_style(c)) for c in self.columns], width)
        row = y - 1 + round(self.scroll_y)
        if not self.row_count and y >= 2:
            return self._empty_line(y - 2, width)
        if row >= self.row_count:
            return Strip.blank(width, self._base)
        strip = self._row(row, width)
        if row != self.cursor:
            return strip
        return self._with_cursor(strip)

    def _empty_line(self, line: int, width: int) -> Strip:
        """Why there are no rows, in as many lines as it takes."""
        style = self.get_component_rich_style("table--header")
        words = dict(enumerate(wrap(printable(self.empty_text), max(8, width - 2)))).get(line, "")
        return Strip([Segment(f" {words}", style)]).adjust_cell_length(width).apply_style(self._base)

    def _with_cursor(self, strip: Strip) -> Strip:
        """The cursor over a row, or over its one cell."""
        over, cell = self._cursor_style(), self.cell_of_cursor()
        widths = self._widths()
        spans = [w + GAP for w in widths]
        if cell is not None:
            names = [column.name for column in self.columns]
            if cell not in names:
                return strip
            place = names.index(cell)
            start, stop = sum(spans[:place]), sum(spans[:place]) + widths[place]
            parts = [strip.crop(0, start), strip.crop(start, stop), strip.crop(stop, strip.cell_length)]
        else:
            parts = [Strip([]), strip, Strip([])]
        middle = [Segment(s.text, (s.style or over) + over) for s in parts[1]]
        return Strip([*parts[0], *middle, *parts[2]], strip.cell_length)

    def _row(self, row: int, width: int) -> Strip:
        key, content = self.fingerprint(row)
        made = self._row_cache.get(key)
        if made is None or made[0] != content:
            if len(self._row_cache) >= ROW_CACHE:
                self._row_cache.clear()
            made = self._row_cache[key] = content, self._strip(self.cells(row, self.columns), width)
        return made[1]

    def _cursor_style(self) -> Style:
        style = self.get_component_rich_style("table--cursor")
        return Style(bgcolor=style.bgcolor, bold=style.bold, reverse=style.reverse)

    def _strip(self, cells: Sequence[Cell], width: int) -> Strip:
        segments = []
        for (text, style), column, room in zip(cells, self.columns, self._widths(), strict=True):
            text = _fit(text, room, column.path)
            pad = " " * (room - cell_len(text))
            segments += [Segment(pad), Segment(text, style)] if column.right else [Segment(text, style), Segment(pad)]
            segments.append(Segment(" " * GAP))
        return Strip(segments).adjust_cell_length(width).apply_style(self._base)

    # ---- moving ----

    def action_move(self, rows: int) -> None:
        self.user_scrolled = True
        self.cursor = max(0, min(self.row_count - 1, self.cursor + rows))

    def action_page(self, pages: float) -> None:
        """Move the cursor by what is in sight, or half of it."""
        self.action_move(round(pages * max(1, self.size.height - 2)))

    def action_copy(self, everything: bool) -> None:
        """To the clipboard, through the terminal: the cursor's cell or row, or all rows under their titles, as CSV."""
        if not self.row_count:
            return
        columns = self._all_columns
        cell = self.cell_of_cursor()
        if everything:
            rows = [[column.title for column in columns]]
            rows += [[text for text, _ in self.cells(row, columns)] for row in range(self.row_count)]
        else:
            here = [column for column in columns if cell is None or column.name == cell] or list(columns)
            rows = [[text for text, _ in self.cells(self.cursor, here)]]
        text = as_csv(rows)
        self.app.copy_to_clipboard(text)
        what = f"{self.row_count} rows" if everything else "the row" if cell is None else f"{rows[0][0].strip()!r}"
        self.app.notify(f"copied {what}", timeout=3, markup=False)

    def action_jump(self, row: int) -> None:
        """Move the cursor to a row, counted from the end when negative."""
        self.user_scrolled = True
        self.cursor = max(0, row % self.row_count if self.row_count else 0)

    def action_choose(self) -> None:
        if self.row_count:
            self.post_message(self.Chosen(self, self.cursor))

    def watch_cursor(self) -> None:
        self.show_row(self.cursor)
        self.refresh()
        self.post_message(self.Moved())

    def show_row(self, row: int) -> None:
        height = self.size.height - 1
        if height <= 0:
            return
        if row < self.scroll_y:
            self.scroll_to(y=row, animate=False, immediate=True)
        elif row >= self.scroll_y + height:
            self.scroll_to(y=row - height + 1, animate=False, immediate=True)

    def on_click(self, event: events.Click) -> None:
        """The mouse moves the cursor; a second click opens its row."""
        self.user_scrolled = True
        at = event.get_content_offset(self)
        if at is None:
            return
        row = at.y - 1 + round(self.scroll_y)
        if at.y == 0:
            self.header_clicked(at.x)
        elif 0 <= row < self.row_count:
            column = self.column_at(at.x)
            if column is not None:
                self.clicked_column(column)
            if row == self.cursor and event.chain > 1:
                self.action_choose()
            self.cursor = row

    def on_mouse_scroll_up(self) -> None:
        self.user_scrolled = True

    def on_mouse_scroll_down(self) -> None:
        self.user_scrolled = True

    def header_clicked(self, x: int) -> None:
        """A click on the header, at a column of characters."""

    def column_at(self, x: int) -> Column | None:
        """The column at a column of characters."""
        for column, width in zip(self.columns, self._widths(), strict=True):
            if x < width + GAP:
                return column
            x -= width + GAP
        return None


def as_csv(rows: Sequence[Sequence[str]]) -> str:
    """Rows as CSV, without the signs that stand for states and budgets."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    for row in rows:
        writer.writerow([printable(text).strip(f" {SIGNS}") for text in row])
    return file.getvalue().rstrip("\n")


def _fit(text: str, width: int, path: bool) -> str:
    """Text of one line that is at most so wide."""
    if path:
        return shorten(text, width)
    text = printable(text).replace("\n", " ")
    return text if cell_len(text) <= width else set_cell_size(text, max(0, width - 1)) + "…"
