"""Persistent worker processes on this machine, one torch thread each by default.

Plain subprocesses with a socket pair, not `multiprocessing`: nothing of the user's main script is imported again, no
file number of a terminal app is needed, and a worker's life hangs on its end of the socket alone.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from multiprocessing.connection import wait

from flopsfit_tui.core.cores import cores
from flopsfit_tui.core.events import Note
from flopsfit_tui.plan.estimate import Timing
from flopsfit_tui.sweep.job import Job
from flopsfit_tui.sweep.placement import default_workers, place
from flopsfit_tui.sweep.watchdog import SILENT_SECONDS
from flopsfit_tui.sweep.worker_process import WorkerProcess
from flopsfit_tui.sweep.workers import Workers

GRACE_SECONDS = 0.5  # after a worker was ended by a signal, for the same signal to come here


class Processes(Workers[WorkerProcess]):
    """An Executor over `workers` processes of `threads` torch threads each; they start when first needed.

    `nice` lowers their priority, so that a terminal app beside them stays quick. A worker that is silent for
    `silent_after` seconds, and for 20 of its steps, is replaced; with 0 it is only said. `gpus` are what workers are
    spread over, each with `nproc` of them, as many as train a trial together; without a number of workers there is one
    a core, or one a GPU until fit_gpus knows how many it takes. Raises ValueError where there are fewer GPUs.
    """

    def __init__(
        self,
        workers: int | None = None,
        threads: int = 1,
        nice: int = 0,
        silent_after: float = SILENT_SECONDS,
        gpus: Sequence[str] = (),
        nproc: int = 1,
    ) -> None:
        super().__init__(workers or default_workers(cores(), len(gpus), (), 0, nproc), restarts=silent_after > 0)
        self._chosen, self._gpus, self._nproc = workers is not None, gpus, nproc
        place(gpus, (), nproc)
        self._threads, self._nice, self._silent_after = threads, nice, silent_after or SILENT_SECONDS

    def warm_up(self, most: int | None = None) -> None:
        """Start the workers now, or at most so many, so that they load torch while something else is done."""
        while len(self._workers) < min(self.workers, most or self.workers):
            self._workers.append(self._make())

    def fit_gpus(self, timed: Sequence[Timing], params: int) -> None:
        """Run as many workers as GPUs take, where the user has given no number; `params` are those of the largest
        trial, `timed` what was measured here. Without GPUs nothing changes."""
        if self._gpus and timed and not self._chosen:
            self.resize(default_workers(cores(), len(self._gpus), timed, params, self._nproc))

    def _make(self) -> WorkerProcess:
        gpus = place(self._gpus, [worker.gpus for worker in self._workers], self._nproc)
        return WorkerProcess(self._threads, self._nice, self._silent_after, gpus)

    def _assign(self, worker: WorkerProcess, job: Job) -> None:
        worker.assign(job)

    def _ready(self, workers: Sequence[WorkerProcess], seconds: float) -> list[WorkerProcess]:
        by_connection = {w.connection: w for w in workers}
        return [by_connection[c] for c in wait(list(by_connection), seconds)]  # type: ignore[index]

    def _may_call_again(self, worker: WorkerProcess) -> bool:
        """After a signal, which to the whole group ends workers before it is heard here."""
        if not worker.signalled:
            return False
        deadline = time.monotonic() + GRACE_SECONDS
        while not self._interrupted and time.monotonic() < deadline:
            time.sleep(0.02)
        return True

    def _look_at_call(self, busy: Sequence[WorkerProcess]) -> None:
        """End workers that stand still for too long; what they did is done again by others."""
        for worker in busy:
            if worker.watchdog.look_at_call() and worker.is_stopped() and self._restarts:
                self._printed.append(Note("warning", f"{worker.name} stood still while it planned; replaced"))
                worker.process.kill()  # its connection ends, and call() sees that
