"""The recommendation is Python that runs, and spends the budget; the report is Markdown with the same numbers."""

import pytest
from made_sweep import make_plan, outcomes

from flopsfit_tui.core.trial import Outcome
from flopsfit_tui.report.answer.analysis import analyse, optimum_at
from flopsfit_tui.report.answer.sweep_runs import sweep_runs
from flopsfit_tui.report.text.markdown import markdown_report
from flopsfit_tui.report.text.recommendation import how_far_beyond, recommendation


@pytest.mark.parametrize("budget", [1e16, 1e17])
def test_the_recommendation_runs_and_spends_the_budget(budget):
    plan = make_plan(points=7)
    analysis = analyse(sweep_runs(plan, outcomes(plan)))
    said = {}
    exec(recommendation(plan, analysis, budget), said)
    row = optimum_at(analysis, budget)
    assert said["compute_budget"] == budget
    assert said["width"] == row.size
    assert said["tokens"] * plan.flops_per_token(row.size) == pytest.approx(budget, rel=1e-6)
    assert said["expected_loss"] == pytest.approx(row.loss, rel=1e-3)


def test_far_beyond_the_sizes_that_were_measured_it_names_params_not_a_size():
    plan = make_plan(points=7)
    analysis = analyse(sweep_runs(plan, outcomes(plan)))
    said = {}
    exec(recommendation(plan, analysis, 1e24), said)
    row = optimum_at(analysis, 1e24)
    assert "width" not in said
    assert said["params"] == round(row.params)
    assert said["tokens"] == round(row.tokens)


def test_how_far_beyond_counts_from_the_largest_budget_that_was_run():
    plan = make_plan(points=7)
    results = outcomes(plan)
    most = plan.budgets[-1]
    assert how_far_beyond(plan, None, 10 * most) == "10 times the largest budget planned"
    assert how_far_beyond(plan, analyse(sweep_runs(plan, results)), 10 * most) == "10 times the largest budget run"
    lower = {t.key: results[t.key] for t in plan.trials if t.budget < most}
    analysis = analyse(sweep_runs(plan, lower))
    times = 10 * most / plan.budgets[-2]
    assert how_far_beyond(plan, analysis, 10 * most) == f"{times:.3g} times the largest budget run"
    assert f"FLOPs, {times:.3g} times the largest budget run" in recommendation(plan, analysis, 10 * most)
    assert how_far_beyond(plan, analysis, plan.budgets[0]) == ""


def test_without_a_law_it_says_so_in_a_comment():
    plan = make_plan()
    text = recommendation(plan, analyse(sweep_runs(plan, {})), 1e18)
    assert text.startswith("# no optimum at 1e18")


def test_the_report_has_the_answer_the_warnings_and_what_was_left_out():
    plan = make_plan(points=7)
    results = outcomes(plan)
    results[plan.trials[0].key] = Outcome("failed", error="Traceback\nRuntimeError: a | b")
    text = markdown_report(plan, results, analyse(sweep_runs(plan, results)), target=1e18, figures=True)
    assert "| 1e15 |" in text
    assert "| → 1e18 |" in text
    assert "compute_budget = 1e+18" in text
    assert "RuntimeError: a | b" in text
    assert "1 failed, 20 finished" in text
    assert "![IsoFLOP curves](isoflop.png)" in text
    columns = {line.count("|") for line in text.split("## Points")[1].splitlines() if line.startswith("|")}
    assert columns == {9}


def test_a_report_of_nothing():
    plan = make_plan()
    text = markdown_report(plan, {}, analyse(sweep_runs(plan, {})))
    assert "No optimum yet" in text
    assert "No law yet" in text
