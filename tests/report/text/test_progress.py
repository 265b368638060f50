"""The lines of a run without the app."""

from __future__ import annotations

import pytest
from made_sweep import make_plan, outcomes

from flopsfit_tui.core.events import Note, SweepEnded, SweepStarted, TrialEnded, TrialProgress, TrialStarted
from flopsfit_tui.core.trial import Outcome
from flopsfit_tui.report.text import progress
from flopsfit_tui.report.text.progress import ProgressLog, failures_text, progress_text


@pytest.fixture
def clock(monkeypatch):
    """The time in the hands of the test."""
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def plan():
    return make_plan()


def begun(plan, targets=(), workers=2):
    log = ProgressLog(targets)
    assert log.take(SweepStarted(plan, {}, workers, {t.key: 10.0 for t in plan.trials})) == ""
    return log


def lines(log, plan, clock, count=None):
    for key, outcome in outcomes(plan, count).items():
        clock[0] += 10.0
        assert log.take(TrialStarted(key, "a")) == ""
        yield log.take(TrialEnded(key, outcome))


def test_each_trial_says_how_many_there_are_its_loss_and_the_time_left(plan, clock):
    first, *_, last = lines(begun(plan), plan, clock)
    assert first.startswith("[ 1/15] finished 1e15 width ")
    assert ": loss " in first
    assert " left" in first
    assert last.startswith("[15/15]")
    assert " left" not in last


@pytest.mark.parametrize(("targets", "at"), [((), "1e18"), ((3e19, 1e20), "3e19"), ((1e16,), "1e16")])
def test_the_optimum_is_the_targets(plan, clock, targets, at):
    *_, last = lines(begun(plan, targets), plan, clock)
    assert last.endswith(f" at {at}")
    assert " N " in last
    assert all(len(line) <= progress.COLUMNS for line in last.splitlines())


def test_fits_take_a_tenth_of_the_time_at_most(plan, clock, monkeypatch):
    fits, real = [], progress.analyse

    def counted(*args, **options):
        fits.append(args)
        clock[0] += 30.0
        return real(*args, **options)

    monkeypatch.setattr(progress, "analyse", counted)
    assert len(list(lines(begun(plan), plan, clock))) == 15  # 150 seconds of trials
    assert len(fits) == 1


def test_a_failure_comes_with_the_users_frames_and_once(plan, clock):
    frame = '  File "/home/me/model.py", line 3, in forward'
    error = f"Traceback (most recent call last):\n{frame}\n    x @ w\nRuntimeError: odd"
    log = begun(plan)
    line = log.take(TrialEnded(plan.trials[0].key, Outcome("failed", error=error)))
    assert line.startswith("[ 1/15] failed 1e15 width ")
    assert line.endswith(f": RuntimeError: odd\n{frame}\n    x @ w")
    again = log.take(TrialEnded(plan.trials[1].key, Outcome("failed", error=error)))
    assert again.endswith("RuntimeError: odd (the same error for the 2nd time)")
    assert failures_text(log.state.outcomes()) == ["2 trials failed: RuntimeError: odd"]


def test_long_trials_say_once_a_minute_how_far_they_are(plan, clock):
    log, trial = begun(plan), plan.trials[0]

    def report(step):
        return log.take(TrialProgress(trial.key, step, step, 0.0, 2.0, float(step)))

    log.take(TrialStarted(trial.key, "a"))
    assert report(1) == ""
    clock[0] += progress.QUIET_SECONDS + 1
    assert report(50) == progress_text(log.state)
    assert report(51) == ""
    assert "0/15 trials" in progress_text(log.state)


def test_what_a_followed_sweep_tells_twice_is_said_once(plan, clock):
    log = ProgressLog(following=True)
    (key, outcome), *_ = outcomes(plan).items()
    assert log.take(SweepStarted(plan, {key: outcome}, 0, {})) == "sweep of 15 trials, 1 ended before"
    assert log.take(TrialEnded(key, outcome)) == ""
    assert log.state.ended == 1


def test_notes_and_the_end(plan, clock):
    assert ProgressLog().take(Note("info", "before there is a plan")) == "before there is a plan"
    log = begun(plan)
    assert log.take(Note("info", "so it is")) == "so it is"
    assert log.take(Note("warning", "mind this")) == "warning: mind this"
    assert log.take(SweepEnded("stopped")).startswith("stopped; everything finished is kept")
    assert begun(plan).take(SweepEnded("done")) == "sweep done"
