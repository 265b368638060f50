"""Trying learning rates: ten short trials, each at its own rate, and a verdict."""

import json
import math

from tiny import make

from flopsfit_tui.cli import main
from flopsfit_tui.core.trial import Outcome, RateRule, Request
from flopsfit_tui.report.text.tune_text import tune_text
from flopsfit_tui.store.base import MemoryStore
from flopsfit_tui.sweep.executor import InThread
from flopsfit_tui.sweep.job import make_plan
from flopsfit_tui.sweep.run import run_sweep
from flopsfit_tui.sweep.tune import best_rates, tune_plan


def test_ten_trials_at_two_sizes_and_five_rates_on_a_quarter_of_the_smallest_budget():
    plan = make_plan(Request(make(), budgets=(8e6, 1e7), points=5))
    tuning = tune_plan(plan)
    ladder = plan.ladder(8e6)
    assert len(tuning.trials) == 10
    assert {t.size for t in tuning.trials} == {ladder[0], ladder[2]}
    assert sorted({t.learning_rate / 1e-2 for t in tuning.trials}) == [0.25, 0.5, 1, 2, 4]
    assert all(abs(t.flops - 2e6) <= t.flops / t.steps for t in tuning.trials)


def test_each_trial_is_trained_at_its_own_rate():
    workload = make()
    tuning = tune_plan(make_plan(Request(workload, budgets=(4e6,), points=3)))
    store = MemoryStore()
    list(run_sweep(tuning, workload, InThread(), store))
    losses = [store.outcomes()[t.key].loss for t in tuning.trials]
    assert len(set(losses)) == 10
    best = best_rates(tuning, store.outcomes())
    assert set(best) == {t.size for t in tuning.trials}


def outcomes_with_best(tuning, wanted):
    """Losses whose lowest lies at the wanted rate of each size."""
    return {t.key: Outcome("finished", loss=1.0 if t.learning_rate == wanted[t.size] else 2.0) for t in tuning.trials}


def test_verdicts():
    tuning = tune_plan(make_plan(Request(make(), budgets=(8e6,), points=3)))
    small, middle = sorted({t.size for t in tuning.trials})
    for wanted, verdict in (
        ({small: 0.01, middle: 0.01}, "suits both sizes"),
        ({small: 0.005, middle: 0.02}, "moves by x4"),
        ({small: 0.02, middle: 0.02}, "declare learning_rate=0.02"),
        ({small: 0.04, middle: 0.02}, "at the end of those tried (0.04)"),
    ):
        outcomes = outcomes_with_best(tuning, wanted)
        assert verdict in tune_text(tuning, outcomes, best_rates(tuning, outcomes))
    assert "No rate trained to the end" in tune_text(tuning, {}, {})


def test_a_rule_by_steps_is_tried_in_multiples_of_itself():
    rule = RateRule(0.02, -0.5, 100)
    tuning = tune_plan(make_plan(Request(make(), budgets=(8e6,), points=3, learning_rate=rule)))
    small, middle = sorted({t.size for t in tuning.trials})
    planned = {t.size: tuning.recipe.rate(t.steps) for t in tuning.trials}
    assert planned[small] < planned[middle]  # which trains fewer steps
    for factors, verdict in (
        ((1, 1), "The planned rate, RateRule(0.02, -0.5, 100), suits both sizes"),
        ((0.5, 2), "moves by x4"),
        ((2, 2), "declare learning_rate=RateRule(0.04, -0.5, 100)"),
        ((4, 2), "at the end of those tried (x4); declare learning_rate=RateRule(0.08, -0.5, 100)"),
    ):
        wanted = dict(zip((small, middle), factors, strict=True))
        outcomes = {
            t.key: Outcome("finished", loss=abs(math.log(t.learning_rate / planned[t.size] / wanted[t.size])))
            for t in tuning.trials
        }
        text = tune_text(tuning, outcomes, best_rates(tuning, outcomes))
        assert verdict in text
        assert text.count("★") == 2
        assert all(text.count(f"x{factor} ") == 1 for factor in (0.25, 0.5))


def test_from_the_command_line(tiny_file, capsys):
    assert main(["run", tiny_file, "--tune-lr", "--executor", "thread", "--points", "3"]) == 0
    out, err = capsys.readouterr()
    assert out.count("★") == 2
    assert err.count("rate ") == 10
    assert main(["run", tiny_file, "--tune-lr", "--executor", "thread", "--points", "3", "--format", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["trials"]) == 10
