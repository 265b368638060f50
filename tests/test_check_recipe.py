"""The check of a recipe, from plan to files, on losses whose best rate is known."""

import json
import math
from dataclasses import replace

import pytest

import flopsfit_tui as ff
from flopsfit_tui.cli import main
from flopsfit_tui.core.options import Options
from flopsfit_tui.core.trial import Goal, Outcome, Plan, Request
from flopsfit_tui.plan.recipe_check import SHARE, check_plan
from flopsfit_tui.report.answer.recipe import recipe_check
from flopsfit_tui.report.text.recipe_text import recipe_text
from flopsfit_tui.report.text.resume_command import resume_command
from flopsfit_tui.store.directory import delete_sweep
from flopsfit_tui.sweep.job import make_plan
from flopsfit_tui.workloads.mock import LAW


@pytest.fixture(scope="module")
def plan():
    return make_plan(Request("simulated"))


def outcomes(plan, power, shift=0.0, noise=0.002):
    """Losses of Chinchilla's law; the best rate goes as the steps to a power, the planned one suits 1e5 steps."""
    found = {}
    for i, t in enumerate(plan.trials):
        best = 1e-3 * (t.steps / 1e5) ** power * math.exp(shift)
        excess = 0.02 * math.log(t.learning_rate / best) ** 2 + noise * math.sin(37.0 * i)
        loss = float(LAW.loss(t.params, t.tokens)) * math.exp(excess)
        found[t.key] = Outcome("finished", t.steps, t.samples, t.tokens, t.flops, loss, first_loss=11.0)
    return found


def test_corners_and_middle_in_a_quarter_of_the_flops(plan):
    check = check_plan(plan)
    assert check.total_flops <= SHARE * plan.total_flops
    tried = {t.point for t in check.trials if t.learning_rate != 1e-3}
    low, high = min(b for b, _ in tried), max(b for b, _ in tried)
    assert len(tried) == 5
    for budget in (low, high):
        assert {s for b, s in tried if b == budget} == {plan.ladder(budget)[0], plan.ladder(budget)[-1]}
    assert high < plan.budgets[-1]
    assert "are not looked at" in check.notes[-1]
    assert {t.key for t in check.trials if t.seed == 0 and t.learning_rate == 1e-3} <= {t.key for t in plan.trials}
    assert Plan.from_json(check.to_json()) == check


@pytest.mark.parametrize(
    "request_", [Request("simulated", budgets=(1e19,)), Request("simulated", budgets=(1e19, 2e19))]
)
def test_few_budgets_are_checked_at_a_smaller_one(request_):
    plan = make_plan(request_)
    check = check_plan(plan)
    assert check.total_flops <= SHARE * plan.total_flops
    found = recipe_check(check, outcomes(check, 0.0))
    assert len(found.points) == 3
    assert found.shifts == ()
    assert "it takes a law" in recipe_text(found)


def test_a_good_recipe_is_left_alone(plan):
    found = recipe_check(check_plan(plan), outcomes(check_plan(plan), 0.0))
    assert (found.matters, found.rule) == (False, None)
    assert "nowhere more than half a per cent" in recipe_text(found)
    assert all(shift.low < 1 < shift.high for shift in found.shifts)


def test_a_rule_by_steps_is_found_and_what_the_optimum_gains(plan):
    check = check_plan(plan)
    found = recipe_check(check, outcomes(check, -0.3))
    assert found.matters
    assert found.rule.power == pytest.approx(-0.3, abs=0.06)
    assert max(p.left for p in found.points) < 0.005
    assert "learning_rate=RateRule(" in recipe_text(found)
    narrow = recipe_text(found, 74)
    assert max(map(len, narrow.splitlines())) <= 74
    assert "planned loses" in narrow
    with_rule = replace(check.recipe, learning_rate=found.rule.peak, steps_power=found.rule.power,
                        base_steps=found.rule.base_steps)  # fmt: skip
    assert all(0.8 < with_rule.rate(p.steps) / p.best_rate < 1.25 for p in found.points)
    assert found.law == "check"
    assert len(found.shifts) == 2


def test_missing_trials_and_rates_beyond_are_said(plan):
    check = check_plan(plan)
    some = outcomes(check, 0.0, shift=2.0)
    text = recipe_text(recipe_check(check, some))
    assert "lie beyond those tried: check again" in " ".join(text.split())
    some.pop(check.trials[0].key)
    assert "1 trials have not finished" in recipe_text(recipe_check(check, some))
    assert "cannot be told" in recipe_text(recipe_check(check, {}))


def test_where_no_rate_is_better_than_noise_that_is_bounded(plan):
    check = check_plan(plan)
    found = recipe_check(check, outcomes(check, 0.0))
    unknown = [
        replace(p, lost=None, losses=tuple((r, 2.0 if r == p.rate else 1.99) for r, _ in p.losses))
        for p in found.points
    ]
    bounded = replace(found, points=tuple(unknown), noise=0.009)
    text = " ".join(recipe_text(bounded).split())
    assert f"by 0.5% ± {0.9 * (2 / found.seeds) ** 0.5:.1f}% at most" in text
    assert f"--seeds {2 * found.seeds}" in text
    assert "cannot be told" in recipe_text(replace(bounded, noise=0.001)).split("How far")[0]


@pytest.mark.slow
def test_command_line_files_resume_and_delete(tmp_path, capsys):
    arguments = ["run", "simulated", "--no-ui", "--executor", "thread", "--out", str(tmp_path / "s")]
    assert main([*arguments, "--check-recipe"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("recipe check of simulated")
    assert "the check's few trials" in said.out
    folder = tmp_path / "s" / "recipe"
    files = {path.name for path in folder.iterdir()}
    assert {"trials.csv", "recipe.json", "summary.txt"} <= files
    assert "optimum.csv" not in files
    assert main([*arguments]) == 0
    capsys.readouterr()
    assert main([*arguments, "--check-recipe", "--format", "json"]) == 0
    said = capsys.readouterr()
    assert "29 already finished" in said.err
    assert json.loads(said.out)["law"] == "sweep"
    assert main(["export", str(folder)]) == 0
    assert main([*arguments, "--check-recipe", "--tune-lr", "each"]) == 2
    capsys.readouterr()
    assert delete_sweep(tmp_path / "s") == []
    assert not (tmp_path / "s").exists()


def test_from_python(tmp_path):
    found = ff.check_recipe("simulated", budgets=[1e18, 1e19, 1e20], output_dir=tmp_path)
    assert len(found.points) == 5
    assert not found.matters
    assert (tmp_path / "recipe" / "recipe.json").is_file()


def test_the_command_that_goes_on_says_all(tmp_path):
    request = Request("gpt-bytes", goal=Goal(1.3, None, 1e12), rates=(0.5, 1.0, 2.0))
    said = resume_command(Options(request, targets=(1e13,)), tmp_path)
    for words in ("--until 1.3", "--max-flops 1000000000000.0", "--target 10000000000000.0", "--tune-lr each"):
        assert words in said
    check = resume_command(Options(Request("gpt-bytes", checks_recipe=True)), tmp_path / "recipe")
    assert check.endswith(f"--check-recipe --out {tmp_path}")
