"""Who trains: the protocol that every executor keeps, and Here, which trains in the calling thread."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from typing import Any, Protocol

from flopsfit_tui.core.events import Event
from flopsfit_tui.sweep.job import Job, Train, perform


class Interrupted(RuntimeError):
    """The person does not want the answer any more."""


class Executor(Protocol):
    """Does jobs. All calls come from one thread, the sweeping one; events come back through `poll`."""

    slots: int  # trials at once

    @property
    def free(self) -> int:
        """Slots in which a trial can begin now."""
        ...

    def call(self, jobs: Sequence[Job]) -> list[Any]:
        """Do short jobs, side by side where it can, and give their results in order.

        Raises ValueError or TypeError, as the job did, for what a person can mend; RuntimeError with a traceback else.
        """
        ...

    def start(self, job: Train) -> str:
        """Begin a trial in a free slot; the name of who trains it."""
        ...

    def poll(self, seconds: float) -> list[Event]:
        """What the running trials have said; waits at most about `seconds` for something."""
        ...

    def hold(self) -> bool:
        """Ask every running trial to stand still between two steps; whether all of them do by now."""
        ...

    def release(self) -> None:
        """Let them go on."""
        ...

    def drop(self, key: str) -> None:
        """Drop one running trial, at once."""
        ...

    def resize(self, slots: int) -> None:
        """Run so many trials at once from now on, where it can; what runs beyond that runs to its end."""
        ...

    def abandon(self) -> None:
        """Drop what is running, at once."""
        ...

    def interrupt(self) -> None:
        """Make the `call` that runs, and every later one, raise Interrupted; the one method for another thread."""
        ...

    def close(self) -> None:
        """Let every worker go; calls after this one start new workers."""
        ...


class Here:
    """Trains one trial after the other in the calling thread: for debugging, and for objects that cannot travel."""

    slots = 1

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads
        self._running: Generator[Event, None, Any] | None = None
        self._held = False

    @property
    def free(self) -> int:
        """One while no trial runs."""
        return int(self._running is None)

    def call(self, jobs: Sequence[Job]) -> list[Any]:
        """Do short jobs one after the other."""
        from flopsfit_tui.train.loop import torch_threads

        results = []
        for job in jobs:
            with torch_threads(self._threads):
                results.append(_result(perform(job)))
        return results

    def start(self, job: Train) -> str:
        """Begin a trial; it runs while `poll` is called."""
        assert self._running is None
        self._running = perform(job)
        return "here"

    def poll(self, seconds: float) -> list[Event]:
        """Train until the trial says something."""
        from flopsfit_tui.train.loop import torch_threads

        if self._running is None or self._held:
            time.sleep(seconds)
            return []
        with torch_threads(self._threads):
            for event in self._running:
                return [event]
        self._running = None
        return []

    def hold(self) -> bool:
        """Nothing runs between two polls, and from now on not in them either."""
        self._held = True
        return True

    def release(self) -> None:
        """The next poll trains on."""
        self._held = False

    def drop(self, key: str) -> None:  # noqa: ARG002 - only one can run
        """Drop the running trial."""
        if self._running is not None:
            self._running.close()
            self._running = None

    def resize(self, slots: int) -> None:
        """One thread trains one trial."""

    def abandon(self) -> None:
        """Drop the running trial."""
        self._held = False
        if self._running is not None:
            self._running.close()
            self._running = None

    def interrupt(self) -> None:
        """Nothing to do: a call here cannot be left."""

    def close(self) -> None:
        """Drop the running trial; there are no workers."""
        self.abandon()


def _result(job: Generator[Event, None, Any]) -> Any:
    while True:
        try:
            next(job)
        except StopIteration as done:
            return done.value
