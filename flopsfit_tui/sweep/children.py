"""Processes that a user's code has started in a worker: they end with it, whatever sessions and groups they made.

Every process below a worker carries MARK in its environment, and on Linux the worker adopts those whose parents end.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

import psutil

MARK = "FLOPSFIT_TUI_WORKER"
HELPERS = ("multiprocessing.resource_tracker", "multiprocessing.forkserver", "torch._inductor")  # of libraries
_SET_CHILD_SUBREAPER = 36  # of prctl


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends, where the system knows that (Linux)."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children() -> set[int]:
    """Processes below this one."""
    if sys.platform == "linux" and not _has_children():
        return set()
    with contextlib.suppress(psutil.Error):
        return {child.pid for child in psutil.Process().children(recursive=True)}
    return set()


def _has_children() -> bool:
    try:
        return any(file.read_text().strip() for file in Path("/proc/self/task").glob("*/children"))
    except OSError:  # a kernel without that file
        return True


def end_children(but: set[int]) -> int:
    """End the processes below this one, except those and helpers of libraries; how many there were."""
    ended = []
    for pid in children() - but:
        with contextlib.suppress(psutil.Error):
            child = psutil.Process(pid)
            if child.status() != psutil.STATUS_ZOMBIE and not _is_helper(child):
                child.kill()
                ended.append(child)
    psutil.wait_procs(ended, timeout=2)
    _reap()
    return len(ended)


def _reap() -> None:
    """Let adopted processes that have ended go; those that Python started are its own to wait for."""
    for pid in children():
        with contextlib.suppress(psutil.Error, OSError):
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                os.waitpid(pid, os.WNOHANG)


def _is_helper(child: psutil.Process) -> bool:
    return any(name in " ".join(child.cmdline()) for name in HELPERS)


def end_below(worker: int, mark: str, died: bool) -> None:
    """End all that a worker has started, and the worker.

    Where it died by itself its children are no longer below it: they are looked for by their group and their mark.
    """
    below = []
    with contextlib.suppress(psutil.Error):
        below = psutil.Process(worker).children(recursive=True)
    with contextlib.suppress(OSError):
        os.killpg(worker, signal.SIGKILL)
    for child in [*below, *(_marked(mark) if died else ())]:
        with contextlib.suppress(psutil.Error):
            child.kill()


def _marked(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == mark:
                found.append(process)
    return found
