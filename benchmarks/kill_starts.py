"""Ways to start a sweep that will be killed: as a process of its own, forked, detached, and the app in a terminal.

A forked one runs the same code in the same processes, groups and pipes, its workers forked too, from a process that
has torch imported: the imports are most of what starting costs. It draws no PNG.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import gc
import os
import runpy
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil

from flopsfit_tui.core.sweep_files import LOG

HEADLESS, DETACHED = ("--no-ui",), ("--detach",)
PR_SET_CHILD_SUBREAPER = 36  # of prctl(2)
MODULES = ("torch", "flopsfit_tui.cli", "flopsfit_tui.headless", "flopsfit_tui.tui.launch", "flopsfit_tui.sweep.worker")


def warm_up(arguments: Sequence[str]) -> None:
    """Import all that a sweep needs, by running one here; what is forked from here on begins with it."""
    for module in MODULES:
        import_module(module)
    from flopsfit_tui.cli import main
    from flopsfit_tui.sweep import job

    with open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing), contextlib.redirect_stderr(nothing):
        assert main([*arguments, "--executor", "thread"]) == 0
    job._RESOLVED.clear()
    job._USED.clear()
    gc.collect()
    gc.freeze()  # what lies here is not touched, and so not copied, by collections in each process


class Forked:
    """What of subprocess.Popen a sweeping process uses, for a process forked from this one."""

    def __init__(
        self,
        work: Callable[[], object],
        *,
        stdin: int,
        stdout: Any,
        stderr: Any,
        keep: Sequence[int] = (),
        group: int | None = None,
    ) -> None:
        """`group` as in os.setpgid; None makes a session."""
        sys.stdout.flush()
        sys.stderr.flush()
        self.returncode: int | None = None
        self.pid = os.fork()
        if self.pid:
            if group is not None:
                with contextlib.suppress(OSError):
                    os.setpgid(self.pid, group)
            return
        code = 1
        try:
            if group is None:
                os.setsid()
            else:
                os.setpgid(0, group)
            streams = [stdin, _number(stdout), _number(stderr)]
            for number, stream in enumerate([os.dup(stream) for stream in streams]):
                os.dup2(stream, number)
            _close_all_but({0, 1, 2, *keep})
            sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", buffering=1)  # noqa: SIM115
            sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc]
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            code = _exit_code(work)
        finally:
            os._exit(code)

    def poll(self) -> int | None:
        """Its exit code, when it has ended."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code. Raises subprocess.TimeoutExpired."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.poll() is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("forked", timeout or 0)
            time.sleep(0.01)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


def adopt_orphans() -> None:
    """From now on processes below this one whose parent ends are children of this one."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Detached:
    """What of subprocess.Popen is used, for a process that leaves another behind: it runs until both have ended."""

    def __init__(self, launcher: Forked) -> None:
        self._launcher, self._left = launcher, 0
        self._ended: int | None = None

    @property
    def pid(self) -> int:
        """The process that sweeps, once it is known."""
        self._find()
        return self._left or self._launcher.pid

    def poll(self) -> int | None:
        """The exit code of the process that sweeps, or of the launcher, which reports that of a plan gone wrong."""
        self._find()
        if self._ended is None and self._launcher.poll() is not None:
            try:
                pid, status = os.waitpid(self._left, os.WNOHANG) if self._left else (1, 0)
                if pid:
                    self._ended = os.waitstatus_to_exitcode(status) if self._left else self._launcher.returncode
            except ChildProcessError:  # the launcher has waited for it
                self._ended = self._launcher.returncode
        return self._ended

    def wait(self) -> int:
        """Its exit code."""
        while (code := self.poll()) is None:
            time.sleep(0.01)
        return code

    def send_signal(self, number: int) -> None:
        """To the launcher, which passes it on, or else to the process that sweeps."""
        if self._launcher.poll() is None:
            self._launcher.send_signal(number)
        elif self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End both."""
        self._launcher.kill()
        self._launcher.wait()
        self.send_signal(signal.SIGKILL)

    def _find(self) -> None:
        """The launcher's child; an orphan of its own once the launcher has been killed."""
        if not self._left:
            parent = self._launcher.pid if self._launcher.poll() is None else os.getpid()
            with contextlib.suppress(psutil.Error):
                others = [one.pid for one in psutil.Process(parent).children() if one.pid != self._launcher.pid]
                self._left = others[0] if others else 0


def _number(stream: Any) -> int:
    return stream if isinstance(stream, int) else int(stream.fileno())


def _close_all_but(kept: set[int]) -> None:
    for name in os.listdir("/proc/self/fd"):
        if int(name) not in kept:
            with contextlib.suppress(OSError):
                os.close(int(name))


