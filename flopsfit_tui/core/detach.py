"""Run without a terminal: a child process in a session of its own, which plans on this terminal, then lets it go.

this process ---- fork ----> child: a session of its own, SIGHUP ignored
     | waits                    | plans; what is wrong is said on this terminal
     | <---- directory -------- | sweeps; stdout and stderr go to sweep.log from here on
   ends                         | until it is done or stopped
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from flopsfit_tui.core.signals import handled
from flopsfit_tui.core.sweep_files import HEADS, LOG

LetGo = Callable[[Path], None]  # called in the child with the sweep's directory, once it sweeps


def run_detached(run: Callable[[LetGo], int]) -> tuple[Path, int] | int:
    """Do `run` in a process without a terminal; the directory and the process's number once it sweeps.

    A `run` that ends before is waited for: its exit code. Signals meanwhile are passed on to it. Call this before any
    thread is started.
    """
    reads, writes = os.pipe()
    child = os.fork()
    if not child:
        os.close(reads)
        _run_child(run, writes)
    os.close(writes)
    with _passed_on(child), open(reads, "rb") as pipe:
        said = pipe.read()
        if said:
            return Path(json.loads(said)), child
        return _exit_code(child)


def left_text(directory: Path, process: int) -> str:
    """How to watch and stop a sweep that was left without a terminal."""
    where = shlex.quote(str(directory))
    return (
        f"process {process} sweeps without a terminal, and says what it does in {directory / LOG}\n"
        f"watch and control it:  flopsfit-tui watch {where}\n"
        f"stop it:               kill {process}   (or x in watch; the same run command goes on with it)"
    )


def _run_child(run: Callable[[LetGo], int], pipe: int) -> None:
    """Never returns."""
    code = 1
    try:
        os.setsid()
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)

        def let_go(directory: Path) -> None:
            log = open_log(directory)
            sys.stdout.flush()
            sys.stderr.flush()
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.close(log)
            with contextlib.suppress(OSError):  # whoever waited for it has been killed
                os.write(pipe, json.dumps(str(directory)).encode())
            os.close(pipe)

        code = run(let_go)
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def open_log(directory: Path) -> int:
    """The descriptor of a sweep's log, to be appended to. Raises ValueError for what another wrote in its place."""
    path = directory / LOG
    head = HEADS[LOG]
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
        ours = stat.S_ISREG(os.fstat(descriptor).st_mode) and os.pread(descriptor, len(head), 0) in (head, b"")
    except OSError as error:
        raise ValueError(f"{str(path)!r} cannot be written ({error.strerror}); give another --out") from None
    if not ours:
        os.close(descriptor)
        raise ValueError(f"{str(path)!r} is not a file that a sweep made; remove it, or give another --out")
    begun = f"process {os.getpid()} sweeps without a terminal since {time.strftime('%Y-%m-%d %H:%M:%S')}\n"
    os.write(descriptor, head + begun.encode())
    return descriptor


@contextlib.contextmanager
def _passed_on(child: int) -> Iterator[None]:
    """Signals to this process reach the child, which answers them by ending."""

    def pass_on(number: int, _frame: FrameType | None) -> None:
        with contextlib.suppress(OSError):
            os.kill(child, signal.SIGTERM if number == signal.SIGHUP else number)

    with handled(pass_on):
        yield


def _exit_code(child: int) -> int:
    while True:
        with contextlib.suppress(InterruptedError):
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            return code if code >= 0 else 128 - code
