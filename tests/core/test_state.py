"""A sweep's state is what its events say, and nothing else."""

import math

import pytest

from flopsfit_tui.core.events import (
    Note,
    PlanChanged,
    SweepEnded,
    SweepPaused,
    SweepResumed,
    SweepStarted,
    TrialEnded,
    TrialProgress,
    TrialRequeued,
    TrialStarted,
)
from flopsfit_tui.core.state import CURVE_POINTS, HISTORY_ROWS, SweepState, exit_code, kept, percent
from flopsfit_tui.core.trial import Outcome, Plan, Recipe, Size, Trial


def plan_of(*keys, steps=100):
    trials = tuple(Trial(key, 1e9, 8, 1000, 6400, 800, steps, 8, 0, 1e9, 0.01) for key in keys)
    size = Size(8, 1000, 6000.0)
    return Plan("tiny", "abc", "width", "tokens", 8, 500, Recipe(0.01), (1e9,), (1e3,), (size,), trials, ("a note",))


def fold(*events):
    state = SweepState()
    for event in events:
        state.apply(event)
    return state


def test_a_plan_survives_its_json():
    plan = plan_of("a", "b")
    assert Plan.from_json(plan.to_json()) == plan


@pytest.mark.parametrize(
    ("statuses", "reason", "code", "left"),
    [
        (("finished", "finished"), "done", 0, 0),
        (("finished", "skipped"), "done", 0, 0),
        (("failed", "failed"), "done", 1, 2),
        (("skipped", "skipped"), "done", 1, 0),
        (("finished", "failed"), "done", 3, 1),
        (("finished",), "stopped", 130, 1),
        (("finished",), None, 130, 1),
    ],
)
def test_the_exit_code_and_what_is_left(statuses, reason, code, left):
    ended = [TrialEnded(key, Outcome(status)) for key, status in zip("ab", statuses, strict=False)]
    last = [SweepEnded(reason)] if reason else []
    state = fold(SweepStarted(plan_of("a", "b"), {}, 1, {}), *ended, *last)
    assert (exit_code(state), state.left, state.ended) == (code, left, len(statuses))
    assert len(kept(state.outcomes())) == 2 - left


def test_what_was_finished_before_is_finished():
    state = fold(SweepStarted(plan_of("a", "b"), {"a": Outcome("finished", loss=2.0)}, 2, {}))
    assert (state.count("finished"), state.count("pending"), state.phase) == (1, 1, "running")
    assert state.outcomes()["a"].loss == 2.0


def test_a_trial_goes_from_pending_to_running_to_finished():
    start = SweepStarted(plan_of("a"), {}, 1, {})
    state = fold(start, TrialStarted("a", "here"), TrialProgress("a", 50, 3200, 5e8, 3.0, 1.5))
    now = state.trials["a"]
    assert (now.status, now.step, now.loss, now.fraction) == ("running", 50, 3.0, 0.5)
    assert state.flops_done == 5e8
    assert state.tokens_per_second == 3200 / 1.5
    state.apply(TrialEnded("a", Outcome("finished", loss=2.5)))
    assert (now.status, state.flops_done, state.tokens_per_second) == ("finished", 1e9, 0)


def test_progress_keeps_its_measure_when_a_trial_is_added():
    plan = plan_of("a", "b")
    state = fold(SweepStarted(plan, {}, 1, {"a": 30.0, "b": 10.0}), TrialEnded("a", Outcome("finished", loss=2.0)))
    assert state.fraction == 0.75
    state.apply(PlanChanged(plan_of("a", "b", "c"), {}))  # as a terminal is told that only watches
    assert state.predicted["c"] in (10.0, 30.0)
    assert state.fraction == 30 / (40 + state.predicted["c"])


@pytest.mark.parametrize("seconds", [{}, {"a": 1e9, "b": 1e-9}], ids=["by FLOPs", "by seconds"])
def test_what_has_not_ended_is_never_all_done(seconds):
    state = fold(
        SweepStarted(plan_of("a", "b"), {}, 1, seconds),
        TrialEnded("a", Outcome("finished", loss=2.0)),
        TrialStarted("b", "w"),
        TrialProgress("b", 100, 6400, 1e9, 3.0, 1.0),  # its last step; the held-out loss is to come
    )
    assert state.flops_done == state.flops_planned
    assert percent(state.trials["b"].fraction) == percent(state.fraction) == "99%"
    state.apply(TrialEnded("b", Outcome("finished", loss=2.0)))
    assert percent(state.fraction) == "100%"