def _exit_code(work: Callable[[], object]) -> int:
    """Run as the interpreter would."""
    code = 0
    try:
        work()
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    except BaseException:  # noqa: BLE001 - as an interpreter ends
        traceback.print_exc()
        code = 1
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    return code


def _forked_worker(
    command: list[str], *, pass_fds: Sequence[int], process_group: int, env: Any, **pipes: Any
) -> Forked:
    """A worker for WorkerProcess, in subprocess.Popen's place."""

    def work() -> None:
        from flopsfit_tui.sweep import worker

        os.environ.clear()
        os.environ.update(env)
        worker.main(int(command[-1]))

    nothing = os.open(os.devnull, os.O_RDONLY)
    try:
        return Forked(
            work,
            stdin=nothing,
            stdout=pipes["stdout"],
            stderr=pipes["stderr"],
            keep=pass_fds,
            group=process_group,
        )
    finally:
        os.close(nothing)


def _run_forked(arguments: Sequence[str]) -> None:
    """The command line, in a forked process."""
    from flopsfit_tui.sweep import worker_process

    sys.modules["matplotlib"] = None  # type: ignore[assignment]
    worker_process.subprocess = SimpleNamespace(  # type: ignore[assignment,attr-defined]
        Popen=_forked_worker, DEVNULL=subprocess.DEVNULL, TimeoutExpired=subprocess.TimeoutExpired
    )
    sys.argv = ["flopsfit-tui", *arguments]
    runpy.run_module("flopsfit_tui", run_name="__main__", alter_sys=False)


class Started:
    """A sweep that runs: its process, what it says, and who works for it."""

    def __init__(self, arguments: Sequence[str], *, whole: bool = False) -> None:
        """`whole`: an interpreter of its own. Without --no-ui the app runs, in a terminal that is `master`."""
        self.master: int | None = None
        self._log = Path(arguments[arguments.index("--out") + 1], LOG)  # where a detached one goes on speaking
        self._log_start = self._log.stat().st_size if self._log.exists() else 0
        self._said, self._shown = tempfile.TemporaryFile(), b""  # noqa: SIM115 - closed by close()
        command = [sys.executable, "-m", "flopsfit_tui", *arguments]
        if not {*HEADLESS, *DETACHED} & {*arguments}:
            self.master, terminal = os.openpty()
            fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
            os.environ["TERM"] = "xterm-256color"
            streams: dict[str, Any] = {"stdin": terminal, "stdout": terminal, "stderr": terminal}
        else:
            nothing = os.open(os.devnull, os.O_RDWR)
            streams = {"stdin": nothing, "stdout": nothing, "stderr": self._said}
        self.process: Any
        if self.master is not None:  # the app has threads, of which a fork of it would be a half
            take = lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # noqa: E731
            self.process = subprocess.Popen(command, start_new_session=True, preexec_fn=take, **streams)
        elif whole:
            self.process = subprocess.Popen(command, start_new_session=True, **streams)
        else:
            self.process = Forked(lambda: _run_forked(arguments), **streams)
        if {*DETACHED} & {*arguments}:
            self.process = Detached(self.process)
        os.close(streams["stdin"])

    def said(self) -> str:
        """What it has said by now, on stderr or on its terminal."""
        if self.master is not None:
            self._shown += _available(self.master)
            return self._shown.decode(errors="replace")
        number, logged = self._said.fileno(), b""
        if isinstance(self.process, Detached) and self._log.exists():
            logged = self._log.read_bytes()[self._log_start :]
        return (os.pread(number, os.fstat(number).st_size, 0) + logged).decode(errors="replace")

    def hang_up(self) -> None:
        """Close its terminal, as a lost connection does."""
        assert self.master is not None
        self._shown += _available(self.master)
        os.close(self.master)
        self.master = None
        os.pwrite(self._said.fileno(), self._shown, 0)

    def workers(self) -> list[psutil.Process]:
        """The processes below it."""
        with contextlib.suppress(psutil.Error):
            return list(psutil.Process(self.process.pid).children(recursive=True))
        return []

    def close(self) -> int:
        """End it, if it has not ended, and all below it; its exit code."""
        for child in [*self.workers(), self.process]:
            with contextlib.suppress(psutil.Error, OSError):
                child.kill()
        code = int(self.process.wait())
        if self.master is not None:
            os.close(self.master)
        self._said.close()
        return code


def _available(master: int) -> bytes:
    """What lies in a terminal, without waiting for more."""
    found = b""
    os.set_blocking(master, False)
    with contextlib.suppress(OSError):  # nothing more, or the other end is closed
        while part := os.read(master, 1 << 16):
            found += part
    return found
