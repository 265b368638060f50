"""One worker process, seen from the process that sweeps: this side of the connection to it."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

import psutil

from flopsfit_tui.core.events import Note
from flopsfit_tui.sweep.children import MARK, end_below
from flopsfit_tui.sweep.job import Job
from flopsfit_tui.sweep.placement import VARIABLE
from flopsfit_tui.sweep.printed import PrintedFile
from flopsfit_tui.sweep.watchdog import Watchdog
from flopsfit_tui.sweep.wire import JobEvent, Message, Setup

LAST_BYTES = 4000  # of what a worker that died has printed
_SIGNALLED = 128  # exit codes above are signals that the worker answered
_NUMBERS = itertools.count(1)


class WorkerProcess:
    """One process, and this side of the connection to it."""

    def __init__(self, threads: int, nice: int, silent_after: float, gpus: Sequence[str] = ()) -> None:
        self.job: Job | None = None
        self.gpus = gpus  # that it trains on; none: all that CUDA sees, if any
        self.watchdog = Watchdog(silent_after)
        self._mark = f"{os.getpid()}-{next(_NUMBERS)}-{time.time_ns()}"
        self.paused = False
        ours, theirs = socket.socketpair()
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed by end(); what the user's code prints
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by end(); its warnings and progress bars
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "flopsfit_tui.sweep.worker", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=self._errors,
                # Control-C in the terminal is for the sweeping process to answer. A session of its own would do, but
                # Linux shares the processor fairly between sessions, and `nice` counts only within one (autogroup).
                process_group=0,
                env={
                    **os.environ,
                    **_thread_limits(threads),
                    **_large_pages(),
                    **({VARIABLE: ",".join(gpus)} if gpus else {}),
                    MARK: self._mark,
                    "PYTHONUNBUFFERED": "1",  # what is printed is there before the event after it
                    "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
                },
            )
        self.connection: Connection[Any, Any] = Connection(ours.detach())
        self.name = f"worker {self.process.pid}"
        self._printed = PrintedFile(self._output, self.name), PrintedFile(self._errors, self.name)
        self.order(Setup(list(sys.path), threads, nice))

    def assign(self, job: Job) -> None:
        """Begin a job."""
        assert self.job is None
        self.job = job
        self.watchdog.begin()
        for printed in self._printed:
            printed.begin()
        self.order(job)

    def order(self, message: Any) -> None:
        """Send; a worker that has just died says so at the next receive."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(message)

    def take_printed(self, ended: bool = False) -> list[Note]:
        """What it has printed since the last time, stdout before stderr."""
        return [note for printed in self._printed for note in printed.take(ended)]

    def receive(self) -> Message | None:
        """The next message; None when the worker has died."""
        try:
            message: Message = self.connection.recv()
        except (EOFError, OSError):
            return None
        self.watchdog.on_message(message.event if isinstance(message, JobEvent) else None)
        return message

    @property
    def signalled(self) -> bool:
        """Whether it died of a signal, its own handler's doing or not."""
        code = self._exit_code()
        return code < 0 or code > _SIGNALLED

    def is_stopped(self) -> bool:
        """Whether it stands still by a signal, as by SIGSTOP."""
        with contextlib.suppress(psutil.Error):
            return bool(psutil.Process(self.process.pid).status() == psutil.STATUS_STOPPED)
        return False

    def _exit_code(self) -> int:
        """Of a worker whose connection has ended; one that does not follow it soon is ended."""
        try:
            return self.process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def loss_report(self) -> str:
        """Why it died, as far as can be told, and the end of what it printed."""
        code = self._exit_code()
        number = -code if code < 0 else code - _SIGNALLED
        how = f"was killed by signal {number}" if number > 0 else f"ended with exit code {code}"
        hint = "; the system may have run out of memory" if code == -9 else ""
        return "\n".join(filter(None, [f"the worker process {how}{hint}", *self._said()]))

    def _said(self) -> list[str]:
        """The ends of what it printed."""
        said = []
        for file in (self._output, self._errors):
            file.seek(max(0, os.fstat(file.fileno()).st_size - LAST_BYTES))
            said.append(file.read().decode(errors="replace").strip())
        return said

    def end(self) -> None:
        """Kill and reap it, and all that the user's code has started in it."""
        died = self.process.poll() is not None
        end_below(self.process.pid, self._mark, died)
        self.connection.close()
        self.process.kill()
        self.process.wait()
        self._output.close()
        self._errors.close()


def _thread_limits(threads: int) -> dict[str, str]:
    return {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}


def _large_pages() -> dict[str, str]:
    """Let glibc ask for large pages: a step of a small model on a CPU took 5 to 10 % less. Others do not read it."""
    return {} if "GLIBC_TUNABLES" in os.environ else {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
