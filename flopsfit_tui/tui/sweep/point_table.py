"""The home view: sizes down, budgets across, so each budget's U-shaped loss curve runs down its column.

Budgets are few and sizes many, and a terminal has more room for columns of eight than rows of a hundred; so sizes are
the rows. Where budgets do not fit, the columns move with the cursor.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import ClassVar

from rich.style import Style
from textual.binding import Binding, BindingType

from flopsfit_tui.core.sizes import Setting
from flopsfit_tui.core.state import TrialState, percent
from flopsfit_tui.core.trial import Plan, Status
from flopsfit_tui.core.units import format_count, format_flops
from flopsfit_tui.report.plots.palette import Palette, glyph
from flopsfit_tui.tui.session.app_state import AppState
from flopsfit_tui.tui.text import shorten
from flopsfit_tui.tui.theme import NOT_FITTED, PROPOSED, STATUS_GLYPHS, palette_of, status_color, style
from flopsfit_tui.tui.widgets.table import GAP, Cell, Column, Table

CELL = 8
NOTHING: Mapping[str, str] = {}
Point = tuple[float, Setting]  # budget, size


class PointTable(Table):
    """Every point: its mean loss, its state, the best of each budget; the cursor is a cell."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "across(-1)", "Previous budget", id="previous_budget", show=False),
        Binding("right,l", "across(1)", "Next budget", id="next_budget", show=False),
    ]
    empty_text = "the plan appears once sizes are measured"

    def __init__(self, app_state: AppState, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__([], id=id, classes=classes)
        self._app_state = app_state
        self._plan: Plan | None = None
        self._sizes: list[Setting] = []
        self._points: dict[Point, list[TrialState]] = {}
        self._best: dict[float, Setting] = {}  # budget -> size
        self._aside: Mapping[str, str] = {}  # why trials are not fitted, by key
        self._added: Collection[str] = frozenset()  # keys of trials that were not in the plan at first
        self._proposed: Point | None = None
        self._first = 0  # budget in the leftmost column
        self._at_work: int | None = None  # the first budget that has a running trial
        self.cursor_column = 0

    # ---- what it shows ----

    def redraw(self) -> None:
        """Take up what the sweep's state is now."""
        plan, state = self._app_state.plan, self._app_state.state
        if plan is None:
            return
        trials = list(state.trials.values()) or [TrialState(trial) for trial in plan.trials]
        points: dict[Point, list[TrialState]] = {}
        for now in trials:
            points.setdefault(now.trial.point, []).append(now)
        self._points, self._aside = points, self._app_state.not_fitted()
        self._added = frozenset(plan.added)
        choice = self._app_state.proposal
        self._proposed = (choice.budget, choice.size.size) if choice and choice.budget and choice.size else None
        if self._proposed:  # also a size that no trial has yet
            points.setdefault(self._proposed, [])
        params = {s.size: s.params for s in plan.sizes}
        by_params = {size: params[size] for _, size in points}
        self._sizes = sorted(by_params, key=lambda size: (by_params[size], str(size)))
        fitted = {point: [now for now in here if now.trial.key not in self._aside] for point, here in points.items()}
        self._best = _best(fitted)
        at_work = next((i for i, b in enumerate(plan.budgets) for s in self._sizes if self._runs((b, s))), None)
        if self._plan is not plan or at_work != self._at_work:
            self._plan, self._at_work = plan, at_work
            self._lay_out()
        self.rows_changed()
        if not self.user_scrolled:  # until somebody looks around, what runs stays in sight
            running = [r for r, s in enumerate(self._sizes) for b in plan.budgets if self._runs((b, s))]
            for row in running[-1:] + running[:1]:
                self.show_row(row)

    def _runs(self, point: Point) -> bool:
        return any(now.status == "running" for now in self._points.get(point, ()))

    def _lay_out(self) -> None:
        """The budgets that fit, among them the cursor's; or the one that runs, until somebody moves the cursor."""
        plan = self._plan
        if plan is None:
            return
        head = [
            Column(
                "size", plan.size_name[:10], max(4, min(10, max(map(len, [plan.size_name, *map(str, self._sizes)]))))
            ),
            Column("params", "params", 6),
        ]
        room = (self.scrollable_content_region.width or self.size.width) + GAP - head[0].width - GAP
        titles = [f"{glyph(i)} {format_flops(budget)}" for i, budget in enumerate(plan.budgets)]
        cell = max(CELL, *map(len, titles))
        if len(plan.budgets) * (cell + GAP) <= room - head[1].width - GAP:
            room -= head[1].width + GAP
        else:
            del head[1]
        fits = max(1, room // (cell + GAP))
        last = max(0, len(plan.budgets) - fits)
        at = self.cursor_column if self.user_scrolled or self._at_work is None else self._at_work
        self._first = max(min(self._first, at, last), at - fits + 1)
        shown = range(self._first, min(len(plan.budgets), self._first + fits))
        columns = [Column(str(i), titles[i], cell) for i in shown]
        self.set_columns([*head, *columns])

    def on_resize(self) -> None:
        self._lay_out()

    @property
    def row_count(self) -> int:
        return len(self._sizes)

    def fingerprint(self, row: int) -> tuple[Hashable, Hashable]:
        """A size, and what of its points changes."""
        assert self._plan is not None
        size = self._sizes[row]
        cells = []
        for budget in self._plan.budgets:
            trials = self._points.get((budget, size), ())
            shares = tuple((now.status, percent(now.fraction)) for now in trials)
            left_out = tuple(now.trial.key in self._aside for now in trials)
            cells.append((shares, left_out, self._best.get(budget) == size, self._proposed == (budget, size)))
        return size, tuple(cells)

    def title_style(self, column: Column) -> Style:
        """Budgets have their colours in the header too."""
        if self._plan is not None and column.name.isdecimal():
            return style(palette_of(self.app).budget(int(column.name), len(self._plan.budgets)), bold=True)
        return super().title_style(column)

    def cells(self, row: int, columns: Sequence[Column]) -> list[Cell]:
        palette, plan, size = palette_of(self.app), self._plan, self._sizes[row]
        assert plan is not None
        params = next(s.params for s in plan.sizes if s.size == size)
        cells = []
        for column in columns:
            if column.name == "size":
                cells.append((shorten(str(size), 10, front=False), style(palette.foreground, bold=True)))
            elif column.name == "params":
                cells.append((format_count(params), style(palette.muted)))
            else:
                budget = plan.budgets[int(column.name)]
                best = self._best.get(budget) == size
                cell = point_cell(self._points.get((budget, size), []), best, palette, self._aside, self._added)
                if self._proposed == (budget, size):
                    cell = (f"{PROPOSED} {cell[0].partition(' ')[2]}".rstrip(), style(palette.live, bold=True))
                cells.append(cell)
        return cells

    # ---- moving ----

    def action_across(self, columns: int) -> None:
        if self._plan is None:
            return
        self.user_scrolled = True
        self.cursor_column = max(0, min(len(self._plan.budgets) - 1, self.cursor_column + columns))
        self._lay_out()
        self.post_message(self.Moved())

    def cell_of_cursor(self) -> str:
        return str(self.cursor_column)

    def clicked_column(self, column: Column) -> None:
        """The mouse moves the cursor across too."""
        if column.name.isdecimal():
            self.cursor_column = int(column.name)

    def selected(self) -> list[TrialState]:
        """The trials of the point under the cursor."""
        if self._plan is None or not self._sizes:
            return []
        return self._points.get((self._plan.budgets[self.cursor_column], self._sizes[self.cursor]), [])


def point_cell(
    trials: Sequence[TrialState],
    best: bool,
    palette: Palette,
    aside: Mapping[str, str] = NOTHING,
    added: Collection[str] = (),
) -> Cell:
    """A point in eight characters: a glyph for its state, the mean loss of what is fitted, or how far it is."""
    if not trials:
        return "", style(palette.faint)
    running = [now for now in trials if now.status == "running"]
    fitted = [now for now in trials if now.trial.key not in aside]
    if not fitted and not running and all(now.status == "finished" for now in trials):
        loss = min(now.outcome.loss for now in trials if now.outcome)
        return f"{NOT_FITTED} {loss:.3f}", style(palette.muted)
    shown = fitted or trials
    losses = [now.outcome.loss for now in shown if now.status == "finished" and now.outcome]
    statuses = {now.status for now in shown}
    mean = f"{sum(losses) / len(losses):.3f}" if losses else ""
    if running:
        share = sum(now.fraction for now in trials) / len(trials)
        return f"{STATUS_GLYPHS['running']} {percent(share)}", style(palette.live, bold=True)
    if "failed" in statuses:
        return f"{STATUS_GLYPHS['failed']} {mean or 'failed'}", style(palette.bad)
    if best:
        return f"★ {mean}", style(palette.minimum, bold=True)
    if statuses == {"finished"}:
        return f"{STATUS_GLYPHS['finished']} {mean}", style(palette.foreground)
    if losses:
        return f"◐ {mean}", style(palette.foreground)
    if statuses == {"pending"} and all(now.trial.key in added for now in trials):
        return PROPOSED, style(palette.live)
    status: Status = "skipped" if statuses == {"skipped"} else "pending"
    return STATUS_GLYPHS[status], style(status_color(status, palette))


def _best(points: dict[Point, list[TrialState]]) -> dict[float, Setting]:
    """The size of the lowest mean loss at every budget that has two or more finished sizes."""
    means: dict[float, list[tuple[float, Setting]]] = {}
    for (budget, size), trials in points.items():
        losses = [now.outcome.loss for now in trials if now.status == "finished" and now.outcome]
        if losses and all(map(math.isfinite, losses)):
            means.setdefault(budget, []).append((sum(losses) / len(losses), size))
    return {budget: min(found, key=lambda pair: pair[0])[1] for budget, found in means.items() if len(found) > 1}
