"""Commands as JSON: what other terminals send and the store keeps. Nothing in a message is ever run or unpickled."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from flopsfit_tui.core.control import (
    AddTrial,
    Command,
    LeaveOut,
    Pause,
    Resume,
    Retry,
    RunNext,
    SetTarget,
    SetWorkers,
    Skip,
    Stop,
)
from flopsfit_tui.core.sizes import Setting, check_sizes, restore_size

MOST_TEXT = 200  # characters of a key, an id or a sender's name
MOST_WORKERS = 10_000


def command_to_json(command: Command) -> dict[str, Any]:
    """The command's name and its values."""
    match command:
        case Skip(key):
            return {"command": "skip", "trial": key}
        case Retry(key):
            return {"command": "retry", "trial": key}
        case RunNext(key):
            return {"command": "run_next", "trial": key}
        case AddTrial(budget, size, params):
            return {"command": "add", "budget": budget, "size": size, "params": params}
        case SetWorkers(count):
            return {"command": "workers", "count": count}
        case SetTarget(budget):
            return {"command": "target", "budget": budget}
        case LeaveOut(key, reason):
            return {"command": "leave_out", "trial": key, "reason": reason}
        case Pause():
            return {"command": "pause"}
        case Resume():
            return {"command": "resume"}
        case Stop():
            return {"command": "stop"}


def command_from_json(message: Any) -> Command:
    """The command that a message means. Raises ValueError with what is wrong with it."""
    if not isinstance(message, dict):
        raise ValueError(f"a message is a JSON object, not {type(message).__name__}")
    name = message.get("command")
    make = _KNOWN.get(name) if isinstance(name, str) else None
    if make is None:
        raise ValueError(f"command is {str(name)[:40]!r}; it is one of {', '.join(_KNOWN)}")
    return make(message)


def text_of(message: dict[str, Any], name: str) -> str:
    """A short, printable text that is not empty. Raises ValueError."""
    value = message.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= MOST_TEXT or not value.isprintable():
        raise ValueError(f"{name} must be a printable text of at most {MOST_TEXT} characters")
    return value


def _number(message: dict[str, Any], name: str) -> float:
    value = message.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError(f"{name} must be a positive number")
    return float(value)


def _add(message: dict[str, Any]) -> AddTrial:
    budget, size, params = _number(message, "budget"), message.get("size"), message.get("params")
    if (size is None) == (params is None):
        raise ValueError("add takes either size or params")
    if params is not None:
        return AddTrial(budget, params=_number(message, "params"))
    return AddTrial(budget, size=_size(size))


def _size(value: Any) -> Setting:
    try:
        return check_sizes([restore_size(value)], "size")[0]
    except (TypeError, RecursionError) as error:
        raise ValueError(f"size cannot be the setting of a knob: {str(error)[:MOST_TEXT]}") from None


def _leave_out(message: dict[str, Any]) -> LeaveOut:
    reason = message.get("reason")
    return LeaveOut(text_of(message, "trial"), text_of(message, "reason") if reason else reason)


def _workers(message: dict[str, Any]) -> SetWorkers:
    count = message.get("count")
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST_WORKERS:
        raise ValueError(f"count must be a whole number from 1 to {MOST_WORKERS}")
    return SetWorkers(count)


_KNOWN: dict[str, Callable[[dict[str, Any]], Command]] = {
    "pause": lambda _: Pause(),
    "resume": lambda _: Resume(),
    "stop": lambda _: Stop(),
    "skip": lambda message: Skip(text_of(message, "trial")),
    "retry": lambda message: Retry(text_of(message, "trial")),
    "run_next": lambda message: RunNext(text_of(message, "trial")),
    "add": _add,
    "leave_out": _leave_out,
    "workers": _workers,
    "target": lambda message: SetTarget(_number(message, "budget")),
}
