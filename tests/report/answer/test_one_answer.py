"""A sweep, its fit.json and its trials.csv say the same to the last digit, whatever became of its trials."""

import json
import math
from dataclasses import replace

import pytest
from made_sweep import make_plan, outcomes

from flopsfit_tui.core.trial import Outcome, Size
from flopsfit_tui.report.answer.analysis import analyse
from flopsfit_tui.report.answer.sweep_runs import sweep_runs
from flopsfit_tui.report.files.csv_rows import TRIALS, csv_text, trial_rows
from flopsfit_tui.report.files.document import answer_document
from flopsfit_tui.report.files.read_runs import read_runs


def noisy(plan):
    """Outcomes with noise, of trials that failed, diverged, learned nothing, and one not run yet."""
    found = dict(outcomes(plan))
    keys = list(found)
    for i, key in enumerate(keys):
        found[key] = replace(found[key], loss=found[key].loss * (1 + 0.01 * math.sin(7.0 * i)), first_loss=11.0)
    found[keys[3]] = Outcome("failed", error="Traceback:\n  x, y\nRuntimeError: out of memory")
    found[keys[4]] = replace(found[keys[4]], loss=math.nan)
    found[keys[5]] = replace(found[keys[5]], loss=11.5)
    del found[keys[6]]
    return found


def odd_plan(sizes):
    """Two seeds; a cost that is not 6N, measured beyond the ladders too; settings of any kind."""
    plan = make_plan(points=7, seeds=2)
    names = {size.size: sizes(i) for i, size in enumerate(plan.sizes)}
    measured = [Size(names[s.size], s.params, 7.0 * s.params + 1e6) for s in plan.sizes]
    far = Size(sizes(99), plan.sizes[-1].params * 40, 6.1 * plan.sizes[-1].params * 40)
    cost = {s.size: s.flops_per_token for s in measured}
    trials = [
        replace(t, size=names[t.size], tokens=round(t.budget / cost[names[t.size]]), budget=t.budget)
        for t in plan.trials
    ]
    return replace(plan, sizes=(*measured, far), trials=tuple(trials), dataset_samples=10**6, unit="images",
                   size_name="depth", bayes_loss=1.5)  # fmt: skip


@pytest.mark.parametrize("sizes", [int, lambda i: i / 4, lambda i: (2, i), lambda i: f"size, {i}"])
def test_a_sweep_and_its_table_give_one_answer(tmp_path, sizes):
    plan = odd_plan(sizes)
    results = noisy(plan)
    file = tmp_path / "moved.csv"
    file.write_text(csv_text(TRIALS, trial_rows(plan, results)))
    here, there = (answer_document(analyse(runs, [3e18])) for runs in (sweep_runs(plan, results), read_runs(file)))
    assert there.pop("runs").pop("file") == str(file)
    assert here.pop("runs")["file"] == "w"
    assert json.dumps(here) == json.dumps(there)
    assert here["unit"] == "images"
    assert {"left_out", "epochs"} <= {warning["code"] for warning in here["warnings"]}
    assert here["hold_out"]["points"] == 14


def test_a_sweep_has_the_warnings_of_a_table():
    plan = make_plan(budgets=(1e16, 1.2e16, 1.5e16), points=5)
    results = {
        key: replace(o, loss=o.loss * (1 + 0.02 * math.sin(5.0 * i)))
        for i, (key, o) in enumerate(outcomes(plan).items())
    }
    codes = {warning.code for warning in analyse(sweep_runs(plan, results)).warnings}
    assert "wide_interval" in codes  # at ten times the largest budget, which nobody asked for
    assert "far_target" not in codes
    assert "far_target" in {warning.code for warning in analyse(sweep_runs(plan, results), [1e20]).warnings}


def test_a_table_cut_out_of_a_sweep_is_still_a_table(tmp_path):
    plan = odd_plan(int)
    lines = csv_text(TRIALS, trial_rows(plan, noisy(plan))).splitlines()
    file = tmp_path / "cut.csv"
    file.write_text("\n".join([lines[0], *lines[10:60]]))  # without the row that says what sweep it is of
    runs = read_runs(file)
    assert runs.losses.size > 30
    assert runs.unit == "tokens"
    assert analyse(runs).fit.law is not None
