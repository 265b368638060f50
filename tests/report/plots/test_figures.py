"""The figures show what the analysis says, and can be drawn of nothing, of one point and of many budgets."""

import io

import numpy as np
import pytest
from made_sweep import make_plan, outcomes

from flopsfit_tui.core.trial import Outcome
from flopsfit_tui.report.answer.analysis import analyse
from flopsfit_tui.report.answer.sweep_runs import sweep_runs
from flopsfit_tui.store.base import HistoryRow

figures = pytest.importorskip("flopsfit_tui.report.plots.figures")


def history_of(plan, steps=400):
    rows = [HistoryRow(step, step * 10, step * 1e6, 5.0 / step**0.2, 0.1) for step in range(1, steps)]
    return {trial.key: rows for trial in plan.trials}


def drawn(plan, results, history):
    made = figures.all_figures(plan, analyse(sweep_runs(plan, results)), history)
    for figure in made.values():
        figure.savefig(io.BytesIO(), format="png", dpi=40)
    return made


def labels(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_they_show_the_optimum_of_the_analysis():
    plan = make_plan(points=7)
    results = outcomes(plan)
    analysis = analyse(sweep_runs(plan, results))
    made = drawn(plan, results, history_of(plan))
    assert set(made) == {"isoflop", "scaling", "loss_curves", "residuals"}
    assert labels(made["isoflop"])[-1] == "law"
    assert len(labels(made["isoflop"])) == len(plan.budgets) + 1
    above, below = made["scaling"].axes
    for axes, wanted in ((above, [r.params for r in analysis.optimum]), (below, [r.tokens for r in analysis.optimum])):
        inside, beyond = axes.lines[0].get_ydata(), axes.lines[1].get_ydata()
        assert [*inside, *beyond[1:]] == pytest.approx(wanted, rel=1e-9)
    assert below.collections[0].get_paths()[0].vertices[:, 1].max() > max(r.tokens for r in analysis.optimum)


def test_ticks_are_words_of_the_field():
    plan = make_plan(points=7)
    figure = drawn(plan, outcomes(plan), {})["scaling"]
    below = figure.axes[1]
    low, high = below.get_xlim()
    said = [tick.get_text() for tick in below.get_xticklabels()]
    places = below.get_xticks()
    assert len(said) >= 3
    assert all(np.isclose(float(text), at) for text, at in zip(said, places, strict=True) if low <= at <= high)


def test_nothing_one_point_and_a_failed_sweep_are_drawn():
    plan = make_plan()
    first = plan.trials[0].key
    for results in ({}, dict(list(outcomes(plan).items())[:1]), {first: Outcome("failed", error="x")}):
        drawn(plan, results, {})
    assert labels(drawn(plan, {}, {})["isoflop"]) == []


def test_many_budgets_keep_a_short_legend():
    plan = make_plan(budgets=tuple(1e15 * 1.3**i for i in range(40)), points=5)
    made = drawn(plan, outcomes(plan), history_of(plan, 30))
    for name in ("isoflop", "loss_curves", "residuals"):
        said = labels(made[name])
        assert "1e15" in said
        assert len(said) <= figures.MOST_LABELS + 1
