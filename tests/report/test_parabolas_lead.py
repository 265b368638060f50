"""Where the runs do not follow the law and the parabolas lead, every answer and every plot is theirs."""

import math
from dataclasses import replace

import numpy as np
import pytest
from made_sweep import make_plan, outcomes

from flopsfit_tui.report.answer.analysis import analyse
from flopsfit_tui.report.answer.sweep_runs import sweep_runs
from flopsfit_tui.report.plots.palette import DARK
from flopsfit_tui.report.plots.series import scaling_series
from flopsfit_tui.report.plots.terminal import scaling_plot
from flopsfit_tui.report.result import Result

BUDGETS = (1e15, 3e15, 1e16, 3e16, 1e17)
TARGET = 1e18


@pytest.fixture(scope="module")
def swept():
    """Losses whose terms do not add, with g = 2 in the second form."""
    plan, rng = make_plan(budgets=BUDGETS, points=7), np.random.default_rng(0)

    def loss(trial):
        terms = 400 / trial.params**0.34, 410 / trial.tokens**0.28
        return (1.7 + math.hypot(*terms)) * math.exp(0.002 * rng.normal())

    made = outcomes(plan)
    return plan, {trial.key: replace(made[trial.key], loss=loss(trial)) for trial in plan.trials}


@pytest.fixture(scope="module")
def analysis(swept):
    found = analyse(sweep_runs(*swept), (TARGET,))
    assert found.fit.leading == "parabolas"
    return found


def test_the_prediction_is_theirs(swept, analysis, tmp_path):
    found = Result(*swept, tmp_path).predict(TARGET)
    assert found.optimal_params == round(analysis.fit.predict(TARGET).params)
    assert found.optimal_params == pytest.approx(float(analysis.fit.power_laws[0](TARGET)), rel=1e-6)
    assert found.params_low < found.optimal_params < found.params_high


def test_the_plot_in_the_terminal_has_their_line_and_its_band(analysis):
    drawn = scaling_series(analysis)
    assert drawn.params.x == drawn.tokens.x == (*BUDGETS, TARGET, 10 * TARGET)
    assert drawn.params_low.x == drawn.params_high.x == drawn.params.x
    assert [row.budget for row in drawn.targets] == [TARGET, 10 * TARGET]
    text = scaling_plot(drawn, 80, 24, DARK)
    assert "●" in text.split("\n", 1)[1]  # below the legend: the target's own mark
    assert "■" in text.split("\n", 1)[1]


def test_the_figure_has_their_line_and_says_whose_it_is(swept, analysis):
    pytest.importorskip("matplotlib")
    from flopsfit_tui.report.plots.figures import scaling_figure

    above, _ = scaling_figure(swept[0], analysis).axes
    (line,) = (line for line in above.lines if line.get_label() == "through the parabolas")
    assert list(line.get_xdata()) == list(BUDGETS)
