"""Where trials run: the protocol that every executor keeps, and InThread, which trains in the calling thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from flopsfit_tui.core.events import Event, TrialAlive, TrialEnded
from flopsfit_tui.core.failed import Failed
from flopsfit_tui.sweep.job import Job, Train, run_job
from flopsfit_tui.sweep.printed import PrintedLines, kept_output


class Interrupted(RuntimeError):
    """The user does not want the answer any more."""


class WorkerLost(Failed):
    """A worker died while it prepared a sweep; the message says how, and the end of what it printed."""


@dataclass(frozen=True)
class TrialLost:
    """A trial whose worker has gone: killed, out of memory, or silent and ended. It may be tried again."""

    key: str
    reason: str


class Executor(Protocol):
    """Does jobs. All calls come from one thread, the sweeping one; events come back through `poll`."""

    workers: int  # trials at once

    @property
    def free(self) -> int:
        """Slots in which a trial can begin now."""
        ...

    def call(self, jobs: Sequence[Job]) -> list[Any]:
        """Do short jobs, side by side where it can, and give their results in order.

        Raises ValueError or TypeError, as the job did, for user errors; RuntimeError with a traceback else.
        """
        ...

    def start(self, job: Train) -> str:
        """Begin a trial in a free worker; the name of who trains it, "" where `poll` will say TrialStarted."""
        ...

    def poll(self, seconds: float) -> list[Event | TrialLost]:
        """What the running trials have said; waits at most about `seconds` for something."""
        ...

    def pause(self) -> bool:
        """Ask every running trial to stand still between two steps; whether all of them do by now."""
        ...

    def resume(self) -> None:
        """Let them go on."""
        ...

    def cancel(self, key: str) -> None:
        """Leave one running trial, at once."""
        ...

    def resize(self, workers: int) -> None:
        """Run so many trials at once from now on, where it can; what runs beyond that runs to its end."""
        ...

    def cancel_all(self) -> None:
        """Leave what is running: each trial writes its checkpoint, if it comes to the end of its step soon."""
        ...

    def interrupt(self) -> None:
        """Make the `call` that runs, and every later one, raise Interrupted; the one method for another thread."""
        ...

    def close(self) -> None:
        """Let every worker go; calls after this one start new workers."""
        ...


TOGETHER_SECONDS = 0.005  # within which a trial of few milliseconds says all that it does


class InThread:
    """Trains one trial after the other in the calling thread: for debugging, and for objects that cannot be pickled."""

    workers = 1

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads
        self._running: Generator[Event, None, Any] | None = None
        self._key = ""  # of the trial that runs
        self._paused = self._calling = self._interrupted = False
        self._printed = PrintedLines("here")

    @property
    def free(self) -> int:
        """One while no trial runs."""
        return int(self._running is None)

    def call(self, jobs: Sequence[Job]) -> list[Any]:
        """Do short jobs one after the other."""
        from flopsfit_tui.train.loop import torch_threads

        results = []
        for job in jobs:
            if self._interrupted:
                raise Interrupted
            self._calling = True
            try:
                with torch_threads(self._threads), kept_output(self._printed):
                    results.append(_result(run_job(job)))
            finally:
                self._calling = False
        return results

    def start(self, job: Train) -> str:
        """Begin a trial; it runs while `poll` is called."""
        assert self._running is None
        self._running, self._key = run_job(job), job.trial.key
        self._printed.begin()
        return "here"

    def poll(self, seconds: float) -> list[Event | TrialLost]:
        """Train until the trial says something; what it says at once after that comes with it."""
        from flopsfit_tui.train.loop import torch_threads

        if self._running is None or self._paused:
            time.sleep(seconds)
            return [*self._printed.take()]
        said: list[Event | TrialLost] = []
        enough = time.perf_counter() + TOGETHER_SECONDS
        with torch_threads(self._threads), kept_output(self._printed):
            while self._running is not None and (not said or time.perf_counter() < enough):
                said.append(self._next_event())
        return [*self._printed.take(), *(event for event in said if not isinstance(event, TrialAlive))]

    def _next_event(self) -> Event | TrialLost:
        """The next one; after its last the trial runs no more."""
        assert self._running is not None
        try:
            event: Event | TrialLost = next(self._running)
        except MemoryError as error:
            event = TrialLost(self._key, f"out of memory\n{error}")
        if isinstance(event, TrialEnded | TrialLost):
            self._running = None
        return event

    def pause(self) -> bool:
        """Nothing runs between two polls, and from now on not in them either."""
        self._paused = True
        return True

    def resume(self) -> None:
        """The next poll trains on."""
        self._paused = False

    def cancel(self, key: str) -> None:  # noqa: ARG002 - only one can run
        """Leave the running trial."""
        self._leave()

    def resize(self, workers: int) -> None:
        """One thread trains one trial."""

    def cancel_all(self) -> None:
        """Leave the running trial."""
        self._paused = False
        self._leave()

    def _leave(self) -> None:
        if self._running is not None:
            with kept_output(self._printed):
                self._running.close()
            self._running = None

    def interrupt(self) -> None:
        """Leave the call that runs, where this is a signal handler in its thread; else once its job is done."""
        self._interrupted = True
        if self._calling and threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt

    def close(self) -> None:
        """Drop the running trial; there are no workers."""
        self.cancel_all()


def _result(job: Generator[Event, None, Any]) -> Any:
    while True:
        try:
            next(job)
        except StopIteration as done:
            return done.value
