"""Every plot, for every series that a sweep can have, is text of its own size, and never raises."""

from __future__ import annotations

import math
import re

import pytest
from made_sweep import make_plan, outcomes

from flopsfit_tui.core.events import SweepStarted, TrialProgress, TrialStarted
from flopsfit_tui.core.state import SweepState
from flopsfit_tui.report.answer.analysis import analyse
from flopsfit_tui.report.answer.sweep_runs import sweep_runs
from flopsfit_tui.report.plots.chart import header
from flopsfit_tui.report.plots.palette import DARK, LIGHT, glyph
from flopsfit_tui.report.plots.series import (
    EMPTY,
    MOST_LINES,
    Line,
    interpolate_log_log,
    isoflop_series,
    loss_series,
    residual_series,
    scaling_series,
    thin,
)
from flopsfit_tui.report.plots.terminal import (
    isoflop_law_plot,
    isoflop_plot,
    loss_plot,
    plan_plot,
    residual_plot,
    scaling_plot,
)
from flopsfit_tui.report.plots.ticks import linear_ticks, log_ticks

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def plots(plan, results, state):
    analysis = analyse(sweep_runs(plan, results))
    return {
        "isoflop": lambda *size: isoflop_plot(isoflop_series(analysis), *size),
        "law": lambda *size: isoflop_law_plot(isoflop_series(analysis), *size),
        "scaling": lambda *size: scaling_plot(scaling_series(analysis), *size),
        "residuals": lambda *size: residual_plot(residual_series(analysis), *size),
        "loss": lambda w, *rest: loss_plot(loss_series(plan, state.trials.values(), w), w, *rest),
        "plan": lambda *size: plan_plot(plan, *size),
    }


def running(plan, results, losses=(5.0, 4.0, 3.5)):
    state = SweepState()
    state.apply(SweepStarted(plan, results, 2, {}))
    for trial in plan.trials[-2:]:
        state.apply(TrialStarted(trial.key, "w"))
        for i, loss in enumerate(losses):
            step = 10 * (i + 1)
            state.apply(TrialProgress(trial.key, step, step * 8, trial.flops * step / trial.steps, loss, 0.1 * i))
    return state


@pytest.mark.parametrize("size", [(80, 20), (24, 7), (200, 60), (40, 10)])
@pytest.mark.parametrize("palette", [DARK, LIGHT], ids=["dark", "light"])
def test_every_plot_has_the_size_that_was_asked_for(size, palette):
    plan = make_plan()
    results = outcomes(plan)
    for name, plot in plots(plan, results, running(plan, results)).items():
        lines = ANSI.sub("", plot(*size, palette)).split("\n")
        assert "cannot be drawn" not in lines[0], name
        assert len(lines) == size[1], name
        assert max(map(len, lines)) <= size[0], name
        scales = ("log axes", "log x", "log y", "linear axes")
        assert any(scale in lines[0] for scale in scales), name  # however narrow
        if name == "residuals":
            assert any(re.search(r"\d%[┤-]", line) for line in lines)  # the unit too


@pytest.mark.parametrize("count", range(8))
def test_a_sweep_that_has_just_begun_draws_or_says_what_it_waits_for(count):
    plan = make_plan()
    results = outcomes(plan, count)
    for name, plot in plots(plan, results, running(plan, results, losses=(5.0, math.nan)[: count % 3])).items():
        text = plot(80, 20, DARK)
        assert "cannot be drawn" not in text, name
        assert "\n" in text or len(text) > 10, name


@pytest.mark.parametrize(
    "plan",
    [
        make_plan(budgets=(1e15,)),
        make_plan(budgets=(1e15,), points=1),
        make_plan(points=2),
        make_plan(budgets=[10 ** (15 + i / 20) for i in range(40)], points=20, seeds=3),
        make_plan(budgets=(1e9, 1e24)),
    ],
    ids=["one budget", "one point", "two sizes", "forty budgets", "fifteen decades"],
)
def test_plans_of_every_shape_draw(plan):
    results = outcomes(plan)
    for name, plot in plots(plan, results, running(plan, results)).items():
        assert "cannot be drawn" not in plot(100, 30, DARK), name


