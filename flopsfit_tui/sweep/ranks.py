"""A trial that several processes train together: this worker starts them by torchrun and passes on what the first says.

They end with the trial, however it ends; and where this worker is killed, they end by themselves (rank.py).
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from typing import Any

import psutil

from flopsfit_tui.core.events import Event, Note, TrialAlive, TrialEnded, TrialProgress
from flopsfit_tui.core.trial import Outcome
from flopsfit_tui.sweep.job import Train
from flopsfit_tui.sweep.wire import RankFailed, RankOver

START_SECONDS = 600.0  # for all of them to start
LEAVE_SECONDS = 60.0  # for the first to write a checkpoint
POLL_SECONDS = 0.1
LAST_SECONDS = 0.5  # for what another of them has to say, when one has failed


class RankLost(RuntimeError):
    """One of the processes has ended without a word."""


class _OutOfMemory(Exception):
    """Of a device."""


def train_in_ranks(job: Train) -> Iterator[Event]:
    """Train a trial in `job.recipe.nproc` processes; the events of the first, the last a TrialEnded.

    Where a device runs out of memory all begin anew, with their parts of the batch in twice as many parts. Raises
    RankLost where one of them is lost, MemoryError where the machine has no memory left.
    """
    parts, trial = 1, job.trial
    while True:
        with contextlib.closing(_Ranks(job, parts)) as ranks:
            try:
                yield from ranks.events()
            except _OutOfMemory as error:
                if parts >= trial.batch_size // job.recipe.nproc:
                    yield TrialEnded(trial.key, ranks.failed(str(error)))
                    return
            else:
                return
        parts *= 2
        if job.checkpointing:
            job.checkpointing.path.unlink(missing_ok=True)
        yield Note(
            "warning",
            f"out of memory at size {trial.size}: restarted with gradient accumulation over {parts} micro-batches in "
            f"each of {job.recipe.nproc} processes",
        )


class _Ranks:
    """The processes of one trial, and this side of the connections to them."""

    def __init__(self, job: Train, parts: int) -> None:
        import torch

        self._job, self._parts, self._count = job, parts, job.recipe.nproc
        self._links: dict[int, Connection[Any, Any]] = {}  # by rank
        self._last: TrialProgress | None = None
        folder = tempfile.gettempdir()  # a socket's path is short
        self._folder = tempfile.TemporaryDirectory(prefix="ranks-", dir=folder if len(folder) < 60 else "/tmp")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"{self._folder.name}/socket")
        self._listener.listen(self._count)
        self._listener.settimeout(POLL_SECONDS)
        torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(self._count)]
        threads = str(max(1, torch.get_num_threads() // self._count))
        self._torchrun = subprocess.Popen(
            [*torchrun, "--log-dir", self._folder.name, "-m", "flopsfit_tui.sweep.rank", f"{self._folder.name}/socket"],
            stdin=subprocess.DEVNULL,
            env={
                **os.environ,
                **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads),
                "TORCH_CPP_LOG_LEVEL": "ERROR",  # else DDP warns that all parameters have gradients
                "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
            },
        )

    def events(self) -> Iterator[Event]:
        """What the first rank says; nothing is trained while the caller keeps it waiting."""
        yield from self._connect()
        for link in self._links.values():
            link.send((self._job, self._parts))
        first = self._links[0]
        while True:
            message = self._next_message()
            if message is None:  # the first has done its part
                return
            if isinstance(message, TrialProgress):
                self._last = message
            if isinstance(message, TrialEnded) and message.outcome.status == "failed":
                self._look_for_lost()
                if self._job.checkpointing:
                    self._job.checkpointing.path.unlink(missing_ok=True)
            try:
                yield message
            except GeneratorExit:
                self._leave()
                raise
            with contextlib.suppress(OSError):
                first.send("go")

    def failed(self, error: str) -> Outcome:
        """A failed outcome with what was spent, as far as the first rank has said it."""
        spent = {}
        if self._last is not None:
            step = self._last.step
            spent = {"steps": step, "samples": step * self._job.trial.batch_size, "seconds": self._last.seconds}
            spent |= {"tokens": self._last.tokens, "flops": self._last.flops}
        return Outcome("failed", error=error, **spent)  # type: ignore[arg-type]

    def _connect(self) -> Iterator[TrialAlive]:
        deadline = time.monotonic() + START_SECONDS
        while len(self._links) < self._count:
            try:
                link, _ = self._listener.accept()
            except TimeoutError:
                if self._torchrun.poll() is not None:
                    raise RankLost(f"torchrun ended with exit code {self._torchrun.returncode}") from None
                if time.monotonic() > deadline:
                    raise RankLost(f"{self._count} processes did not start in {START_SECONDS:.0f} s") from None
                yield TrialAlive(self._job.trial.key)
                continue
            connection: Connection[Any, Any] = Connection(link.detach())
            self._links[connection.recv()] = connection

    def _next_message(self) -> Event | None:
        """The next event of the first rank, None when it has done its part. Raises what the others have failed by."""
        ranks = {link: rank for rank, link in self._links.items()}
        while True:
            for link in wait(list(ranks)):
                rank = ranks[link]  # type: ignore[index]
                message = self._receive(rank)
                if isinstance(message, RankOver):
                    if rank == 0:
                        return None
                elif isinstance(message, RankFailed):
                    return self._failure(rank, message)
                else:
                    event: Event = message
                    return event

    def _receive(self, rank: int) -> Any:
        try:
            return self._links[rank].recv()
        except (EOFError, OSError):
            raise RankLost(
                f"process {rank} of the {self._count} of the trial (rank {rank}) ended without a word; the system may "
                "have run out of memory"
            ) from None

    def _failure(self, rank: int, message: RankFailed) -> Event:
        """What the failure of a rank means for the trial; the first one tells more, where it has failed alike."""
        if message.memory == "device":
            raise _OutOfMemory(message.error)
        if message.memory == "host":
            raise MemoryError(message.error)
        if rank > 0 and self._links[0].poll(LAST_SECONDS):
            said = self._receive(0)
            if isinstance(said, TrialEnded):
                return said
        return TrialEnded(self._job.trial.key, self.failed(message.error))

    def _look_for_lost(self) -> None:
        """Raise RankLost where the first rank has failed because another one is gone."""
        others = [link for rank, link in self._links.items() if rank > 0]
        for link in wait(others, LAST_SECONDS):
            self._receive(next(rank for rank, other in self._links.items() if other is link))

    def _leave(self) -> None:
        """Let the first write its checkpoint."""
        with contextlib.suppress(OSError, EOFError):
            self._links[0].send("leave")
            if self._links[0].poll(LEAVE_SECONDS):
                self._links[0].recv()

    def close(self) -> None:
        """End all of them."""
        for link in self._links.values():
            link.close()
        self._listener.close()
        started: list[psutil.Process] = []
        with contextlib.suppress(psutil.Error):
            started = psutil.Process(self._torchrun.pid).children(recursive=True)
        self._torchrun.kill()
        self._torchrun.wait()
        for process in started:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(started, timeout=5)
        self._folder.cleanup()
