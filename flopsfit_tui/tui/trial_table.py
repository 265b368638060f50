"""The table of trials: what each is, how far it is, what came of it."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

from flopsfit_tui.core.state import TrialState
from flopsfit_tui.core.units import format_count, format_flops, format_seconds
from flopsfit_tui.report.palette import Palette, glyph
from flopsfit_tui.tui.board import Board
from flopsfit_tui.tui.grid import Cell, Column, Grid
from flopsfit_tui.tui.look import STATUS_GLYPHS, palette_of, status_color, style


class TrialTable(Grid):
    """One row a trial, in the order of the plan."""

    empty_text = "the plan appears here once the model's sizes have been measured"

    def __init__(self, board: Board, *, id: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__([], id=id)
        self._board = board
        self._rows: list[TrialState] = []
        self._best: set[str] = set()
        self._laid_out_for: object = None

    def redraw(self) -> None:
        """Take up what the sweep's state is now."""
        plan = self._board.plan
        state = self._board.state
        if plan is None:
            return
        if self._laid_out_for is not plan:
            self._laid_out_for = plan
            self.set_columns(_columns(plan.size_name, plan.unit, any(t.seed for t in plan.trials)))
        self._rows = list(state.trials.values()) or [TrialState(trial) for trial in plan.trials]
        self._best = _best(self._rows)
        self.rows_changed()
        if not self.touched:  # until somebody looks around, what runs stays in sight
            running = [i for i, now in enumerate(self._rows) if now.status == "running"]
            for row in running[-1:] + running[:1]:
                self.show_row(row)

    @property
    def row_count(self) -> int:
        """Trials shown."""
        return len(self._rows)

    def fingerprint(self, row: int) -> tuple[Hashable, Hashable]:
        """A trial, and what of it changes."""
        now, cost = self._rows[row], self._board.estimate
        return now.trial.key, (now.status, now.step, now.loss, now.trial.key in self._best, cost is None)

    def trial(self, row: int) -> TrialState:
        """The trial in a row."""
        return self._rows[row]

    def selected(self) -> list[TrialState]:
        """The trial under the cursor."""
        return self._rows[self.cursor : self.cursor + 1]

    def cells(self, row: int, columns: Sequence[Column]) -> list[Cell]:
        """Every cell of a trial."""
        palette = palette_of(self.app)
        now = self._rows[row]
        trial = now.trial
        plan = self._board.plan
        assert plan is not None
        place = plan.budgets.index(trial.budget) if trial.budget in plan.budgets else 0
        plain = style(palette.foreground if now.status != "pending" else palette.muted)
        made = {
            "status": lambda: (
                f"{STATUS_GLYPHS[now.status]} {now.status}",
                style(status_color(now.status, palette), bold=now.status == "running"),
            ),
            "budget": lambda: (
                f"{glyph(place)} {format_flops(trial.budget)}",
                style(palette.budget(place, len(plan.budgets))),
            ),
            "size": lambda: (str(trial.size), plain),
            "params": lambda: (format_count(trial.params), plain),
            "tokens": lambda: (format_count(trial.tokens), plain),
            "seed": lambda: (str(trial.seed), plain),
            "loss": lambda: self._loss(now, palette),
            "progress": lambda: self._progress(now, palette),
        }
        return [made[column.name]() for column in columns]

    def _loss(self, now: TrialState, palette: Palette) -> Cell:
        if now.status == "finished" and now.outcome:
            best = now.trial.key in self._best
            return f"{'★' if best else ' '} {now.outcome.loss:.3f}", style(
                palette.minimum if best else palette.foreground, bold=best
            )
        if now.status == "running" and math.isfinite(now.loss):
            return f"~ {now.loss:.3f}", style(palette.live)
        return "", style(palette.muted)

    def _progress(self, now: TrialState, palette: Palette) -> Cell:
        if now.status == "running":
            room = max(4, self.width_of("progress") - 5)
            full = round(now.fraction * room)
            return f"{'━' * full}{'┄' * (room - full)} {now.fraction:4.0%}", style(palette.live)
        if now.status == "failed" and now.outcome:
            lines = now.outcome.error.strip().splitlines()
            return lines[-1] if lines else "failed", style(palette.bad)
        if now.outcome:
            return format_seconds(now.outcome.seconds), style(palette.muted)
        cost = self._board.estimate
        seconds = self._board.state.predicted.get(now.trial.key) or (cost and cost.seconds.get(now.trial.key))
        return (f"~{format_seconds(seconds)}" if seconds else ""), style(palette.faint)


def _columns(size_name: str, unit: str, seeds: bool) -> list[Column]:
    columns = [
        Column("status", "status", 10, right=False),
        Column("budget", "budget", 9, right=False),
        Column("size", size_name[:8], max(4, min(8, len(size_name))), rank=3),
        Column("params", "params", 6, rank=2),
        Column("tokens", unit, max(6, len(unit)), rank=4),
        Column("loss", "loss", 7),
        Column("progress", "progress", 9, right=False, rank=1, grows=True),
    ]
    if seeds:
        columns.insert(5, Column("seed", "seed", 4, rank=5))
    return columns


def _best(rows: Sequence[TrialState]) -> set[str]:
    """The keys of the lowest loss at every budget that has two or more finished sizes."""
    lowest: dict[float, TrialState] = {}
    finished: dict[float, int] = {}
    for now in rows:
        if now.outcome is None or not math.isfinite(now.outcome.loss):
            continue
        budget = now.trial.budget
        finished[budget] = finished.get(budget, 0) + 1
        best = lowest.get(budget)
        if best is None or best.outcome is None or now.outcome.loss < best.outcome.loss:
            lowest[budget] = now
    return {now.trial.key for budget, now in lowest.items() if finished[budget] > 1}