def test_the_isoflop_plot_shows_what_it_is_read_for():
    plan = make_plan()
    text = isoflop_plot(isoflop_series(analyse(sweep_runs(plan, outcomes(plan)))), 100, 30, DARK)
    plain = ANSI.sub("", text)
    assert plain.count("★") == 1 + len(plan.budgets)  # one in the caption
    for i in range(3):
        assert plain.count(glyph(i)) >= 1 + 4  # one in the legend; a dot may lie under a star
    assert "1e15" in plain
    assert "10M" in plain
    color = "\x1b[38;2;{};{};{}m".format(*DARK.budget(1, 3))
    assert color in text


def test_a_broken_series_is_a_sentence():
    assert "cannot be drawn" in isoflop_plot([None], 80, 20, DARK)
    assert isoflop_plot([], 10, 3, DARK) == "too small to draw"


def test_loss_curves_are_thinned_and_the_running_ones_are_kept():
    plan = make_plan(budgets=[10 ** (15 + i / 20) for i in range(40)], points=5)
    state = running(plan, {})
    for trial in plan.trials[:-2]:
        state.trials[trial.key].history = [(i + 1, 5.0 - i / 1000) for i in range(1000)]
    series = loss_series(plan, state.trials.values(), 80)
    assert len(series.lines) == MOST_LINES
    assert series.hidden == len(plan.trials) - MOST_LINES
    assert all(len(line.line.x) <= 80 for line in series.lines)
    assert [line.key for line in series.lines if line.bright] == [t.key for t in plan.trials[-2:]]


def test_thinning_keeps_the_ends_and_leaves_out_what_is_not_a_number():
    line = thin([(i + 1, math.nan if i == 500 else 10.0 / (i + 1)) for i in range(1000)], 2.0, 50)
    assert line.x == tuple(sorted(line.x))
    assert line.x[-1] == pytest.approx(2000, rel=0.1)
    assert all(math.isfinite(y) for y in line.y)
    assert thin([], 1.0, 50).x == ()


def test_a_power_between_two_places_keeps_them():
    line = Line((1e10, 3e10, 1e13), (1e5, 2e5, 1e6))
    bent = interpolate_log_log(line)
    found = dict(zip(bent.x, bent.y, strict=True))
    assert len(found) > 50
    assert [found[x] for x in line.x] == pytest.approx(line.y)
    slope = math.log(5) / math.log(1000 / 3)
    assert all(y == pytest.approx(2e5 * (x / 3e10) ** slope) for x, y in found.items() if x > 3e10)
    assert interpolate_log_log(EMPTY) == EMPTY
    assert interpolate_log_log(Line((1e10,), (1e5,))) == Line((1e10,), (1e5,))


@pytest.mark.parametrize(("low", "high"), [(1e3, 1e6), (4.2e4, 4.4e4), (1.0, 2.0), (1e-3, 1e15)])
def test_log_ticks_are_round_inside_and_few(low, high):
    ticks = log_ticks(low, high, 8, str)
    assert 1 <= len(ticks) <= 8
    assert all(math.log10(low) <= at <= math.log10(high) for at, _ in ticks)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (1.83, 1.84), (-3.2, 4.1), (1e4, 3e6)])
def test_linear_ticks_are_round_inside_and_different(low, high):
    ticks = linear_ticks(low, high, 6)
    assert 2 <= len(ticks) <= 7
    assert all(low - 1e-9 <= at <= high + 1e-9 for at, _ in ticks)
    assert len({label for _, label in ticks}) == len(ticks)
    assert all(float(label) == pytest.approx(at, abs=1e-9) for at, label in ticks)


def test_colours_of_budgets_differ_and_a_header_fits():
    for palette in (DARK, LIGHT):
        for count in (1, 2, 5, 6):
            assert len(set(palette.ramp(count))) == count
        assert len(set(palette.ramp(40))) > 30
    for width in range(1, 60):
        text = ANSI.sub("", header("a caption of words", "log x", [("● 1e10", (1, 2, 3))] * 6, width, DARK))
        assert len(text) <= width
