"""Which sizes are compiled is decided once, stored with the plan, and part of the keys of their trials alone."""

from dataclasses import replace

import pytest
from stores import plan_of

from flopsfit_tui.core.identity import Identity
from flopsfit_tui.core.trial import Plan, Recipe, Size
from flopsfit_tui.plan.compiled import (
    CompileTiming,
    as_before,
    compile_changes,
    decide,
    new_seconds,
    undecided,
    worth_keeping,
    worth_trying,
)
from flopsfit_tui.plan.grid import add_trial, plan_point
from flopsfit_tui.plan.resume import SweepDiffers, continue_plan

SIZES = Size(8, 1000, 6000.0), Size(16, 4000, 24000.0)


def plan_for(mode, budget=1e9):
    trials = [t for size in SIZES for t in plan_point(budget, size, 2, 8, 8, Recipe(0.01), "abc")]
    return replace(plan_of(1), sizes=SIZES, trials=tuple(trials), compile=mode, content=Identity({"code": "1"}))


def seconds_of(plan, small, large):
    return {t.key: small if t.size == 8 else large for t in plan.trials}


def test_auto_tries_only_what_may_save_more_than_compiling_takes():
    plan = plan_for("auto")
    seconds = seconds_of(plan, small=10.0, large=100.0)  # two trials each
    assert worth_trying(plan, seconds, {}) == [16]  # a third of 200 s against 40
    slow = {4: CompileTiming(4, 90.0, 1.2)}  # what it took here before
    assert worth_trying(plan, seconds, slow) == []
    assert worth_trying(plan_for("on"), {}, {}) == [8, 16]
    assert worth_trying(plan_for("on"), {}, {8: CompileTiming(8, 20.0, 1.2)}) == [16]
    assert worth_trying(plan_for("off"), seconds, {}) == undecided(plan_for("off")) == []


@pytest.mark.parametrize(
    ("mode", "speedup", "problem", "kept"),
    [
        ("auto", 1.3, "", True),
        ("auto", 1.04, "", False),
        ("auto", 0.8, "", False),
        ("on", 0.8, "", True),
        ("on", 1.3, "no compiler", False),
        ("auto", 1.3, "no compiler", False),
    ],
)
def test_what_is_not_faster_or_cannot_be_compiled_is_dropped(mode, speedup, problem, kept):
    plan = plan_for(mode)
    timing = CompileTiming(16, 30.0, speedup, problem)
    assert worth_keeping(plan, seconds_of(plan, 10.0, 100.0), timing) is kept


def test_a_decision_changes_the_keys_of_the_compiled_trials_alone_and_is_stored():
    plan = plan_for("auto")
    decided = Plan.from_json(decide(plan, [16], [8, 16]).to_json())
    assert [t.compiled for t in decided.trials] == [False, False, True, True]
    assert [a.key == b.key for a, b in zip(plan.trials, decided.trials, strict=True)] == [True, True, False, False]
    assert undecided(decided) == []
    assert add_trial(decided, 1e9, decided.sizes[1]).trials[-1].compiled
    assert not add_trial(decided, 1e9, Size(24, 9000, 5e4)).trials[-1].compiled
    seconds = new_seconds(plan, decided, seconds_of(plan, 10.0, 100.0), {16: CompileTiming(16, 30.0, 1.25)})
    assert [seconds[t.key] for t in decided.trials] == [10.0, 10.0, 80.0, 80.0]


def test_a_resumed_sweep_keeps_what_was_decided():
    before = decide(plan_for("auto"), [16], [8, 16])
    again = continue_plan(plan_for("auto"), before)
    assert [t.key for t in again.trials] == [t.key for t in before.trials]
    assert undecided(again) == []
    eager = continue_plan(plan_for("auto"), plan_for("off"))  # what was not compiled stays so
    assert [t.key for t in eager.trials] == [t.key for t in plan_for("off").trials]
    assert undecided(eager) == []
    with pytest.raises(SweepDiffers, match=r"--compile was auto \(compiled: width 16\) and is off"):
        continue_plan(plan_for("off"), before)
    with pytest.raises(SweepDiffers, match=r"--compile was off and is on"):
        continue_plan(plan_for("on"), plan_for("off"))
    assert continue_plan(plan_for("off"), before, anyway=True).trials == before.trials


def test_an_auto_that_compiled_nothing_is_off():
    nothing = decide(plan_for("auto"), [], [8, 16])
    assert compile_changes(plan_for("off"), nothing) == []
    assert as_before(plan_for("off"), nothing).trials == plan_for("off").trials
