"""A sweep that another thread runs, followed as events."""

import threading
import time

import pytest
from rehearsed import Rehearsed

from flopsfit_tui.core.control import AddTrial, Control, Skip
from flopsfit_tui.core.events import PlanChanged, SweepEnded, SweepStarted, TrialEnded, TrialProgress
from flopsfit_tui.core.state import SweepState, exit_code
from flopsfit_tui.store.sqlite import SqliteStore
from flopsfit_tui.sweep.follow import LOOK_SHARE, Pace, follow
from flopsfit_tui.sweep.run import run_sweep


def sweep(plan, workload, directory, control, ends=float("inf")):
    executor, store = Rehearsed(), SqliteStore(directory)
    executor.ends = ends
    try:
        for _ in run_sweep(plan, workload, executor, store, control):
            pass
    finally:
        store.close()


@pytest.fixture
def running(plan, tiny_file, tmp_path):
    """A sweep that finishes two trials and then goes on for ever; its control."""
    control = Control()
    thread = threading.Thread(target=sweep, args=(plan, tiny_file, tmp_path, control, 2))
    thread.start()
    while not (tmp_path / "sweep.db").exists():
        time.sleep(0.01)
    yield control
    control.stop()
    thread.join()


def test_a_finished_sweep_is_one_look(plan, tiny_file, tmp_path):
    sweep(plan, tiny_file, tmp_path, Control())
    (first,), last = follow(tmp_path, Control())
    assert isinstance(first, SweepStarted)
    assert first.plan == plan
    assert len(first.outcomes) == 9
    assert last == [SweepEnded("done")]


def test_what_happens_there_comes_here_to_the_end(running, plan, tmp_path):
    state, seen = SweepState(), []
    for events in follow(tmp_path, Control()):
        for event in events:
            state.apply(event)
            seen.append(event)
        if state.count("finished") == 2 and not any(isinstance(e, PlanChanged) for e in seen):
            if any(isinstance(e, TrialProgress) for e in seen):
                skipped = next(key for key, now in state.trials.items() if now.status == "pending")
                running.send(Skip(skipped))
                running.send(AddTrial(plan.budgets[0], size=plan.sizes[0].size))
        elif any(isinstance(e, PlanChanged) for e in seen):
            running.stop()
    assert isinstance(seen[0], SweepStarted)
    assert seen[-1] == SweepEnded("stopped")
    assert len(state.trials) == 10
    assert state.trials[skipped].status == "skipped"
    assert state.count("finished") == 2
    assert state.count("running") == 0
    assert exit_code(state) == 130
    assert sum(isinstance(e, TrialEnded) for e in seen) >= 1


def test_to_stop_following_says_nothing_of_the_sweep(running, tmp_path):
    control = Control()
    events = []
    for new in follow(tmp_path, control):
        events += new
        control.stop()
    assert not any(isinstance(event, SweepEnded) for event in events)


def test_looks_take_a_share_of_the_time_and_what_comes_after_a_quiet_while_is_seen_at_once():
    pace, now, rests = Pace(), 1000.0, []
    for _ in range(200):  # there is always news, and a look takes 0.03 s
        rests.append(pace.rest(now, now + 0.03))
        now += 0.03 + rests[-1]
    assert rests[:3] == [0, 0, 0]
    assert 200 * 0.03 / (now - 1000) == pytest.approx(LOOK_SHARE, rel=0.1)
    assert pace.rest(now + 5, now + 5.03) == 0
