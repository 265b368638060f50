"""What a plan will cost, and what is left of it."""

import math
from dataclasses import replace

import pytest

from flopsfit_tui.core.events import SweepStarted, TrialEnded, TrialProgress, TrialStarted
from flopsfit_tui.core.state import SweepState
from flopsfit_tui.core.trial import Outcome, Plan, Recipe, Size, Trial
from flopsfit_tui.plan.estimate import Timing, estimate, longest_first, makespan, seconds_left


def plan_of(steps_by_size):
    sizes = tuple(Size(s, 10 * s, 100.0 * s) for s in steps_by_size)
    trials = tuple(
        Trial(f"k{s}", 1e9, s, 10 * s, 64 * n, n, n, 1, 0, 6400.0 * s * n, 0.01) for s, n in steps_by_size.items()
    )
    return Plan("tiny", "abc", "width", "tokens", 64, None, Recipe(0.01), (1e9,), (1e3,), sizes, trials)


def test_time_is_a_fixed_part_and_a_part_by_flops():
    plan = plan_of({1: 1000, 5: 1000, 9: 1000})
    found = estimate(plan, [Timing(1, 0.002, 1.0, 10, "cpu"), Timing(9, 0.010, 9.0, 30, "cpu")], workers=2)
    assert found.seconds == pytest.approx({"k1": 3.0, "k5": 11.0, "k9": 19.0})
    assert found.total_seconds == pytest.approx(19.0)
    assert found.memory_bytes == 60


def test_utilisation_is_expected_where_the_peak_is_known():
    plan = plan_of({1: 1000, 9: 1000})
    timed = [Timing(1, 0.002, 1.0, 10, "cpu", 1e9), Timing(9, 0.010, 9.0, 30, "cpu", 2e9)]
    assert estimate(plan, timed, 2).mfu == pytest.approx({"k1": 6400 / 0.002 / 2e9, "k9": 57600 / 0.010 / 2e9})
    assert estimate(plan, [Timing(1, 0.002, 1.0, 10, "cpu")], 2).mfu == {}
    together = replace(plan, recipe=replace(plan.recipe, nproc=2))
    assert estimate(together, timed, 2).mfu == {}


def test_a_larger_size_never_counts_as_faster():
    plan = plan_of({1: 100, 9: 100})
    found = estimate(plan, [Timing(1, 0.02, 0, 1, "cpu"), Timing(9, 0.01, 0, 1, "cpu")], workers=1)
    assert found.seconds["k9"] >= found.seconds["k1"] > 0


def test_one_rehearsal_is_enough():
    found = estimate(plan_of({4: 100}), [Timing(4, 0.01, 0.5, 1, "cpu")], workers=1)
    assert found.seconds == pytest.approx({"k4": 1.5})


def test_without_a_rehearsal_nothing_is_predicted():
    found = estimate(plan_of({4: 100}), [], workers=1)
    assert found.seconds == {}
    assert math.isnan(found.total_seconds)


def test_the_longest_starts_first():
    plan = plan_of({1: 10, 5: 10, 9: 10})
    assert [t.size for t in longest_first(plan.trials, {"k1": 3, "k5": 9, "k9": 1})] == [5, 1, 9]
    assert [t.size for t in longest_first(plan.trials, {})] == [9, 5, 1]  # by FLOPs while nothing was timed


def test_makespan():
    assert makespan([5, 4, 3, 3, 3], 2) == 10
    assert makespan([5], 8) == 5
    assert makespan([], 2) == 0


def test_time_left_learns_from_what_trials_really_took():
    plan = plan_of({1: 100, 5: 100, 9: 100})
    state = SweepState()
    state.apply(SweepStarted(plan, {}, 1, {"k1": 100.0, "k5": 100.0, "k9": 100.0}))
    assert seconds_left(state) == pytest.approx(300)
    state.apply(TrialStarted("k1", "w"))
    state.apply(TrialEnded("k1", Outcome("finished", seconds=200.0)))
    state.apply(TrialStarted("k5", "w"))
    state.apply(TrialProgress("k5", 50, 1, 1.0, 2.0, 100.0))
    assert seconds_left(state) == pytest.approx(300, rel=0.02)  # twice as slow: 100 of k5 and 200 of k9


def test_time_left_is_unknown_without_predictions():
    state = SweepState()
    state.apply(SweepStarted(plan_of({1: 10}), {}, 1, {}))
    assert math.isnan(seconds_left(state))
