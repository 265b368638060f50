"""A trial whose worker is lost is tried again at most twice, and a silent worker is replaced."""

import os
import signal

from rehearsed import Rehearsed

from flopsfit_tui.core.events import Note, SweepEnded, TrialEnded, TrialProgress, TrialRequeued
from flopsfit_tui.store.base import MemoryStore
from flopsfit_tui.sweep.executor import TrialLost
from flopsfit_tui.sweep.processes import Processes
from flopsfit_tui.sweep.run import run_sweep


class Losing(Rehearsed):
    """Loses the trials of one size, so many times."""

    def __init__(self, size, times):
        super().__init__()
        self.size, self.times = size, times

    def poll(self, seconds):
        said = super().poll(seconds)
        for key, (trial, _) in list(self.running.items()):
            if trial.size == self.size and self.times > 0:
                self.times -= 1
                del self.running[key]
                return [e for e in said if e.key != key] + [TrialLost(key, "killed by signal 9")]
        return said


def sweep(plan, times):
    size = plan.trials[0].size
    only = plan.__class__(**{**plan.__dict__, "trials": tuple(t for t in plan.trials if t.budget == plan.budgets[0])})
    return list(run_sweep(only, "tiny", Losing(size, times), MemoryStore()))


def test_a_trial_that_is_lost_twice_finishes(plan):
    events = sweep(plan, 2)
    assert sum(isinstance(e, TrialRequeued) for e in events) == 2
    assert all(e.outcome.status == "finished" for e in events if isinstance(e, TrialEnded))
    assert "try 3 of 3): killed by signal 9" in [e.message for e in events if isinstance(e, Note)][-1]
    assert events[-1] == SweepEnded("done")


def test_one_that_is_lost_three_times_fails_alone(plan):
    ended = [e.outcome for e in sweep(plan, 3) if isinstance(e, TrialEnded)]
    assert sorted(o.status for o in ended) == ["failed", "finished", "finished"]
    assert next(o.error for o in ended if o.status == "failed") == "killed by signal 9"


def test_a_stopped_worker_is_said_and_replaced(slow_plan, tiny_file):
    executor = Processes(1, silent_after=1.0)
    try:
        events, stopped = [], False
        for event in run_sweep(slow_plan, tiny_file, executor, MemoryStore()):
            events.append(event)
            if isinstance(event, TrialProgress) and not stopped and event.step > 1:
                stopped = True
                os.kill(executor._workers[0].process.pid, signal.SIGSTOP)
            if isinstance(event, TrialRequeued):
                break
        said = [e.message for e in events if isinstance(e, Note)]
        assert any("has said nothing for" in message and "it is replaced" in message for message in said)
    finally:
        executor.close()
