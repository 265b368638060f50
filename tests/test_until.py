"""Sweeps whose trials are chosen one by one: they reach their goal, stop where they must, and go on where they were."""

import json
import math
from dataclasses import replace

import pytest
import torch

import flopsfit_tui as ff
from flopsfit_tui.cli import main
from flopsfit_tui.core.trial import Goal, Outcome, Plan
from flopsfit_tui.fit.next_trial import interval_factor
from flopsfit_tui.report.answer.analysis import analyse
from flopsfit_tui.report.answer.choose import _cells, choose
from flopsfit_tui.report.answer.sweep_runs import sweep_runs
from flopsfit_tui.store.sqlite import SqliteStore

BUDGETS = [1e15, 1e16, 1e17]


def make(width):
    return torch.nn.Sequential(torch.nn.Linear(64, width), torch.nn.Linear(width, 64))


def sweep(directory, **changes):
    given = {"until": 1.08, "compute_budgets": BUDGETS, "sizes": [round(2 ** (i / 2)) for i in range(6, 44)], **changes}
    return ff.find_optimal(make, "width", mode="mock", output_dir=directory, **given)


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    return sweep(tmp_path_factory.mktemp("until"))


def no_price(_budget, _size):
    return None


def test_it_ends_when_the_interval_is_narrow_and_the_minima_are_bracketed(swept):
    analysis = swept.analysis
    assert interval_factor(analysis.fit, 1e18) <= 1.08
    assert analysis.fit.points >= 30
    used = sorted({p.budget for p in analysis.points})
    for budget in used[-2:]:
        losses = [p.loss for p in analysis.points if p.budget == budget]
        assert 0 < losses.index(min(losses)) < len(losses) - 1
    assert len(swept.plan.added) == analysis.fit.points - len(swept.plan.trials) + len(swept.plan.added)
    assert swept.plan.goal == Goal(1.08, 1e18, None)
    assert Plan.from_json(swept.plan.to_json()) == swept.plan


def test_what_was_proposed_and_why_is_kept(swept):
    store = SqliteStore(swept.directory, read_only=True)
    try:
        said = [text for _, _, text in store.notes()]
    finally:
        store.close()
    assert sum(text.startswith("next: width ") for text in said) == len(swept.plan.added)
    assert any(" -> x1." in text for text in said)
    (end,) = (text for text in said if text.startswith("no further trial: the interval at 1e18 FLOPs is within x1.0"))
    best = swept.fit.predict(1e18)
    shown = f"{best.params_high / best.params_low:.3g}"
    assert f" by noise; with the error of the law itself it is x{shown}, which a budget near 1e17 FLOPs would" in end


def test_the_same_store_gives_the_same_next_trial(swept):
    outcomes = dict(list(swept._outcomes.items())[:-3])
    first, again = (choose(swept.plan, outcomes, (), no_price) for _ in range(2))
    assert first == again
    assert first.budget is not None


@pytest.mark.parametrize("ended", [20, 21, 22])
@pytest.mark.parametrize(("warmup", "above"), [(40, 5.0), (10**12, 3.5)])
def test_a_trial_far_above_the_optimum_is_not_a_short_one(swept, ended, warmup, above):
    outcomes = dict(list(swept._outcomes.items())[:ended])
    plan = replace(swept.plan, goal=Goal(1.001, 1e18), recipe=replace(swept.plan.recipe, warmup_steps=warmup))
    fit = analyse(sweep_runs(plan, outcomes), ()).fit
    cells = list(_cells(plan, outcomes, sweep_runs(plan, outcomes), fit, []))
    ratios = [size.params / fit.predict(budget).params for budget, size in cells]
    assert 1 / 5 <= min(ratios) < 1 / 3.5
    assert above / 1.5 < max(ratios) <= above
    choice = choose(plan, outcomes, (), no_price)
    assert (choice.budget, choice.size) in cells


def test_a_stopped_sweep_goes_on_to_the_same_goal(tmp_path):
    short = sweep(tmp_path, max_flops=5e17)
    assert short.plan.total_flops <= 5e17
    whole = sweep(tmp_path)
    kept = {trial["trial"] for trial in short.trials}
    assert kept <= {trial["trial"] for trial in whole.trials}
    assert interval_factor(whole.fit, 1e18) <= 1.08


