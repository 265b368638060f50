"""A sweep that another process runs, or that is over, from Python: watched and controlled as a terminal does it."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Literal

from flopsfit_tui.conduct import change_fit
from flopsfit_tui.core.control import (
    AddTrial,
    Command,
    LeaveOut,
    Pause,
    Resume,
    Retry,
    RunNext,
    SetTarget,
    SetWorkers,
    Skip,
    Stop,
)
from flopsfit_tui.core.events import Event, SweepStarted
from flopsfit_tui.core.sizes import Setting
from flopsfit_tui.core.state import SweepState
from flopsfit_tui.report.files.sweeps import read_sweep
from flopsfit_tui.report.result import Result
from flopsfit_tui.store.directory import sweeping_process
from flopsfit_tui.sweep.control_client import ControlClient
from flopsfit_tui.sweep.follow import POLL_SECONDS, Follower

ANSWER_SECONDS = 60.0  # a size that is added is measured when a worker is free


def attach(directory: str | Path) -> AttachedSweep:
    """The sweep in a directory, whoever runs it. Raises ValueError where there is none, or none that has begun."""
    return AttachedSweep(Path(directory))


class AttachedSweep:
    """A sweep seen from outside. Trials are named by their keys, as in `state.trials` and `trials.csv`.

    Each command returns once it has acted. It raises ValueError with a sentence where it does nothing: nobody sweeps,
    or the trial has ended. It is stored before it acts: repeated after a lost connection, it acts once. Use it in one
    thread; close it, or use it in a `with`, when it is no longer needed.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._follower: Follower | None = Follower(directory)
        self._answers: dict[str, str] = {}
        self._answered = threading.Condition()
        self._client = ControlClient(directory, self._take_answer)
        self._state = SweepState()
        for event in self._follower.begin():
            self._state.apply(event)

    def __enter__(self) -> AttachedSweep:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def state(self) -> SweepState:
        """The sweep as it stands now: phase, trials, workers, losses."""
        if self._follower is None:
            self._begin_again()
        elif self._follower.live:
            for event in self._follower.look():
                self._apply(event)
        if self._follower is not None and not self._follower.live:
            for event in self._follower.end():
                self._apply(event)
            self._follower.close()
            self._follower = None
        return self._state

    @property
    def running(self) -> bool:
        """Whether a process sweeps there."""
        return self.state.phase in ("waiting", "running", "paused")

    @property
    def result(self) -> Result:
        """What is known so far: the fit, predictions, tables, plots."""
        sweep = read_sweep(self.directory)
        return Result(sweep.plan, sweep.outcomes, self.directory)

    def wait(self, timeout: float | None = None) -> Literal["done", "stopped"]:
        """Wait until the sweep has ended; how. Raises TimeoutError after `timeout` seconds."""
        end = None if timeout is None else time.monotonic() + timeout
        while self.running:
            left = POLL_SECONDS if end is None else min(POLL_SECONDS, end - time.monotonic())
            if left <= 0:
                raise TimeoutError(f"the sweep in {str(self.directory)!r} still runs after {timeout:g} s")
            self._client.connect()
            self._client.wait(left)
        return "done" if self._state.phase == "done" else "stopped"

    def pause(self) -> None:
        """Hold every worker between two steps."""
        self._command(Pause())

    def resume(self) -> None:
        """Let the workers go on."""
        self._command(Resume())

    def stop(self) -> None:
        """End the sweep; what runs writes its checkpoint, and the next run goes on from there."""
        self._command(Stop())

    def skip(self, trial: str) -> None:
        """Do not train a trial, or no further."""
        self._command(Skip(trial))

    def retry(self, trial: str) -> None:
        """Train an ended trial again, next."""
        self._command(Retry(trial))

    def run_next(self, trial: str) -> None:
        """Train a waiting trial next."""
        self._command(RunNext(trial))

    def add(self, budget: float, size: Setting | None = None, *, params: float | None = None) -> None:
        """Add a trial to a budget of the plan, in FLOPs: at a setting of the size knob, with the next seed where it was
        planned already; or at the setting whose parameter count is nearest to `params`."""
        if (size is None) == (params is None):
            raise ValueError("give either size or params")
        self._command(AddTrial(budget, size, params))

    def workers(self, count: int) -> None:
        """Train so many trials at once."""
        self._command(SetWorkers(count))

    def target(self, budget: float) -> None:
        """Show and export the optimum at this budget, in FLOPs."""
        self._command(SetTarget(budget))

    def leave_out(self, trial: str, reason: str | None) -> None:
        """Keep a trial out of the fit, for a reason, which is stored with it; with None it is fitted again.

        Also when the sweep has ended. Raises ValueError for a key that no trial has, and for an empty reason.
        """
        if reason is not None and not reason.strip():
            raise ValueError("leave_out takes a reason, or None to fit the trial again")
        reason = reason and reason.strip()
        if self.running:
            self._command(LeaveOut(trial, reason))
            return
        for event in change_fit(self.directory, trial, reason):
            self._apply(event)

    def close(self) -> None:
        """Let the sweep go; it goes on."""
        self._client.close()
        if self._follower is not None:
            self._follower.close()
            self._follower = None

    def __repr__(self) -> str:
        ended, count = self._state.ended, len(self._state.trials)
        return f"<sweep in {self.directory}: {self._state.phase}, {ended} of {count} trials ended>"

    def _apply(self, event: Event) -> None:
        if isinstance(event, SweepStarted):
            self._state = SweepState()
        self._state.apply(event)

    def _begin_again(self) -> None:
        """A sweep that had ended may have been resumed."""
        follower = Follower(self.directory)
        if not follower.live:
            follower.close()
            return
        self._follower = follower
        for event in follower.begin():
            self._apply(event)

    def _command(self, command: Command) -> None:
        if not self._client.connect():
            where = str(self.directory)
            raise ValueError(
                f"no command reaches the sweep in {where!r}: {self._client.problem}"
                if self.running
                else f"no process sweeps in {where!r}; `flopsfit-tui run` with --out {where} goes on with it"
            )
        identity = self._client.send(command)
        end = time.monotonic() + ANSWER_SECONDS
        with self._answered:
            while identity not in self._answers and time.monotonic() < end:
                self._answered.wait(POLL_SECONDS)
                if not self._client.connect() and sweeping_process(self.directory) is None:
                    break  # else, where the connection was lost, it is sent again
            problem = self._answers.pop(identity, None)
        if problem is None:
            self._client.forget(identity)
            raise ValueError("the sweep ended, or stood still, before it answered; what it did is in its log")
        if problem:
            raise ValueError(problem)

    def _take_answer(self, identity: str, problem: str) -> None:
        with self._answered:
            self._answers[identity] = problem
            self._answered.notify_all()
