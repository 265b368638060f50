"""Persistent worker processes on this machine, one torch thread each by default.

Plain subprocesses with a socket pair, not `multiprocessing`: nothing of the user's main script is imported again, no
file number of a terminal app is needed, and a worker's life hangs on its end of the socket alone.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import wait
from typing import Any

from flopsfit_tui.core.events import Event, Note, TrialAlive, TrialEnded
from flopsfit_tui.core.trial import Outcome
from flopsfit_tui.sweep.executor import Interrupted, TrialLost, WorkerLost
from flopsfit_tui.sweep.job import Job, Train
from flopsfit_tui.sweep.watchdog import SILENT_SECONDS
from flopsfit_tui.sweep.wire import Done, JobEvent, JobFailed, Message, Paused
from flopsfit_tui.sweep.worker_process import WorkerProcess

CANCEL_SECONDS = 2.0  # how long a running trial may take to come to the end of its step
LEAVE_SECONDS = 10.0  # the same where it then writes a checkpoint
GRACE_SECONDS = 0.5  # after a worker was ended by a signal, for the same signal to come here
MOST_CALLS = 3  # of a short job whose worker is killed
INTERRUPT_SECONDS = 0.2  # how soon a call sees that nobody wants its answer


class Processes:
    """An Executor over `workers` processes of `threads` torch threads each; they start when first needed.

    `nice` lowers their priority, so that a terminal app beside them stays quick. A worker that is silent for
    `silent_after` seconds, and for 20 of its steps, is replaced; with 0 it is only said.
    """

    def __init__(
        self,
        workers: int | None = None,
        threads: int = 1,
        nice: int = 0,
        silent_after: float = SILENT_SECONDS,
    ) -> None:
        self.workers = workers or cores()
        self._restarts = silent_after > 0
        least = silent_after if self._restarts else SILENT_SECONDS
        self._make: Callable[[], WorkerProcess] = lambda: WorkerProcess(threads, nice, least)
        self._workers: list[WorkerProcess] = []
        self._pausing = False
        self._interrupted = False
        self._printed: list[Event] = []  # by workers, and not yet said

    @property
    def free(self) -> int:
        """Workers that are idle or not yet started."""
        return max(0, self.workers - sum(w.job is not None for w in self._workers))

    def warm_up(self) -> None:
        """Start the workers now, so that they load torch while the user still reads."""
        while len(self._workers) < self.workers:
            self._workers.append(self._make())

    def call(self, jobs: Sequence[Job]) -> list[Any]:
        """Do short jobs side by side; one whose worker is killed is done again, a few times."""
        results: dict[int, Any] = {}
        waiting, tries = list(enumerate(jobs)), dict.fromkeys(range(len(jobs)), 0)
        busy: dict[WorkerProcess, int] = {}
        while len(results) < len(jobs):
            if self._interrupted:
                raise Interrupted
            while waiting and len(busy) < self.workers:
                index, job = waiting.pop(0)
                worker = self._idle()
                worker.assign(job)
                busy[worker] = index
                tries[index] += 1
            for worker in _ready(list(busy), INTERRUPT_SECONDS):
                message = worker.receive()
                if isinstance(message, JobEvent):
                    continue
                index = busy.pop(worker)
                if isinstance(message, Done):
                    results[index] = message.value
                    worker.job = None
                elif message is None and worker.signalled and tries[index] < MOST_CALLS:
                    self._end(worker)
                    waiting.append((index, jobs[index]))
                    self._wait_for_the_same_signal()
                else:
                    self._raise_failure(list(busy), worker, message)
            self._end_stopped(list(busy))
        return [results[i] for i in range(len(jobs))]

    def _wait_for_the_same_signal(self) -> None:
        """A signal to the whole group ends workers before it is heard here."""
        deadline = time.monotonic() + GRACE_SECONDS
        while not self._interrupted and time.monotonic() < deadline:
            time.sleep(0.02)

    def _end_stopped(self, busy: Sequence[WorkerProcess]) -> None:
        """End workers that stand still for too long; what they did is done again by others."""
        for worker in busy:
            if worker.watchdog.look_at_call() and worker.is_stopped() and self._restarts:
                self._printed.append(Note("warning", f"{worker.name} stood still while it planned; replaced"))
                worker.process.kill()  # its connection ends, and call() sees that

    def _raise_failure(self, others: Sequence[WorkerProcess], worker: WorkerProcess, message: Message | None) -> None:
        for other in others:
            self._end(other)
        if isinstance(message, JobFailed):
            worker.job = None
            if message.user_error:
                raise message.user_error(message.message)
            raise RuntimeError(f"a worker failed while it prepared the sweep\n{message.message}")
        exit_report = worker.exit_report()
        self._printed += worker.take_printed(ended=True)
        self._end(worker)
        raise WorkerLost(exit_report)

    def start(self, job: Train) -> str:
        """Give a trial to an idle worker."""
        worker = self._idle()
        worker.assign(job)
        return worker.name

    def poll(self, seconds: float) -> list[Event | TrialLost]:
        """Everything that the workers have said, waiting at most `seconds` for the first of it."""
        events: list[Event | TrialLost] = []
        busy = [w for w in self._workers if isinstance(w.job, Train)]
        if not busy:
            time.sleep(seconds)
        ready = _ready(busy, seconds)
        for worker in ready:
            events += self._take(worker)
        for worker in busy:
            if worker not in ready and worker in self._workers:
                events += self._watch(worker)
        for worker in self._workers:
            self._printed += worker.take_printed()
        printed, self._printed = self._printed, []
        return [*printed, *events]

    def _take(self, worker: WorkerProcess) -> list[Event | TrialLost]:
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
            case JobFailed():
                worker.job = None
                return [TrialEnded(key, Outcome("failed", error=message.message))]
            case None:
                report = worker.exit_report()
                self._lose(worker)
                return [TrialLost(key, report)]
        return []

    def _renew(self, worker: WorkerProcess, reason: str | None) -> list[Event | TrialLost]:
        """End a worker that a trial has left in a state which cannot be put back; another starts when it is needed."""
        if not reason:
            return []
        self._lose(worker)
        return [Note("info", f"{worker.name} was replaced after its trial: {reason}")]

    def _watch(self, worker: WorkerProcess) -> list[Event | TrialLost]:
        """Say that a worker is silent, and end it."""
        assert isinstance(worker.job, Train)
        dog = worker.watchdog
        if self._pausing or worker.paused:
            dog.hear(None)
        if not dog.look() or dog.told:
            return []
        dog.told = True
        usual = f", and its steps take {dog.usual:.2g} s" if dog.usual else ""
        said = f"{worker.name} has said nothing for {dog.silence:.0f} s{usual}"
        if not self._restarts:
            return [Note("warning", f"{said}; it is waited for")]
        key = worker.job.trial.key
        self._lose(worker)
        return [Note("warning", f"{said}; it is replaced"), TrialLost(key, said)]

    def _lose(self, worker: WorkerProcess) -> None:
        self._printed += worker.take_printed(ended=True)
        self._end(worker)

    def pause(self) -> bool:
        """Ask the busy workers to stand still; true once all of them do."""
        busy = [w for w in self._workers if w.job is not None]
        if not self._pausing:
            self._pausing = True
            for worker in self._workers:
                worker.order("pause")
        return all(w.paused for w in busy)

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

    def resize(self, workers: int) -> None:
        """More workers start when they are needed; surplus ones end when they are idle."""
        self.workers = max(1, workers)
        idle = [w for w in self._workers if w.job is None]
        for worker in idle[: max(0, len(self._workers) - self.workers)]:
            self._end(worker)

    def _cancel(self, busy: list[WorkerProcess]) -> None:
        for worker in busy:
            worker.paused = False
            worker.order("cancel")
        saving = any(isinstance(w.job, Train) and w.job.checkpointing for w in busy)
        deadline = time.monotonic() + (LEAVE_SECONDS if saving else CANCEL_SECONDS)
        while busy and (left := deadline - time.monotonic()) > 0:
            for worker in _ready(busy, left):
                message = worker.receive()
                if message is None:
                    self._end(worker)
                elif isinstance(message, Done | JobFailed):
                    worker.job = None
                else:
                    continue
                busy.remove(worker)
        for worker in busy:
            self._end(worker)

    def interrupt(self) -> None:
        """Make call() raise Interrupted; for any thread."""
        self._interrupted = True

    def close(self) -> None:
        """End every worker."""
        self._pausing = False
        while self._workers:
            self._end(self._workers[-1])

    def _idle(self) -> WorkerProcess:
        for worker in self._workers:
            if worker.job is None:
                return worker
        assert len(self._workers) < self.workers, "start() with no free worker"
        self._workers.append(self._make())
        return self._workers[-1]

    def _end(self, worker: WorkerProcess) -> None:
        self._workers.remove(worker)
        worker.end()


def _ready(workers: Sequence[WorkerProcess], seconds: float | None) -> list[WorkerProcess]:
    by_connection = {w.connection: w for w in workers}
    return [by_connection[c] for c in wait(list(by_connection), seconds)]  # type: ignore[index]


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
