"""Persistent worker processes on this machine, one torch thread each by default.

Plain subprocesses with a socket pair, not `multiprocessing`: nothing of the user's main script is imported again, no
file number of a terminal app is needed, and a worker's life hangs on its end of the socket alone.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

from flopsfit_tui.core.events import Event, TrialEnded
from flopsfit_tui.core.trial import Outcome
from flopsfit_tui.sweep.executor import Interrupted
from flopsfit_tui.sweep.job import Job, Train
from flopsfit_tui.sweep.wire import Done, Happened, Held, Message, Refused, Setup

DROP_SECONDS = 0.5  # how long a running trial may take to come to the end of its step
INTERRUPT_SECONDS = 0.2  # how soon a call sees that nobody wants its answer


class Processes:
    """An Executor over `workers` processes of `threads` torch threads each; they start when first needed.

    `nice` lowers their priority, so that a terminal app beside them stays quick.
    """

    def __init__(self, workers: int | None = None, threads: int = 1, nice: int = 0) -> None:
        self.slots = workers or cores()
        self._make: Callable[[], _Worker] = lambda: _Worker(threads, nice)
        self._workers: list[_Worker] = []
        self._holding = False
        self._interrupted = False

    @property
    def free(self) -> int:
        """Workers that are idle or not yet started."""
        return max(0, self.slots - sum(w.job is not None for w in self._workers))

    def warm_up(self) -> None:
        """Start the workers now, so that they load torch while a person still reads."""
        while len(self._workers) < self.slots:
            self._workers.append(self._make())

    def call(self, jobs: Sequence[Job]) -> list[Any]:
        """Do short jobs side by side."""
        results: dict[int, Any] = {}
        waiting = list(enumerate(jobs))
        busy: dict[_Worker, int] = {}
        while len(results) < len(jobs):
            if self._interrupted:
                raise Interrupted
            while waiting and len(busy) < self.slots:
                index, job = waiting.pop(0)
                worker = self._idle()
                worker.take(job)
                busy[worker] = index
            for worker in _ready(list(busy), INTERRUPT_SECONDS):
                message = self._hear(worker)
                if isinstance(message, Happened):
                    continue
                index = busy.pop(worker)
                if isinstance(message, Done):
                    results[index] = message.value
                    worker.job = None
                else:
                    self._give_up(list(busy), worker, message)
        return [results[i] for i in range(len(jobs))]

    def _give_up(self, others: Sequence[_Worker], worker: _Worker, message: Message | None) -> None:
        for other in others:
            self._drop(other)
        if isinstance(message, Refused):
            worker.job = None
            if message.mendable:
                raise message.mendable(message.message)
            raise RuntimeError(f"a worker failed while it prepared the sweep\n{message.message}")
        last_words = worker.last_words()
        self._drop(worker)
        raise RuntimeError(last_words)

    def start(self, job: Train) -> str:
        """Give a trial to an idle worker."""
        worker = self._idle()
        worker.take(job)
        return worker.name

    def poll(self, seconds: float) -> list[Event]:
        """Everything that the workers have said, waiting at most `seconds` for the first of it."""
        events: list[Event] = []
        busy = [w for w in self._workers if w.job is not None]
        if not busy:
            time.sleep(seconds)
        for worker in _ready(busy, seconds):
            message = self._hear(worker)
            trial = worker.job.trial if isinstance(worker.job, Train) else None
            match message:
                case Happened(event):
                    events.append(event)
                case Held():
                    worker.held = True
                case Done():
                    worker.job = None
                case Refused():
                    assert trial is not None
                    events.append(TrialEnded(trial.key, Outcome("failed", error=message.message)))
                    worker.job = None
                case None:
                    assert trial is not None
                    events.append(TrialEnded(trial.key, Outcome("failed", error=worker.last_words())))
                    self._drop(worker)
        return events

    def hold(self) -> bool:
        """Ask the busy workers to stand still; true once all of them do."""
        busy = [w for w in self._workers if w.job is not None]
        if not self._holding:
            self._holding = True
            for worker in self._workers:
                worker.order("hold")
        return all(w.held for w in busy)

    def release(self) -> None:
        """Let them go on."""
        self._holding = False
        for worker in self._workers:
            worker.held = False
            worker.order("release")

    def abandon(self) -> None:
        """Drop what is running. A worker that does not answer soon, in the middle of a long step, is ended."""
        self._holding = False
        self._abandon([w for w in self._workers if w.job is not None])

    def drop(self, key: str) -> None:
        """Drop one trial; its worker is ended when it does not answer soon."""
        self._abandon([w for w in self._workers if isinstance(w.job, Train) and w.job.trial.key == key])

    def resize(self, slots: int) -> None:
        """More workers start when they are needed; surplus ones end when they are idle."""
        self.slots = max(1, slots)
        idle = [w for w in self._workers if w.job is None]
        for worker in idle[: max(0, len(self._workers) - self.slots)]:
            self._drop(worker)

    def _abandon(self, busy: list[_Worker]) -> None:
        for worker in busy:
            worker.held = False
            worker.order("drop")
        deadline = time.monotonic() + DROP_SECONDS
        while busy and (left := deadline - time.monotonic()) > 0:
            for worker in _ready(busy, left):
                message = self._hear(worker)
                if message is None:
                    self._drop(worker)
                elif isinstance(message, Done | Refused):
                    worker.job = None
                else:
                    continue
                busy.remove(worker)
        for worker in busy:
            self._drop(worker)

    def interrupt(self) -> None:
        """Make call() raise Interrupted; for any thread."""
        self._interrupted = True

    def close(self) -> None:
        """End every worker."""
        self._holding = False
        while self._workers:
            self._drop(self._workers[-1])

    def _idle(self) -> _Worker:
        for worker in self._workers:
            if worker.job is None:
                return worker
        assert len(self._workers) < self.slots, "start() with no free slot"
        self._workers.append(self._make())
        return self._workers[-1]

    def _hear(self, worker: _Worker) -> Message | None:
        """The next message; None when the worker has died."""
        try:
            message: Message = worker.connection.recv()
        except (EOFError, ConnectionResetError):
            return None
        return message

    def _drop(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.end()


class _Worker:
    """One process, and this side of the connection to it."""

    _made = 0

    def __init__(self, threads: int, nice: int) -> None:
        _Worker._made += 1
        self.job: Job | None = None
        self.held = False
        ours, theirs = socket.socketpair()
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed by end(); what the user's code prints; read only when the worker dies
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "flopsfit_tui.sweep.worker", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=self._output,
                # Control-C in the terminal is for the sweeping process to answer. A session of its own would do, but
                # Linux shares the processor fairly between sessions, and `nice` counts only within one (autogroup).
                process_group=0,
                env={
                    **os.environ,
                    **_thread_limits(threads),
                    "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
                },
            )
        self.connection: Connection[Any, Any] = Connection(ours.detach())
        self.name = f"worker {self.process.pid}"
        self.order(Setup(list(sys.path), threads, nice))

    def take(self, job: Job) -> None:
        """Begin a job."""
        assert self.job is None
        self.job = job
        self.order(job)

    def order(self, message: Any) -> None:
        """Send; a worker that has just died says so at the next receive."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(message)

    def last_words(self) -> str:
        """Why it died, as far as can be told, and the end of what it printed."""
        code = self.process.wait(timeout=10)
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        hint = "; the system may have run out of memory" if code == -9 else ""
        self._output.seek(0)
        printed = self._output.read()[-4000:].decode(errors="replace").strip()
        return f"the worker process {how}{hint}\n{printed}".strip()

    def end(self) -> None:
        """Kill and reap it."""
        self.connection.close()
        self.process.kill()
        self.process.wait()
        self._output.close()


def _ready(workers: Sequence[_Worker], seconds: float | None) -> list[_Worker]:
    by_connection = {w.connection: w for w in workers}
    return [by_connection[c] for c in wait(list(by_connection), seconds)]  # type: ignore[index]


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _thread_limits(threads: int) -> dict[str, str]:
    return {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
