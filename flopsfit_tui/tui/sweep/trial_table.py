"""The table of trials: what each is, how far it is, what came of it; sorted and filtered as the user likes."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, ClassVar

from textual.binding import Binding, BindingType

from flopsfit_tui.core.error_text import take_apart
from flopsfit_tui.core.state import TrialState, percent
from flopsfit_tui.core.trial import Plan, Status
from flopsfit_tui.core.units import format_count, format_flops, format_seconds
from flopsfit_tui.report.plots.palette import Palette, glyph
from flopsfit_tui.tui.session.app_state import AppState
from flopsfit_tui.tui.sweep.trial_filter import Keeps, parse_filter, unknown_words
from flopsfit_tui.tui.theme import NOT_FITTED, STATUS_GLYPHS, palette_of, status_color, style
from flopsfit_tui.tui.widgets.table import Cell, Column, Table

ORDER: dict[str, Callable[[TrialState], Any]] = {  # what a column is sorted by
    "status": lambda now: STATUSES.index(now.status),
    "budget": lambda now: now.trial.budget,
    "size": lambda now: (now.trial.params, str(now.trial.size)),
    "params": lambda now: now.trial.params,
    "tokens": lambda now: now.trial.tokens,
    "seed": lambda now: now.trial.seed,
    "rate": lambda now: now.trial.learning_rate,
    "loss": lambda now: _or_last(now.outcome.loss if now.outcome else now.loss),
    "progress": lambda now: _or_last(now.outcome.seconds if now.outcome else math.nan),
}
STATUSES: tuple[Status, ...] = ("running", "failed", "pending", "finished", "skipped")


class TrialTable(Table):
    """One row a trial, in the order of the plan until somebody sorts it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("greater_than_sign,full_stop", "sort(1)", "Sort by the next column", id="sort_next", show=False),
        Binding("less_than_sign,comma", "sort(-1)", "Sort by the column before", id="sort_previous", show=False),
        Binding("v", "reverse", "Reverse the order", id="sort_reverse", show=False),
    ]
    empty_text = "the plan appears once sizes are measured"

    def __init__(self, app_state: AppState, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__([], id=id, classes=classes)
        self._app_state = app_state
        self._rows: list[TrialState] = []
        self._best: set[str] = set()
        self._aside: Mapping[str, str] = {}  # why trials are not fitted, by key
        self._laid_out_for: object = None
        self.sorted_by, self.descending = "", False  # a column's name; "" is the order of the plan
        self.filter = ""
        self._keeps: Keeps = parse_filter("")

    def redraw(self) -> None:
        """Take up what the sweep's state is now."""
        plan = self._app_state.plan
        state = self._app_state.state
        if plan is None:
            return
        if self._laid_out_for is not plan:
            self._laid_out_for = plan
            self.set_columns(_columns(plan))
        rows = list(state.trials.values()) or [TrialState(trial) for trial in plan.trials]
        self._aside = self._app_state.not_fitted()
        self._best = _best([now for now in rows if now.trial.key not in self._aside])
        under = self.trial(self.cursor).trial.key if self.user_scrolled and self.cursor < len(self._rows) else None
        self._rows = self._arranged([now for now in rows if self._keeps(now)])
        self.rows_changed()
        if under is not None:  # the cursor stays with its trial when rows move
            self.cursor = next((i for i, now in enumerate(self._rows) if now.trial.key == under), self.cursor)
        if not self.user_scrolled:  # until somebody looks around, what runs stays in sight
            running = [i for i, now in enumerate(self._rows) if now.status == "running"]
            for row in running[-1:] + running[:1]:
                self.show_row(row)

    # ---- order and filter ----

    def _arranged(self, rows: list[TrialState]) -> list[TrialState]:
        if self.sorted_by:
            rows.sort(key=ORDER[self.sorted_by], reverse=self.descending)
            if self.sorted_by in ("loss", "progress"):  # what has none stays below either way
                rows.sort(key=lambda now: math.isinf(ORDER[self.sorted_by](now)))
        return rows

    def sort(self, name: str, descending: bool) -> None:
        """Sort by a column; "" is the order of the plan."""
        self.sorted_by, self.descending = (name if name in ORDER else ""), descending
        self.redraw()
        self.post_message(self.Moved())  # another trial may lie under the cursor

    def show_only(self, text: str) -> None:
        """Another filter. Raises ValueError for one that cannot be meant."""
        plan = self._app_state.plan
        self._keeps = parse_filter(text, plan.size_name, plan.unit) if plan else parse_filter(text)
        self.filter = text
        self.empty_text = f"no trials match{unknown_words(text)}" if text else ""
        self.redraw()
        self.post_message(self.Moved())

    def go_to(self, status: Status) -> bool:
        """Put the cursor on the next trial of a status, from the top again after the last; false without one."""
        rows = [i for i, now in enumerate(self._rows) if now.status == status]
        if rows:
            self.user_scrolled = True
            self.cursor = next((i for i in rows if i > self.cursor), rows[0])
        return bool(rows)

    def action_sort(self, step: int) -> None:
        """By the next column in sight, and after the last in the plan's order."""
        names = ["", *(column.name for column in self.columns)]
        at = names.index(self.sorted_by) if self.sorted_by in names else 0
        self.sort(names[(at + step) % len(names)], False)

    def action_reverse(self) -> None:
        self.sort(self.sorted_by or "budget", not self.descending)

    def header_clicked(self, x: int) -> None:
        """A click on a column's title sorts by it; another turns it round."""
        column = self.column_at(x)
        if column is not None:
            self.sort(column.name, self.sorted_by == column.name and not self.descending)

    def title(self, column: Column) -> str:
        """The column that is sorted by has an arrow."""
        if column.name != self.sorted_by:
            return column.title
        return f"{column.title[: column.width - 1]}{'↓' if self.descending else '↑'}"

    @property
    def row_count(self) -> int:
        return len(self._rows)

    def fingerprint(self, row: int) -> tuple[Hashable, Hashable]:
        """A trial, and what of it changes."""
        now, cost = self._rows[row], self._app_state.estimate
        return now.trial.key, (
            now.status,
            now.step,
            now.loss,
            now.trial.key in self._best,
            now.trial.key in self._aside,
            cost is None,
        )

    def trial(self, row: int) -> TrialState:
        return self._rows[row]

    def selected(self) -> list[TrialState]:
        return self._rows[self.cursor : self.cursor + 1]

    def cells(self, row: int, columns: Sequence[Column]) -> list[Cell]:
        palette = palette_of(self.app)
        now = self._rows[row]
        trial = now.trial
        plan = self._app_state.plan
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
            "rate": lambda: (f"{trial.learning_rate:.3g}", plain),
            "loss": lambda: self._loss(now, palette),
            "progress": lambda: self._progress(now, palette),
        }
        return [made[column.name]() for column in columns]

    def _loss(self, now: TrialState, palette: Palette) -> Cell:
        if now.status == "finished" and now.outcome:
            best = now.trial.key in self._best
            if now.trial.key in self._aside:
                return f"{NOT_FITTED} {now.outcome.loss:.3f}", style(palette.muted)
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
            return f"{'━' * full}{'┄' * (room - full)} {percent(now.fraction):>4}", style(palette.live)
        if now.status == "failed" and now.outcome:
            return take_apart(now.outcome.error).headline, style(palette.bad)
        if now.outcome:
            return format_seconds(now.outcome.seconds), style(palette.muted)
        cost = self._app_state.estimate
        seconds = self._app_state.state.predicted.get(now.trial.key) or (cost and cost.seconds.get(now.trial.key))
        return (f"~{format_seconds(seconds)}" if seconds else ""), style(palette.muted)


def _or_last(value: float) -> float:
    return value if math.isfinite(value) else math.inf


def _columns(plan: Plan) -> list[Column]:
    size_name, unit = plan.size_name, plan.unit
    widest = max(map(len, [size_name[:8], *(str(size) for size in plan.settings())]))
    columns = [
        Column("status", "status", 10, right=False),
        Column("budget", "budget", 9, right=False),
        Column("size", size_name[:8], max(4, min(10, widest)), rank=3),
        Column("params", "params", 6, rank=2),
        Column("tokens", unit, max(6, len(unit)), rank=4),
        Column("loss", "loss", 7),
        Column("progress", "progress", 9, right=False, rank=1, grows=True),
    ]
    if len(plan.rates) > 1:
        columns.insert(5, Column("rate", "rate", 7, rank=5))
    if any(t.seed for t in plan.trials):
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
