"""What is set for a whole process and can be read and set again: a table of torch's and Python's settings."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import resource
import signal
import socket
import sys
import warnings
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np
import torch
from torch import nn

Get = Callable[[], Any]
Set = Callable[[Any], object]
LIMITS = [getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")]
HOOKS = [name for name in vars(nn.modules.module) if name.startswith("_global_")]
PATCHED = {  # whose functions a model may have replaced, by a name for the user
    "torch": torch,
    "torch.nn.functional": torch.nn.functional,
    "torch.Tensor": torch.Tensor,
    "torch.nn.Module": nn.Module,
}
CLASSES = [  # of which METHODS are looked at, also where they are inherited
    value
    for module in (nn, torch.optim)
    for value in vars(module).values()
    if isinstance(value, type) and issubclass(value, nn.Module | torch.optim.Optimizer)
]
METHODS = (
    *("__init__", "__call__", "forward", "step", "zero_grad", "add_param_group"),
    *("load_state_dict", "reset_parameters", "train", "eval"),
)


def _attribute(owner: Any, name: str) -> tuple[Get, Set]:
    return (lambda: getattr(owner, name)), (lambda value: setattr(owner, name, value))


def _deterministic(value: tuple[bool, bool]) -> None:
    torch.use_deterministic_algorithms(value[0], warn_only=value[1])


def _denormals_are_flushed() -> bool:
    return bool((torch.full((1,), 1e-39) * 1.0 == 0).item())


def _set_environment(value: dict[str, str]) -> None:
    for name in os.environ.keys() - value.keys():
        del os.environ[name]
    for name, text in value.items():
        if os.environ.get(name) != text:
            os.environ[name] = text


def _directory() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was deleted
        return ""


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _handlers() -> dict[int, Any]:
    return {int(number): signal.getsignal(number) for number in signal.valid_signals()}


def _set_handlers(value: dict[int, Any]) -> None:
    for number, handler in value.items():
        if handler is not None and signal.getsignal(number) is not handler:
            with contextlib.suppress(OSError, ValueError):  # KILL and STOP; not in the main thread
                signal.signal(number, handler)


def _limits() -> dict[int, tuple[int, int]]:
    return {limit: resource.getrlimit(limit) for limit in LIMITS}


def _set_limits(value: dict[int, tuple[int, int]]) -> None:
    for limit, wanted in value.items():
        if resource.getrlimit(limit) != wanted:
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(limit, wanted)


def _hooks() -> dict[str, Any]:
    module = nn.modules.module
    return {n: dict(v) if isinstance(v := getattr(module, n), dict) else v for n in HOOKS}


def _set_hooks(value: dict[str, Any]) -> None:
    module = nn.modules.module
    for name, wanted in value.items():
        if isinstance(wanted, dict):
            hooks = getattr(module, name)
            hooks.clear()
            hooks.update(wanted)
        else:
            setattr(module, name, wanted)


_NAMES = {name: [n for n, v in vars(owner).items() if callable(v)] for name, owner in PATCHED.items()}


def _functions() -> dict[str, dict[str, Any]]:
    return {name: {n: vars(PATCHED[name]).get(n) for n in names} for name, names in _NAMES.items()}


def _set_functions(value: dict[str, dict[str, Any]]) -> None:
    for name, functions in value.items():
        now = vars(PATCHED[name])
        for function, wanted in functions.items():
            if now.get(function) is not wanted:
                setattr(PATCHED[name], function, wanted)


# Torch changes some of what is looked at when the first optimizer is made.
torch.optim.AdamW([nn.Parameter(torch.zeros(1))])
_OF_CLASSES = [(c, name) for c in CLASSES for name in METHODS if isinstance(getattr(c, name, None), FunctionType)]


def _unhooked(function: Any) -> Any:
    """Torch itself puts a hook around an optimizer's `step` when it is first made."""
    return function.__wrapped__ if getattr(function, "hooked", False) is True else function


def _methods() -> dict[tuple[type, str], Any]:
    return {(c, name): _unhooked(getattr(c, name, None)) for c, name in _OF_CLASSES}


def _set_methods(value: dict[tuple[type, str], Any]) -> None:
    for (owner, name), wanted in value.items():
        if name in vars(owner) and _unhooked(getattr(owner, name)) is not wanted:
            delattr(owner, name)  # so that what is inherited is seen
            if getattr(owner, name, None) is not wanted:
                setattr(owner, name, wanted)


def _path() -> list[str]:
    return list(sys.path)


def _set_path(value: list[str]) -> None:
    sys.path[:] = value


def _filters() -> list[Any]:
    return list(warnings.filters)