def test_a_returned_trial_is_pending_again():
    state = fold(
        SweepStarted(plan_of("a"), {}, 1, {}),
        TrialStarted("a", "w"),
        TrialProgress("a", 50, 1, 1.0, 3.0, 1.0),
        TrialRequeued("a"),
    )
    assert (state.trials["a"].status, state.trials["a"].fraction) == ("pending", 0.0)


def test_pause_resume_and_end_set_the_phase():
    state = fold(SweepStarted(plan_of("a"), {}, 1, {}), SweepPaused())
    assert state.phase == "paused"
    stood = state.running_seconds
    assert state.running_seconds == stood  # the clock stands
    state.apply(SweepResumed())
    assert state.phase == "running"
    state.apply(SweepEnded("stopped"))
    assert state.phase == "stopped"


def test_a_trial_begun_anew_has_one_curve():
    state = fold(SweepStarted(plan_of("a"), {}, 1, {}), TrialStarted("a", "w"))
    for step, loss in ((10, 5.0), (20, 4.0), (1, 5.5), (2, 5.4)):
        state.apply(TrialProgress("a", step, step, 1.0, loss, 1.0))
    assert state.trials["a"].history == [(1, 5.5), (2, 5.4)]


def test_a_trial_that_goes_on_from_a_checkpoint_keeps_its_curve_up_to_there():
    state = fold(SweepStarted(plan_of("a"), {}, 1, {}), TrialStarted("a", "w"))
    for step in (1, 10, 20, 30):
        state.apply(TrialProgress("a", step, step, 1.0, 3.0, 1.0))
    for event in (TrialRequeued("a"), TrialStarted("a", "w"), TrialProgress("a", 25, 25, 1.0, 2.0, 1.0)):
        state.apply(event)
    assert state.trials["a"].history == [(1, 3.0), (10, 3.0), (20, 3.0), (25, 2.0)]


def test_a_curve_that_is_loaded_late_is_put_before_what_has_come():
    state = fold(SweepStarted(plan_of("a", "b"), {}, 1, {}), TrialStarted("a", "w"))
    state.apply(TrialProgress("a", 25, 25, 1.0, 2.0, 1.0))
    state.load_history({"a": [(1, 3.0), (20, 3.0), (30, 3.0)], "b": [(1, 4.0)]})
    assert state.trials["a"].history == [(1, 3.0), (20, 3.0), (25, 2.0)]
    assert state.trials["b"].history == [(1, 4.0)]


def test_history_is_thinned_whatever_the_length():
    steps = 50 * HISTORY_ROWS
    state = fold(SweepStarted(plan_of("a", steps=steps), {}, 1, {}), TrialStarted("a", "w"))
    for step in range(1, steps + 1):
        state.apply(TrialProgress("a", step, step, 1.0, 3.0, 1.0))
    assert HISTORY_ROWS * 0.9 < len(state.trials["a"].history) <= HISTORY_ROWS + 1


def test_versions_tell_when_to_draw_and_when_to_refit():
    state = fold(SweepStarted(plan_of("a"), {}, 1, {}))
    drawn, fitted = state.version, state.outcomes_version
    state.apply(Note("info", "hello"))
    assert state.version > drawn
    assert state.outcomes_version == fitted
    state.apply(TrialEnded("a", Outcome("failed", error="x", loss=math.nan)))
    assert state.outcomes_version > fitted


def test_a_trial_that_has_ended_keeps_only_what_a_plot_can_show():
    state = fold(SweepStarted(plan_of("a", steps=10**6), {}, 1, {}), TrialStarted("a", "w"))
    for step in range(1, 10**6, 500):
        state.apply(TrialProgress("a", step, 1, 1.0, 3.0, 1.0))
    state.apply(TrialEnded("a", Outcome("finished", loss=2.5)))
    kept = state.trials["a"].history
    assert CURVE_POINTS / 4 < len(kept) <= CURVE_POINTS + 1
    assert (set(kept.losses), kept.steps[-1] > 0.98 * 10**6) == ({3.0}, True)
