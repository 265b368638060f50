"""Trials are independent: what a model has set for the whole process is put back when its trial ends.

What cannot be put back (memory that is not given back, threads that go on, a mode that stays) is a reason to train the
next trial in another process.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from flopsfit_tui.train.process_settings import QUIET, SETTINGS, SHARED

MOST_GROWTH = 512 << 20  # bytes of memory that a trial may leave behind
MOST_FILES = 64  # open files that it may leave behind


@dataclass(frozen=True)
class Traces:
    """What a trial has left in its process."""

    restored: tuple[str, ...] = ()  # settings that were put back
    renew: str = ""  # why the process is not to train another trial


class ProcessState:
    """The state of this process now, to compare with later.

    In a process that is not the worker's own, only settings of torch, numpy, the environment and the working directory
    are looked at: the rest is that process's business.
    """

    _usual_memory = 0  # bytes after the first trial of this process, which loads data and libraries

    def __init__(self, own_process: bool = False) -> None:
        self._own = own_process
        self._names = [name for name in SETTINGS if own_process or name in SHARED]
        self._settings = {name: SETTINGS[name][0]() for name in self._names}
        self._device = torch.get_default_device()
        self._modes = _mode_depth()
        self._threads = set(threading.enumerate())
        self._nice = os.nice(0)
        self._files = _open_files()

    def restore(self) -> Traces:
        """Put back what has changed. Never raises."""
        restored, stuck = [], []
        if _differs(torch.get_default_device(), self._device):
            restored.append("torch's default device")
            with contextlib.suppress(Exception):
                torch.set_default_device(None)
                if _differs(torch.get_default_device(), self._device):
                    torch.set_default_device(self._device)
        for name in self._names:
            get, put = SETTINGS[name]
            if not _differs(_read(get), self._settings[name]):
                continue
            if name not in QUIET:
                restored.append(name)
            with contextlib.suppress(Exception):
                put(self._settings[name])
            if _differs(_read(get), self._settings[name]):
                stuck.append(name)
        return Traces(tuple(restored), self._reason(stuck))

    def _reason(self, stuck: list[str]) -> str:
        """Why another process is wanted; "" when it is not."""
        if stuck:
            return f"{', '.join(stuck)} could not be put back"
        if _differs(torch.get_default_device(), self._device) or _mode_depth() != self._modes:
            return "a torch mode is still on"
        if not self._own:
            return ""
        if os.nice(0) != self._nice:
            return "its priority was lowered"
        if extra := [t.name for t in threading.enumerate() if t not in self._threads and not _is_harmless(t)]:
            return f"a thread goes on ({extra[0]})"
        if (left := _open_files() - self._files) > MOST_FILES:
            return f"{left} files were left open"
        return self._growth()

    def _growth(self) -> str:
        usual = ProcessState._usual_memory
        if not usual or _memory() > usual + MOST_GROWTH:
            _give_memory_back()
            memory = _memory()
            if usual and memory > usual + MOST_GROWTH:
                return f"its memory has grown by {(memory - usual) / 2**20:.0f} MiB"
            ProcessState._usual_memory = usual or memory
        return ""


def _read(get: Any) -> Any:
    try:
        return get()
    except Exception:  # noqa: BLE001 - such as a function that was replaced by one that raises
        return _UNKNOWN


def _is_harmless(thread: threading.Thread) -> bool:
    return not thread.is_alive() or type(thread).__module__.startswith("tqdm")


def _give_memory_back() -> None:
    """Collect garbage, and let glibc give what is free to the system."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


class _Unknown:
    """A setting that could not be read."""


_UNKNOWN = _Unknown()


def _differs(a: Any, b: Any) -> bool:
    """Functions, handlers and streams are compared by identity, containers item by item."""
    if a is b:
        return False
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() != b.keys() or any(_differs(a[key], b[key]) for key in b)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) != len(b) or any(map(_differs, a, b))
    if isinstance(a, bool | int | float | str | set | frozenset | torch.dtype | torch.device) or a is None:
        return bool(a != b)
    return True


def _mode_depth() -> tuple[int, int, bool]:
    functions = torch._C._len_torch_function_stack()
    return functions, torch._C._len_torch_dispatch_stack(), torch.is_inference_mode_enabled()


def _open_files() -> int:
    with contextlib.suppress(OSError):
        return len(os.listdir("/proc/self/fd"))
    return 0


def _memory() -> int:
    """Bytes resident; 0 where it cannot be told."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, ValueError), open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


@contextlib.contextmanager
def isolated() -> Iterator[None]:
    """Put back, at the end, what is changed in the meantime."""
    state = ProcessState()
    try:
        yield
    finally:
        state.restore()


class LossState:
    """The state of a loss that is a module, which all trials of a process share."""

    def __init__(self, loss_fn: Any) -> None:
        self._loss_fn = loss_fn
        self._state: dict[str, Any] = {}
        if isinstance(loss_fn, nn.Module):
            self._state = {name: value.clone() for name, value in loss_fn.state_dict().items()}

    def restore(self) -> None:
        """Put it back, where there is any."""
        if self._state:
            self._loss_fn.load_state_dict(self._state)
