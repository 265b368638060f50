"""What every executor does that has workers of its own, be they processes here or actors of a cluster.

A worker does one job at a time and says what happens; an executor gives jobs to idle workers, replaces those that are
lost or silent, and passes on the user's orders.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Generic, Protocol, TypeVar

from flopsfit_tui.core.events import Event, Note, TrialAlive, TrialEnded
from flopsfit_tui.core.trial import Outcome
from flopsfit_tui.sweep.executor import Interrupted, TrialLost, WorkerLost
from flopsfit_tui.sweep.job import Job, Train
from flopsfit_tui.sweep.watchdog import Watchdog
from flopsfit_tui.sweep.wire import Done, JobEvent, JobFailed, Message, Paused

CANCEL_SECONDS = 2.0  # how long a running trial may take to come to the end of its step
LEAVE_SECONDS = 10.0  # the same where it then writes a checkpoint
MOST_CALLS = 3  # of a short job whose worker is lost
INTERRUPT_SECONDS = 0.2  # how soon a call sees that nobody wants its answer


class Worker(Protocol):
    """One worker, seen from the process that sweeps."""

    job: Job | None
    paused: bool
    watchdog: Watchdog

    @property
    def name(self) -> str:
        """For the user."""
        ...

    def order(self, message: Any) -> None:
        """Send; a worker that has just died says so at the next receive."""
        ...

    def receive(self) -> Message | None:
        """The next message; None when the worker is lost."""
        ...

    def loss_report(self) -> str:
        """Why it was lost, as far as can be told."""
        ...

    def take_printed(self, ended: bool = False) -> list[Note]:
        """What the user's code has printed there since the last time."""
        ...

    def end(self) -> None:
        """Kill it."""
        ...


W = TypeVar("W", bound=Worker)


