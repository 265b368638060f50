"""On a node: a job that trains the trials of its pack, one after the other, in a worker process of its own.

The worker is one of those that `--executor processes` starts, so that what kills it, or hangs it, does not kill the
job. submitit's signal (time limit, preemption) and SIGTERM are only noted here; between two messages of the worker its
trial is left, which writes its checkpoint, and the job is requeued or ends.
"""

from __future__ import annotations

import contextlib
import os
import platform
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from flopsfit_tui.core.checkpoint_files import drop_checkpoints
from flopsfit_tui.core.events import TrialEnded, TrialStarted
from flopsfit_tui.core.to_json import to_json
from flopsfit_tui.core.trial import Outcome
from flopsfit_tui.sweep.executor import TrialLost
from flopsfit_tui.sweep.job import Compare, Job, Train, workload_of
from flopsfit_tui.sweep.processes import Processes
from flopsfit_tui.sweep.slurm.files import Damaged, Said, read_result, read_sealed, write_result, write_sealed
from flopsfit_tui.sweep.slurm.pack import Pack, call_path

POLL_SECONDS = 0.2
ORDER_SECONDS = 0.5  # between two looks at the orders
GRACE_SECONDS = 1.0  # after a worker was ended by a signal, for the same signal to come here


class _Signals:
    """Notes the signals that end a job, and leaves what was to be done about them until there is time."""

    def __init__(self) -> None:
        from submitit import JobEnvironment

        self.requeueing = int(JobEnvironment._usr_sig())  # of submitit: a time limit or a preemption is near
        self._before: dict[int, Any] = {}
        self.heard: int | None = None
        for number in (self.requeueing, int(signal.SIGTERM)):
            self._before[number] = signal.signal(number, self._hear)

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        if self.heard != self.requeueing:  # which may come after SIGTERM, and says more
            self.heard = number

    def answer(self) -> None:
        """End this process: requeued by submitit where it asks for that, else as Slurm wants it."""
        if self.heard == self.requeueing and callable(self._before[self.requeueing]):
            self._before[self.requeueing](self.requeueing, None)
        raise SystemExit(128 + (self.heard or 0))

    @contextlib.contextmanager
    def kept_from_children(self) -> Iterator[None]:
        """Processes started meanwhile do not hear submitit's signal, which may go to the whole job and end them."""
        signal.pthread_sigmask(signal.SIG_BLOCK, {self.requeueing})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {self.requeueing})


class _Inbox:
    """What the sweeping process wants of this submission's jobs."""

    def __init__(self, path: Path) -> None:
        self._path, self._looked = path, -ORDER_SECONDS
        self.pause, self.cancelled = 0, frozenset[str]()  # pause: its number; 0: none is on

    def look(self) -> None:
        """Read them, from time to time."""
        if time.monotonic() - self._looked < ORDER_SECONDS:
            return
        self._looked = time.monotonic()
        with contextlib.suppress(Damaged):
            content = read_sealed(self._path)
            if content is not None:
                self.pause, self.cancelled = int(content["pause"]), frozenset(content["cancelled"])


def run_pack(pack: Pack) -> None:
    """Do the jobs of a pack; ends this process where a signal says so."""
    sys.path[:] = [*pack.path, *(p for p in sys.path if p not in pack.path)]
    signals, orders = _Signals(), _Inbox(pack.orders)
    worker = f"slurm {os.environ.get('SLURM_JOB_ID', os.getpid())} on {platform.node()}"
    processes = Processes(1, threads=pack.threads, silent_after=pack.silent_after)
    with Said(pack.said) as said, contextlib.closing(processes) as executor:
        said.write("begun", worker=worker)
        runner = _Runner(pack, executor, signals, orders, said, worker)
        refused = runner.refusal()
        for job in pack.jobs if not refused else ():
            runner.run(job)
            if signals.heard is not None:
                break
        said.write("over" if signals.heard is None else "left")
    if signals.heard is not None:
        signals.answer()


class _Runner:
    """Does one job after the other."""

    def __init__(
        self, pack: Pack, executor: Processes, signals: _Signals, orders: _Inbox, said: Said, worker: str
    ) -> None:
        self._pack, self._executor, self._signals, self._orders = pack, executor, signals, orders
        self._said, self._worker, self._directory = said, worker, Path(pack.directory)

    def refusal(self) -> bool:
        """Say so where this node has other code or data than the sweep."""
        job = self._pack.jobs[0]
        content = job.content if isinstance(job, Train) else None
        why = ""
        with contextlib.suppress(Exception):  # what its code raises as it is loaded, the trials will say
            why = self._call(Compare(workload_of(job), self._pack.surroundings, content))
        if why:
            self._said.write("refused", reason=why)
        return bool(why)

    def _call(self, job: Job) -> Any:
        with self._signals.kept_from_children():
            return self._executor.call([job])[0]

    def run(self, job: Job) -> None:
        """Do one job, unless it is done."""
        if isinstance(job, Train):
            self._train(job)
        else:
            path = call_path(Path(self._pack.folder), self._pack.index)
            write_sealed(path, {"value": to_json(self._call(job))})

    def _train(self, job: Train) -> None:
        key = job.trial.key
        self._wait(key)
        if self._signals.heard is not None or key in self._orders.cancelled:
            return
        with contextlib.suppress(Damaged):
            if read_result(self._directory, key) is not None:
                self._said.write("ended", key=key)
                return
        with self._signals.kept_from_children():
            self._executor.start(job)
        self._said.write_event(TrialStarted(key, self._worker))
        while self._executor.free == 0:
            if not self._one_look(job):
                return

    def _one_look(self, job: Train) -> bool:
        """Pass on what the worker says; whether the trial goes on."""
        key = job.trial.key
        for event in self._executor.poll(POLL_SECONDS):
            if isinstance(event, TrialEnded):
                self._end(key, event.outcome)
            elif isinstance(event, TrialLost):
                self._wait_for_the_same_signal()
                if self._signals.heard is None:
                    self._said.write("lost", key=key, reason=event.reason)
                return False
            else:
                self._said.write_event(event)
        if self._signals.heard is not None:
            self._executor.cancel_all()
            return False
        self._orders.look()
        if key in self._orders.cancelled:
            self._executor.cancel_all()
            drop_checkpoints(self._directory, [key])
            return False
        if self._orders.pause and self._executor.free == 0 and self._executor.pause():
            self._wait(key)
            self._executor.resume()
        return True

    def _end(self, key: str, outcome: Outcome) -> None:
        write_result(self._directory, key, outcome, self._worker)
        self._said.write("ended", key=key)

    def _wait(self, key: str) -> None:
        """Stand still while the orders say so, before or in the middle of a trial."""
        self._orders.look()
        said = 0
        while self._orders.pause and key not in self._orders.cancelled and self._signals.heard is None:
            if self._orders.pause != said:
                said = self._orders.pause
                self._said.write("paused", number=said)
            time.sleep(POLL_SECONDS)
            self._orders.look()

    def _wait_for_the_same_signal(self) -> None:
        deadline = time.monotonic() + GRACE_SECONDS
        while self._signals.heard is None and time.monotonic() < deadline:
            time.sleep(0.02)
