"""Earlier sweeps: open, go on with, or delete one."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static

from flopsfit_tui.core.units import format_count, format_flops
from flopsfit_tui.tui.ask import Ask
from flopsfit_tui.tui.grid import Cell, Column, Grid
from flopsfit_tui.tui.key_line import KeyLine
from flopsfit_tui.tui.lines import printable, str_path
from flopsfit_tui.tui.look import palette_of, style
from flopsfit_tui.tui.recent import Recent, age, delete_sweep, find_recent

COLUMNS = (
    Column("state", "state", 10, right=False),
    Column("workload", "workload", 16, right=False),
    Column("trials", "trials", 7),
    Column("budgets", "budgets", 15, right=False, rank=2),
    Column("optimum", "optimum", 18, right=False, rank=1),
    Column("age", "changed", 10, right=False),
    Column("directory", "directory", 12, right=False, rank=3, grows=True),
)
GLYPHS = {"finished": "✓", "running": "▶", "stopped": "■", "failed": "✗"}


class RecentTable(Grid):
    """One row a sweep, the latest first."""

    empty_text = "no sweeps here yet"

    def __init__(self) -> None:
        super().__init__(COLUMNS)
        self.sweeps: list[Recent] = []

    @property
    def row_count(self) -> int:
        """Sweeps found so far."""
        return len(self.sweeps)

    def fingerprint(self, row: int) -> tuple[Hashable, Hashable]:
        """A sweep; its age changes too slowly to matter."""
        return self.sweeps[row].directory, id(self.sweeps[row])

    def cells(self, row: int, columns: Sequence[Column]) -> list[Cell]:
        """Every cell of a sweep."""
        palette, sweep = palette_of(self.app), self.sweeps[row]
        plan, best = sweep.plan, sweep.optimum
        colors = {"finished": palette.good, "running": palette.live, "stopped": palette.warn, "failed": palette.bad}
        plain, muted = style(palette.foreground), style(palette.muted)
        ends = [format_flops(budget) for budget in (plan.budgets[0], plan.budgets[-1])]
        cells: dict[str, Cell] = {
            "state": (f"{GLYPHS[sweep.state]} {sweep.state}", style(colors[sweep.state])),
            "workload": (plan.workload, style(palette.foreground, bold=True)),
            "trials": (f"{sweep.finished}/{len(plan.trials)}", plain),
            "budgets": (ends[0] if ends[0] == ends[1] else f"{ends[0]}–{ends[1]}", plain),
            "optimum": (f"N {format_count(best.params)} at {format_flops(best.budget)}" if best else "–", plain),
            "age": (age(sweep.changed), muted),
            "directory": (str_path(sweep.directory), muted),
        }
        return [cells[column.name] for column in columns]


class RecentScreen(Screen[None]):
    """A table of sweeps and what can be done with one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,r", "app.pop_screen", "Back", id="close_recent", key_display="esc"),
        Binding("enter,o", "open", "Open", id="open_recent", key_display="enter"),
        Binding("s", "go_on", "Go on with it", id="go_on_recent"),
        Binding("d,delete", "delete", "Delete", id="delete_recent", key_display="d"),
    ]

    class Found(Message):
        """A sweep was read."""

        def __init__(self, recent: Recent) -> None:
            super().__init__()
            self.recent = recent

    class Picked(Message):
        """A person wants to open a sweep, or to go on with it."""

        def __init__(self, recent: Recent, go_on: bool) -> None:
            super().__init__()
            self.recent, self.go_on = recent, go_on

    def compose(self) -> ComposeResult:
        """Title, table, keys."""
        yield Static(" Earlier sweeps", id="title", markup=False)
        yield RecentTable()
        yield KeyLine()

    def on_mount(self) -> None:
        """Begin to look."""
        self.query_one(RecentTable).focus()
        found = lambda recent: self.post_message(self.Found(recent))  # noqa: E731 - called from the thread
        self.run_worker(partial(find_recent, found), thread=True, exit_on_error=False)

    def on_recent_screen_found(self, message: Found) -> None:
        """One more row."""
        table = self.query_one(RecentTable)
        table.sweeps.append(message.recent)
        table.rows_changed()

    @property
    def _picked(self) -> Recent | None:
        table = self.query_one(RecentTable)
        return table.sweeps[table.cursor] if table.sweeps else None

    def on_grid_chosen(self) -> None:
        """Enter on a row."""
        self.action_open()

    def action_open(self) -> None:
        """Look at the sweep; follow it when it runs."""
        if self._picked:
            self.app.post_message(self.Picked(self._picked, go_on=False))

    def action_go_on(self) -> None:
        """Plan the rest of it."""
        if self._picked:
            self.app.post_message(self.Picked(self._picked, go_on=True))

    def action_delete(self) -> None:
        """Delete its files, when the person is sure."""
        sweep = self._picked
        if sweep is None:
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._delete(sweep)

        detail = f"{sweep.finished} finished trials in {str_path(sweep.directory)} would be gone for good."
        self.app.push_screen(Ask(f"Delete this sweep of {sweep.plan.workload}?", detail, "Delete", "Keep"), answered)

    def _delete(self, sweep: Recent) -> None:
        try:
            delete_sweep(sweep.directory)
        except (ValueError, OSError) as error:
            self.notify(printable(str(error)), severity="error", markup=False)
            return
        table = self.query_one(RecentTable)
        table.sweeps.remove(sweep)
        table.rows_changed()
