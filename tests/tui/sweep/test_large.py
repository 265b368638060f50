"""Long sweeps: what the app keeps, reads and draws of them is bounded."""

from __future__ import annotations

import shutil

import pytest

from flopsfit_tui.core.events import TrialEnded, TrialProgress, TrialStarted
from flopsfit_tui.core.options import Options
from flopsfit_tui.core.state import CURVE_POINTS, HISTORY_ROWS
from flopsfit_tui.core.trial import Outcome, Plan, Recipe, Request, Size, Trial
from flopsfit_tui.report.plots.palette import DARK
from flopsfit_tui.report.plots.series import MOST_LINES, loss_series
from flopsfit_tui.report.plots.terminal import loss_plot
from flopsfit_tui.store.sqlite import SqliteStore
from flopsfit_tui.tui.sweep.point_table import PointTable
from flopsfit_tui.tui.sweep.trial_table import TrialTable
from flopsfit_tui.tui.widgets.table import ROW_CACHE

BUDGETS = (1e15, 2e15, 4e15)
SIZES = (1000, 2000, 3000, 4000)
SEEDS = 25  # 300 trials


@pytest.fixture
def long_sweep(written, tmp_path):
    """A copy of it, for a test of its own."""
    return shutil.copytree(written, tmp_path / "sweep")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A finished sweep of 300 trials on disk; two of them with as many rows as a store keeps."""
    trials = [
        Trial(f"{c:g}-{n}-{seed}", c, n, n, int(c / 6 / n), 10, 50_000, 8, seed, c, 1e-3)
        for c in BUDGETS
        for n in SIZES
        for seed in range(SEEDS)
    ]
    sizes = tuple(Size(n, n, 6.0 * n) for n in SIZES)
    plan = Plan("long", "id", "width", "tokens", 1, None, Recipe(1e-3), BUDGETS, BUDGETS, sizes, tuple(trials))
    directory = tmp_path_factory.mktemp("long")
    store = SqliteStore(directory)
    store.begin(plan)
    for i, trial in enumerate(trials):
        store.record(TrialStarted(trial.key, "w"))
        for row in range(1, (HISTORY_ROWS if i in (0, 299) else 3) + 1):
            store.record(TrialProgress(trial.key, 50 * row, row, 1.0, 9.0 - row / 1000, 1.0))
        loss = 2 + 400 / trial.params**0.5 + 1e4 / trial.tokens**0.5 + 0.001 * trial.seed
        store.record(TrialEnded(trial.key, Outcome("finished", loss=loss, first_loss=9.0)))
    store.close()
    return directory


@pytest.fixture
async def looked_at(open_app, long_sweep):
    async with open_app(Options(Request("long"), out=long_sweep), "wide", reading=long_sweep) as app:
        await app.until(lambda: app.state.trials and all(now.history for now in app.state.trials.values()), "curves")
        yield app


async def test_a_long_history_is_opened_as_short_curves(looked_at):
    lengths = [len(now.history) for now in looked_at.state.trials.values()]
    assert set(lengths[1:-1]) == {3}
    for long in (lengths[0], lengths[-1]):
        assert CURVE_POINTS / 2 < long <= CURVE_POINTS


@pytest.mark.parametrize("width", [40, 100])
async def test_a_plot_gets_no_more_points_than_it_can_show(looked_at, width):
    series = loss_series(looked_at.app_state.plan, looked_at.state.trials.values(), width)
    assert len(series.lines) == MOST_LINES
    assert max(len(line.line.x) for line in series.lines) <= width
    assert len(loss_plot(series, width, 20, DARK)) < 30 * width * 20


async def test_a_long_table_keeps_few_drawn_rows(looked_at):
    await looked_at.press("2")
    table = looked_at.app.screen.query_one(TrialTable)
    assert table.row_count == 300 > ROW_CACHE
    for _ in range(30):
        await looked_at.press("pagedown")
    assert table.cursor == 299
    assert len(table._row_cache) <= ROW_CACHE


async def test_a_table_that_is_what_it_was_is_not_drawn_again(looked_at, monkeypatch):
    table = looked_at.app.screen.query_one(PointTable)
    drawn = []
    monkeypatch.setattr(table, "refresh", lambda *regions, **what: drawn.append(what))
    table.redraw()
    assert not drawn
    now = next(iter(looked_at.state.trials.values()))
    now.status = "failed"
    table.redraw()
    assert drawn