def _set_filters(value: list[Any]) -> None:
    warnings.filters[:] = value  # type: ignore[index]
    warnings._filters_mutated()  # type: ignore[attr-defined]


def _logging() -> tuple[int, int, list[Any]]:
    return logging.root.level, logging.root.manager.disable, list(logging.root.handlers)


def _set_logging(value: tuple[int, int, list[Any]]) -> None:
    logging.root.setLevel(value[0])
    logging.disable(value[1])
    logging.root.handlers[:] = value[2]


def _sdp() -> tuple[bool, ...]:
    cuda = torch.backends.cuda
    names = ("flash_sdp_enabled", "mem_efficient_sdp_enabled", "math_sdp_enabled")
    return tuple(getattr(cuda, name)() for name in names)


def _set_sdp(value: tuple[bool, ...]) -> None:
    torch.backends.cuda.enable_flash_sdp(value[0])
    torch.backends.cuda.enable_mem_efficient_sdp(value[1])
    torch.backends.cuda.enable_math_sdp(value[2])


def _garbage() -> tuple[bool, tuple[int, int, int]]:
    return gc.isenabled(), gc.get_threshold()


def _set_garbage(value: tuple[bool, tuple[int, int, int]]) -> None:
    (gc.enable if value[0] else gc.disable)()
    gc.set_threshold(*value[1])


SETTINGS: dict[str, tuple[Get, Set]] = {
    "torch's default dtype": (torch.get_default_dtype, torch.set_default_dtype),
    "torch's threads": (torch.get_num_threads, torch.set_num_threads),
    "torch's gradients": (torch.is_grad_enabled, torch.set_grad_enabled),
    "torch's deterministic algorithms": (
        lambda: (torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()),
        _deterministic,
    ),
    "torch's anomaly detection": (torch.is_anomaly_enabled, torch.set_anomaly_enabled),
    "torch's matmul precision": (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    "torch's autocast on the CPU": (
        lambda: torch.is_autocast_enabled("cpu"),
        lambda value: torch.set_autocast_enabled("cpu", value),
    ),
    "torch's autocast on CUDA": (
        lambda: torch.is_autocast_enabled("cuda"),
        lambda value: torch.set_autocast_enabled("cuda", value),
    ),
    "torch's denormal numbers": (_denormals_are_flushed, torch.set_flush_denormal),
    "torch's kernels of attention": (_sdp, _set_sdp),
    "cudnn.deterministic": _attribute(torch.backends.cudnn, "deterministic"),
    "cudnn.benchmark": _attribute(torch.backends.cudnn, "benchmark"),
    "torch's hooks on every module": (_hooks, _set_hooks),
    "functions of torch": (_functions, _set_functions),
    "classes of torch": (_methods, _set_methods),
    "the environment": (lambda: dict(os.environ), _set_environment),
    "the working directory": (_directory, lambda value: os.chdir(value) if value else None),
    "the umask": (_umask, os.umask),
    "signal handlers": (_handlers, _set_handlers),
    "the signal mask": (
        lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        lambda value: signal.pthread_sigmask(signal.SIG_SETMASK, value),
    ),
    "an alarm": (
        lambda: signal.getitimer(signal.ITIMER_REAL)[1] if signal.getitimer(signal.ITIMER_REAL)[0] else -1.0,
        lambda value: signal.setitimer(signal.ITIMER_REAL, 0) if value == -1.0 else None,
    ),
    "resource limits": (_limits, _set_limits),
    "sys.path": (_path, _set_path),
    "sys.excepthook": _attribute(sys, "excepthook"),
    "the trace function": (sys.gettrace, sys.settrace),
    "the profile function": (sys.getprofile, sys.setprofile),
    "the recursion limit": (sys.getrecursionlimit, sys.setrecursionlimit),
    "the switch interval": (sys.getswitchinterval, sys.setswitchinterval),
    "the collection of garbage": (_garbage, _set_garbage),
    "filters of warnings": (_filters, _set_filters),
    "the root logger": (_logging, _set_logging),
    "numpy's handling of errors": (np.geterr, lambda value: np.seterr(**value)),
    "the time limit of sockets": (socket.getdefaulttimeout, socket.setdefaulttimeout),
}
if hasattr(os, "sched_getaffinity"):
    SETTINGS["the cores it may use"] = (lambda: os.sched_getaffinity(0), lambda value: os.sched_setaffinity(0, value))
SHARED = {  # of a process that is not the worker's own, what is put back
    name
    for name in SETTINGS
    if "torch" in name or name.startswith(("cudnn", "numpy", "the environment", "the working"))
}
QUIET = {"filters of warnings"}  # that importing a library changes; put back without a word
