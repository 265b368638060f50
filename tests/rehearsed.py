"""An executor that trains nothing: plans are real, losses come from a known law, a trial takes milliseconds."""

from __future__ import annotations

import time
import zlib

from flopsfit_tui.core.events import TrialEnded, TrialProgress
from flopsfit_tui.core.trial import Outcome
from flopsfit_tui.plan.estimate import Timing
from flopsfit_tui.sweep.executor import InThread
from flopsfit_tui.sweep.job import MakePlan, Measure

_plans = {}


def _noise(trial):
    """The same for a point, seed and rate whatever the code that trains is, unlike the trial's key."""
    return zlib.crc32(repr((trial.budget, trial.size, trial.seed, trial.learning_rate)).encode())


class Rehearsed:
    """Keeps the executor's contract with two workers that report `ticks` times a trial."""

    def __init__(self, ticks=3, seconds=0.002):
        self.workers = 2
        self.ticks, self.seconds = ticks, seconds
        self.fails = ()  # sizes
        self.ends = float("inf")  # so many trials end; those after them go on and on
        self.running, self.held, self.closed = {}, False, False

    @property
    def free(self):
        return max(0, self.workers - len(self.running))

    def call(self, jobs):
        return [self._do(job) for job in jobs]

    def _do(self, job):
        if isinstance(job, Measure):
            return InThread().call([job])[0]
        if not isinstance(job, MakePlan):
            return Timing(job.size, 0.001 * job.size, 0.01, 2**28, "cpu")
        if job.request not in _plans:
            _plans[job.request] = InThread().call([job])[0]
        return _plans[job.request]

    def start(self, job):
        self.running[job.trial.key] = [job.trial, 0]
        return f"worker {len(self.running)}"

    def poll(self, seconds):
        time.sleep(min(seconds, self.seconds if self.ends > 0 else 0.05))  # what goes on for ever need not hurry
        return [] if self.held else [self._tick(key) for key in list(self.running)]

    def _tick(self, key):
        trial, done = self.running[key]
        if done < self.ticks or self.ends > 0:
            self.running[key][1] = done = done + 1
        loss = 0.3 + 4 / trial.params**0.3 + 8 / trial.tokens**0.3 + 0.003 * (_noise(trial) % 7 - 3)
        if done > self.ticks:
            del self.running[key]
            self.ends -= 1
            if trial.size in self.fails:
                error = f"Traceback (most recent call last):\nRuntimeError: size {trial.size} is broken"
                return TrialEnded(key, Outcome("failed", error=error))
            spent = {name: getattr(trial, name) for name in ("steps", "samples", "tokens", "flops")}
            return TrialEnded(
                key, Outcome("finished", loss=loss, train_loss=loss, first_loss=9.0, seconds=0.1, device="cpu", **spent)
            )
        share = done / (self.ticks + 1)
        step = max(1, round(share * trial.steps))
        return TrialProgress(key, step, round(share * trial.tokens), share * trial.flops, loss / share**0.3, share / 10)

    def pause(self):
        self.held = True
        return True

    def resume(self):
        self.held = False

    def cancel(self, key):
        self.running.pop(key, None)

    def resize(self, workers):
        self.workers = workers

    def cancel_all(self):
        self.running.clear()

    def interrupt(self):
        pass

    def close(self):
        self.cancel_all()
        self.closed = True