class Workers(ABC, Generic[W]):
    """An Executor over workers that start when first needed. `restarts`: one that is silent for too long is replaced;
    otherwise it is only said."""

    def __init__(self, workers: int, restarts: bool = True) -> None:
        self.workers = workers
        self._restarts = restarts
        self._workers: list[W] = []
        self._pausing = self._interrupted = False
        self._printed: list[Event] = []  # by workers, and not yet said

    @abstractmethod
    def _make(self) -> W:
        """Start a worker."""

    @abstractmethod
    def _assign(self, worker: W, job: Job) -> None:
        """Begin a job."""

    @abstractmethod
    def _ready(self, workers: Sequence[W], seconds: float) -> list[W]:
        """Those that have something to say or are lost, waiting at most `seconds` for the first."""

    def _may_call_again(self, worker: W) -> bool:  # noqa: ARG002 - for others to say
        """Whether a short job is done again whose worker was lost."""
        return True

    def _look_at_call(self, busy: Sequence[W]) -> None:
        """Look at the workers that do short jobs."""

    def _watch_start(self, worker: W) -> str:  # noqa: ARG002 - most start in a moment
        """Why a worker that has said nothing yet is lost; "" when it is not."""
        return ""

    @property
    def free(self) -> int:
        """Workers that are idle or not yet started."""
        return max(0, self.workers - sum(w.job is not None for w in self._workers))

    def call(self, jobs: Sequence[Job]) -> list[Any]:
        """Do short jobs side by side; one whose worker is lost is done again, a few times."""
        results: dict[int, Any] = {}
        waiting, tries = list(enumerate(jobs)), dict.fromkeys(range(len(jobs)), 0)
        busy: dict[W, int] = {}
        while len(results) < len(jobs):
            if self._interrupted:
                raise Interrupted
            while waiting and len(busy) < self.workers:
                index, job = waiting.pop(0)
                worker = self._idle()
                self._assign(worker, job)
                busy[worker] = index
                tries[index] += 1
            for worker in self._ready(list(busy), INTERRUPT_SECONDS):
                message = worker.receive()
                if isinstance(message, JobEvent):
                    continue
                index = busy.pop(worker)
                if isinstance(message, Done):
                    results[index] = message.value
                    worker.job = None
                elif message is None and tries[index] < MOST_CALLS and self._may_call_again(worker):
                    self._end(worker)
                    waiting.append((index, jobs[index]))
                else:
                    self._raise_failure(list(busy), worker, message)
            self._look_at_call(list(busy))
        return [results[i] for i in range(len(jobs))]

    def _raise_failure(self, others: Sequence[W], worker: W, message: Message | None) -> None:
        self._end_all(others)
        if isinstance(message, JobFailed):
            worker.job = None
            if message.user_error:
                raise message.user_error(message.message)
            raise RuntimeError(f"a worker failed while it prepared the sweep\n{message.message}")
        report = worker.loss_report()
        self._lose(worker)
        raise WorkerLost(report)

    def start(self, job: Train) -> str:
        """Give a trial to an idle worker."""
        worker = self._idle()
        self._assign(worker, job)
        return worker.name

    def poll(self, seconds: float) -> list[Event | TrialLost]:
        """Everything that the workers have said, waiting at most `seconds` for the first of it."""
        events: list[Event | TrialLost] = []
        busy = [w for w in self._workers if isinstance(w.job, Train)]
        if not busy:
            time.sleep(seconds)
        ready = self._ready(busy, seconds)
        for worker in ready:
            events += self._messages_of(worker)
        for worker in busy:
            if worker not in ready and worker in self._workers:
                events += self._watch(worker)
        for worker in self._workers:
            self._printed += worker.take_printed()
        printed, self._printed = self._printed, []
        return [*printed, *events]

    def _messages_of(self, worker: W) -> list[Event | TrialLost]:
        """One message of a worker that trains."""
        message = worker.receive()
        assert isinstance(worker.job, Train)
        key = worker.job.trial.key
        match message:
            case JobEvent(TrialAlive()):
                return []
            case JobEvent(event):
                return [event]
            case Paused():
                worker.paused = True
            case Done(renew):
                worker.job = None
                return self._renew(worker, renew)
            case JobFailed(out_of_memory=True):
                self._lose(worker)
                return [TrialLost(key, f"out of memory\n{message.message}")]
            case JobFailed(lost=True):
                worker.job = None
                return [TrialLost(key, message.message)]
            case JobFailed():
                worker.job = None
                return [TrialEnded(key, Outcome("failed", error=message.message))]
            case None:
                report = worker.loss_report()
                self._lose(worker)
                return [TrialLost(key, report)]
        return []

    def _renew(self, worker: W, reason: str | None) -> list[Event | TrialLost]:
        """End a worker that a trial has left in a state which cannot be put back; another starts when it is needed."""
        if not reason:
            return []
        name = worker.name
        self._lose(worker)
        return [Note("info", f"{name} was replaced after its trial: {reason}")]

    def _watch(self, worker: W) -> list[Event | TrialLost]:
        """Say that a worker is silent, and end it."""
        assert isinstance(worker.job, Train)
        key, dog = worker.job.trial.key, worker.watchdog
        if self._pausing or worker.paused:
            dog.on_message(None)
        if why := self._watch_start(worker):
            self._lose(worker)
            return [TrialLost(key, f"{worker.name} {why}")]
        if not dog.look() or dog.told:
            return []
        dog.told = True
        usual = f", and its steps take {dog.usual:.2g} s" if dog.usual else ""
        said = f"{worker.name} has said nothing for {dog.silence:.0f} s{usual}"
        if not self._restarts:
            return [Note("warning", f"{said}; it is waited for")]
        self._lose(worker)
        return [Note("warning", f"{said}; it is replaced"), TrialLost(key, said)]

    def _lose(self, worker: W) -> None:
        self._printed += worker.take_printed(ended=True)
        self._end(worker)

    def pause(self) -> bool:
        """Ask the busy workers to stand still; true once all of them do."""
        if not self._pausing:
            self._pausing = True
            for worker in self._workers:
                worker.order("pause")
        return all(w.paused for w in self._workers if w.job is not None)

    def resume(self) -> None:
        """Let them go on."""
        self._pausing = False
        for worker in self._workers:
            worker.paused = False
            worker.order("resume")

    def cancel_all(self) -> None:
        """Leave what is running. A worker that does not answer soon, in the middle of a long step, is ended."""
        self._pausing = False
        self._cancel([w for w in self._workers if w.job is not None])

    def cancel(self, key: str) -> None:
        """Leave one trial; its worker is ended when it does not answer soon."""
        self._cancel([w for w in self._workers if isinstance(w.job, Train) and w.job.trial.key == key])

    def _cancel(self, busy: list[W]) -> None:
        for worker in busy:
            worker.paused = False
            worker.order("cancel")
        saving = any(isinstance(w.job, Train) and w.job.checkpointing for w in busy)
        deadline = time.monotonic() + (LEAVE_SECONDS if saving else CANCEL_SECONDS)
        while busy and (left := deadline - time.monotonic()) > 0:
            for worker in self._ready(busy, left):
                message = worker.receive()
                if message is None:
                    self._end(worker)
                elif isinstance(message, Done | JobFailed):
                    worker.job = None
                else:
                    continue
                busy.remove(worker)
        self._end_all(busy)

    def resize(self, workers: int) -> None:
        """More workers start when they are needed; surplus ones end when they are idle."""
        self.workers = max(1, workers)
        idle = [w for w in self._workers if w.job is None]
        self._end_all(idle[: max(0, len(self._workers) - self.workers)])

    def interrupt(self) -> None:
        """Make call() raise Interrupted; for any thread."""
        self._interrupted = True

    def close(self) -> None:
        """End every worker."""
        self._pausing = False
        self._end_all(list(self._workers))

    def _idle(self) -> W:
        for worker in self._workers:
            if worker.job is None:
                return worker
        assert len(self._workers) < self.workers, "start() with no free worker"
        self._workers.append(self._make())
        return self._workers[-1]

    def _end_all(self, workers: Sequence[W]) -> None:
        for worker in workers:
            self._end(worker)

    def _end(self, worker: W) -> None:
        self._workers.remove(worker)
        worker.end()
