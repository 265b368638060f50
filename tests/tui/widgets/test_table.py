"""The table that draws only what is in sight."""

from __future__ import annotations

import time

import pytest
from rich.style import Style
from textual.app import App

from flopsfit_tui.tui.widgets.table import Column, Table

COLUMNS = [
    Column("name", "name", 6, right=False),
    Column("value", "value", 8),
    Column("extra", "extra", 20, rank=2, grows=True),
    Column("more", "more", 10, rank=1),
]


class Numbers(Table):
    """A row for every number."""

    def __init__(self, count):
        super().__init__(COLUMNS)
        self.count, self.made = count, 0

    @property
    def row_count(self):
        return self.count

    def fingerprint(self, row):
        return row, row

    def cells(self, row, columns):
        self.made += 1
        texts = {"name": f"r{row}", "value": str(row), "extra": "[b]x\x1b[31m" * 9, "more": "日本語" * 4}
        return [(texts[column.name], Style.null()) for column in columns]


class Host(App):
    def __init__(self, count):
        super().__init__()
        self.grid, self.chosen = Numbers(count), []

    def get_theme_variable_defaults(self):
        return {"muted": "#808894", "faint": "#59616e"}

    def compose(self):
        yield self.grid

    def on_table_chosen(self, message):
        self.chosen.append(message.row)


def lines(app):
    return ["".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips()]


async def test_a_hundred_thousand_rows_draw_only_what_is_in_sight():
    app = Host(100_000)
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        began = time.perf_counter()
        await pilot.press("end")
        await pilot.pause()
        assert time.perf_counter() - began < 2
        assert app.grid.cursor == 99_999
        assert any("r99999" in line for line in lines(app))
        assert lines(app)[0].startswith("name")
        assert app.grid.made < 200


async def test_keys_move_the_cursor_and_enter_chooses():
    app = Host(50)
    async with app.run_test(size=(60, 12)) as pilot:
        app.grid.focus()
        await pilot.press("down", "down", "j", "k")
        assert app.grid.cursor == 2
        await pilot.press("pagedown", "pageup", "enter")
        assert app.chosen == [2]
        await pilot.press("G", "g", "up")
        assert app.grid.cursor == 0
        await pilot.click(app.grid, offset=(3, 5))
        assert app.grid.cursor == 4


@pytest.mark.parametrize(("width", "names"), [(80, 4), (40, 3), (27, 2), (8, 2), (6, 2)])
async def test_columns_leave_in_the_stated_order(width, names):
    app = Host(3)
    async with app.run_test(size=(width, 10)) as pilot:
        await pilot.pause()
        kept = [column.name for column in app.grid.columns]
        assert len(kept) <= names
        assert kept == [n for n in ("name", "value", "extra", "more") if n in kept]
        assert all(len(line) <= width for line in lines(app))
        assert "\x1b" not in "".join(lines(app))


async def test_no_rows_say_so():
    app = Host(0)
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.press("down", "enter", "end", "pageup")
        assert app.chosen == []
        assert any("nothing here yet" in line for line in lines(app))