@pytest.mark.parametrize("factor", [1.001, 1.08, 3.0])  # far off; near; narrow, but for minima not bracketed
def test_a_failed_point_is_not_proposed_again(swept, factor):
    outcomes = dict(list(swept._outcomes.items())[: -3 if factor < 3 else 35])
    plan, tried = replace(swept.plan, goal=Goal(factor, 1e18)), []
    used = sorted({t.budget for t in plan.trials if t.key in outcomes})
    if factor == 3.0:  # as if the largest budgets had two sizes only
        outcomes = {t.key: outcomes[t.key] for t in plan.trials if t.key in outcomes and t.budget < used[-1]}
        edge = [t for t in plan.trials if t.budget == used[-1]][:2]
        outcomes |= {t.key: swept._outcomes[t.key] for t in edge}
    for _ in range(6):
        choice = choose(plan, outcomes, (), no_price)
        point = (choice.budget, choice.size.size)
        assert point not in tried
        tried.append(point)
        trial = replace(plan.trials[0], key=f"key {point}", budget=point[0], size=point[1])
        plan = replace(plan, trials=(*plan.trials, trial))
        outcomes[trial.key] = Outcome("failed", error="out of memory")


def test_a_law_that_bends_is_tried_at_a_larger_budget(swept, monkeypatch):
    from flopsfit_tui.fit.result import Fit

    outcomes = dict(list(swept._outcomes.items())[:20])
    used = max(t.budget for t in swept.plan.trials if t.key in outcomes)
    monkeypatch.setattr(Fit, "misfit", property(lambda fit: fit.bends[0]))
    assert choose(swept.plan, outcomes, (), no_price).budget > used
    top = replace(swept.plan.trials[0], key="top", budget=swept.plan.budgets[-1])
    plan = replace(swept.plan, trials=(*swept.plan.trials, top))
    outcomes["top"] = Outcome("failed")
    middle = math.sqrt(plan.budgets[0] * plan.budgets[-1])
    assert choose(plan, outcomes, (), no_price).budget > middle


def test_it_does_not_end_far_below_the_largest_budget(swept):
    low = [t.key for t in swept.plan.trials if t.budget < 1e16]
    outcomes = {key: swept._outcomes[key] for key in low}
    for n, extra in enumerate(low * 2):  # more seeds of these: 30 runs at least
        outcomes[f"seed {n}"] = replace(swept._outcomes[extra], loss=swept._outcomes[extra].loss * (1 + 1e-4 * n))
    by_key = {t.key: t for t in swept.plan.trials}
    seeds = [replace(by_key[key], key=f"seed {n}", seed=1 + n) for n, key in enumerate(low * 2)]
    plan = replace(swept.plan, goal=Goal(1e6, 1e18), trials=(*swept.plan.trials, *seeds))
    sizes = []
    for _ in range(3):
        choice = choose(plan, outcomes, (), no_price)
        assert choice.budget == pytest.approx(1.78e16)
        sizes.append(choice.size.params)
        trial = replace(plan.trials[0], key=f"far {len(sizes)}", budget=choice.budget, size=choice.size.size)
        trial = replace(trial, params=choice.size.params, tokens=round(choice.budget / choice.size.flops_per_token))
        plan = replace(plan, trials=(*plan.trials, trial))
        law = analyse(sweep_runs(plan, outcomes), ()).fit.law
        outcomes[trial.key] = Outcome("finished", loss=float(law.loss(trial.params, trial.tokens)))
    losses = [outcomes[f"far {n + 1}"].loss for n in sorted(range(3), key=lambda n: sizes[n])]
    assert losses.index(min(losses)) == 1
    assert choose(plan, outcomes, (), no_price).budget is None


def test_while_the_last_trials_run_nothing_more_is_asked_for_once_it_is_narrow(swept):
    running = [swept.plan.trials[0].key]
    outcomes = {key: outcome for key, outcome in swept._outcomes.items() if key not in running}
    wide = replace(swept.plan, goal=replace(swept.plan.goal, factor=3.0))
    choice = choose(wide, outcomes, running, no_price)
    assert (choice.budget, choice.reason) == (None, "")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"until": 1.0}, "above 1"),
        ({"until": math.nan}, "above 1"),
        ({"until": None, "max_flops": 1e18}, "max_flops needs until"),
        ({"target": -1.0}, "positive number of FLOPs"),
    ],
)
def test_goals_that_cannot_be_reached_are_refused(tmp_path, changes, said):
    with pytest.raises(ValueError, match=said):
        sweep(tmp_path, **changes)


@pytest.mark.slow
def test_the_command_line_says_how_it_begins_and_ends(tmp_path, capsys):
    arguments = ["simulated", "--until", "1.6", "--target", "3e22", "--executor", "thread"]
    assert main(["plan", *arguments, "--format", "json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert any(note.startswith("begins with 20 trials") and "within x1.6" in note for note in plan["plan"]["notes"])
    assert main(["run", *arguments, "--no-ui", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert "next: d_model " in said.err
    assert "no further trial: the interval at 3e22 FLOPs is within x1." in said.err
    assert main(["run", "simulated", "--max-flops", "1e20"]) == 2
    assert "--max-flops needs --until" in capsys.readouterr().err
