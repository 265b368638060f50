"""Earlier sweeps: open, go on with, or delete one."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static

from flopsfit_tui.core.text import printable
from flopsfit_tui.core.units import format_count, format_flops
from flopsfit_tui.store.directory import delete_sweep, kept_text, sweeps_directory
from flopsfit_tui.tui.recent.compare import CompareScreen
from flopsfit_tui.tui.recent.find import Recent, age, find_recent
from flopsfit_tui.tui.text import str_path
from flopsfit_tui.tui.theme import palette_of, style
from flopsfit_tui.tui.widgets.active_keys import key_of
from flopsfit_tui.tui.widgets.confirm_dialog import ConfirmDialog
from flopsfit_tui.tui.widgets.footer import Footer
from flopsfit_tui.tui.widgets.table import Cell, Column, Table

COLUMNS = (
    Column("state", "state", 10, right=False),
    Column("workload", "workload", 16, right=False),
    Column("trials", "trials", 7),
    Column("budgets", "budgets", 15, right=False, rank=3),
    Column("optimum", "optimum", 18, right=False, rank=2),
    Column("age", "changed", 10, right=False, rank=1),
    Column("directory", "directory", 12, right=False, rank=4, grows=True, path=True),
)
GLYPHS = {"finished": "✓", "running": "▶", "stopped": "■", "failed": "✗", "damaged": "✗"}


class RecentTable(Table):
    """One row a sweep, the latest first."""

    def __init__(self) -> None:
        super().__init__(COLUMNS)
        self.sweeps: list[Recent] = []
        self.marked: set[Path] = set()  # directories to be compared
        self.empty_text = (
            f"no sweeps in {str_path(sweeps_directory())}; elsewhere: flopsfit-tui open DIR, compare DIR DIR"
        )

    @property
    def row_count(self) -> int:
        return len(self.sweeps)

    def fingerprint(self, row: int) -> tuple[Hashable, Hashable]:
        """A sweep; its age changes too slowly to matter."""
        sweep = self.sweeps[row]
        return sweep.directory, (id(sweep), self._mark(sweep.directory))

    def cells(self, row: int, columns: Sequence[Column]) -> list[Cell]:
        palette, sweep = palette_of(self.app), self.sweeps[row]
        plan, best = sweep.plan, sweep.optimum
        colors = {"finished": palette.good, "running": palette.live, "stopped": palette.warn, "failed": palette.bad}
        colors["damaged"] = palette.bad
        plain, muted = style(palette.foreground), style(palette.muted)
        ends = [format_flops(budget) for budget in (plan.budgets[0], plan.budgets[-1])] if plan else ["?", "?"]
        cells: dict[str, Cell] = {
            "state": (f"{GLYPHS[sweep.state]} {sweep.state}", style(colors[sweep.state])),
            "workload": (
                f"{self._mark(sweep.directory)}{plan.workload if plan else '?'}",
                style(palette.live if sweep.directory in self.marked else palette.foreground, bold=True),
            ),
            "trials": (f"{sweep.finished}/{len(plan.trials)}" if plan else "?", plain),
            "budgets": (ends[0] if ends[0] == ends[1] else f"{ends[0]}–{ends[1]}", plain),
            "optimum": (f"N {format_count(best.params)} at {format_flops(best.budget)}" if best else "–", plain),
            "age": (age(sweep.changed), muted),
            "directory": (str_path(sweep.directory), muted),
        }
        return [cells[column.name] for column in columns]

    def _mark(self, directory: Path) -> str:
        """In front of a workload, where any sweep is marked."""
        return "+ " if directory in self.marked else "  " if self.marked else ""


class RecentScreen(Screen[None]):
    """A table of sweeps and what can be done with one."""

    CSS_PATH = "screen.tcss"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,r", "app.pop_screen", "Back", id="close_recent", key_display="esc"),
        Binding("enter,o", "open", "Open", id="open_recent", key_display="enter"),
        Binding("s", "go_on", "Resume", id="go_on_recent"),
        Binding("space", "mark", "Mark", id="mark_recent", tooltip="Mark sweeps to compare"),
        Binding("c", "compare", "Compare", id="compare_recent", tooltip="The marked sweeps beside each other"),
        Binding("d,delete", "delete", "Delete", id="delete_recent", key_display="d"),
    ]

    class Found(Message):
        def __init__(self, recent: Recent) -> None:
            super().__init__()
            self.recent = recent

    class Picked(Message):
        """The user wants to open a sweep, or to resume one."""

        def __init__(self, recent: Recent, go_on: bool) -> None:
            super().__init__()
            self.recent, self.go_on = recent, go_on

    def compose(self) -> ComposeResult:
        yield Static(" Earlier sweeps", id="title", markup=False)
        yield RecentTable()
        yield Footer()

    def on_mount(self) -> None:
        self.query_one(RecentTable).focus()
        found = lambda recent: self.post_message(self.Found(recent))  # noqa: E731 - called from the thread
        self.run_worker(partial(find_recent, found), thread=True, exit_on_error=False)

    def on_recent_screen_found(self, message: Found) -> None:
        table = self.query_one(RecentTable)
        table.sweeps.append(message.recent)
        table.rows_changed()

    def action_mark(self) -> None:
        """Mark the sweep to be compared, or take the mark off; the cursor goes on."""
        table = self.query_one(RecentTable)
        if self._picked:
            table.marked ^= {self._picked.directory}
            table.rows_changed()
            table.action_move(1)

    def action_compare(self) -> None:
        """The marked sweeps beside each other, in the order of the table."""
        table = self.query_one(RecentTable)
        marked = [sweep.directory for sweep in table.sweeps if sweep.directory in table.marked]
        if len(marked) < 2:
            key = key_of(self, "mark_recent")
            self.notify(f"mark two sweeps or more with {key}, then compare them", timeout=4, markup=False)
        else:
            self.app.push_screen(CompareScreen(marked))

    @property
    def _picked(self) -> Recent | None:
        table = self.query_one(RecentTable)
        return table.sweeps[table.cursor] if table.sweeps else None

    def on_table_chosen(self) -> None:
        self.action_open()

    def action_open(self) -> None:
        """Look at the sweep; follow it when it runs."""
        self._pick(go_on=False)

    def action_go_on(self) -> None:
        self._pick(go_on=True)

    def _pick(self, go_on: bool) -> None:
        sweep = self._picked
        if sweep is None:
            return
        if sweep.problem:
            self.notify(printable(sweep.problem), severity="error", markup=False)
        if sweep.plan is not None:
            self.app.post_message(self.Picked(sweep, go_on))

    def action_delete(self) -> None:
        """Delete its files, when the user is sure."""
        sweep = self._picked
        if sweep is None:
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._delete(sweep)

        detail = f"{sweep.finished} finished trials in {str_path(sweep.directory)} would be gone for good."
        self.app.push_screen(
            ConfirmDialog(
                f"Delete this sweep of {sweep.plan.workload}?" if sweep.plan else "Delete this damaged sweep?",
                detail,
                "Delete",
                "Keep",
            ),
            answered,
        )

    def _delete(self, sweep: Recent) -> None:
        try:
            kept = kept_text(delete_sweep(sweep.directory))
        except (ValueError, OSError) as error:
            self.notify(printable(str(error)), severity="error", markup=False)
            return
        if kept:
            self.notify(printable(kept), markup=False)
        table = self.query_one(RecentTable)
        table.sweeps.remove(sweep)
        table.rows_changed()
