"""What a sweep has said beside its trials and its plan: its starts, pauses, commands, workers. As rows of the notes.

Such a row has EVENT_LEVEL for its level and JSON for its message. Readers make the same events of it that the sweeping
process saw, so that a terminal which looks later, or again, has lost nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flopsfit_tui.core.command_json import command_from_json, command_to_json
from flopsfit_tui.core.events import (
    CommandDone,
    CommandGiven,
    Event,
    SweepEnded,
    SweepPaused,
    SweepResumed,
    SweepStarted,
    TargetChanged,
    WorkersChanged,
)

EVENT_LEVEL = "told"  # in the place of a note's level
DIGITS = 3  # of a predicted time


@dataclass(frozen=True)
class Began:
    """A run has begun, or gone on."""

    workers: int
    seconds: dict[str, float]  # predicted, by trial key


@dataclass(frozen=True)
class StoredEvent:
    """One row; `number` grows from row to row."""

    number: int
    time: float  # seconds since the epoch
    event: Event | Began


def event_to_json(event: Event) -> str:
    """JSON of an event that is kept like this; empty for one that is not."""
    match event:
        case SweepStarted(_, _, workers, seconds):
            rounded = {key: float(f"{value:.{DIGITS}g}") for key, value in seconds.items()}
            return _text("began", workers=workers, seconds=rounded)
        case SweepPaused():
            return _text("paused")
        case SweepResumed():
            return _text("resumed")
        case SweepEnded(reason):
            return _text("ended", reason=reason)
        case WorkersChanged(workers):
            return _text("workers", workers=workers)
        case TargetChanged(budget):
            return _text("target", budget=budget)
        case CommandGiven(identity, by, command):
            return _text("command", id=identity, by=by, **command_to_json(command))
        case CommandDone(identity, problem):
            return _text("done", id=identity, problem=problem)
    return ""


def _text(kind: str, **values: Any) -> str:
    return json.dumps({"told": kind, **values})


def event_from_json(number: int, time: float, text: str) -> StoredEvent | None:
    """A row; None for one of another version, which says something that is not known here."""
    try:
        values = json.loads(text)
        return StoredEvent(number, time, _event(values.pop("told"), values))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _event(kind: str, values: dict[str, Any]) -> Event | Began:
    match kind:
        case "began":
            return Began(values["workers"], values["seconds"])
        case "paused":
            return SweepPaused()
        case "resumed":
            return SweepResumed()
        case "ended":
            return SweepEnded(values["reason"])
        case "workers":
            return WorkersChanged(values["workers"])
        case "target":
            return TargetChanged(values["budget"])
        case "command":
            return CommandGiven(values["id"], values["by"], command_from_json(values))
        case "done":
            return CommandDone(values["id"], values["problem"])
    raise ValueError(kind)


def present_state(rows: Iterable[StoredEvent]) -> list[Event | Began]:
    """What still holds of a run that goes on, of all its events: its start, its workers, its target, a pause."""
    holds: dict[str, Event | Began] = {}
    for row in rows:
        match row.event:
            case Began():
                holds = {"began": row.event}
            case WorkersChanged():
                holds["workers"] = row.event
            case TargetChanged():
                holds["target"] = row.event
            case SweepPaused():
                holds["paused"] = row.event
            case SweepResumed():
                holds.pop("paused", None)
    return list(holds.values())


def last_target(rows: Iterable[StoredEvent]) -> float | None:
    """The budget, in FLOPs, whose optimum was asked for last, in whichever run."""
    found = None
    for row in rows:
        if isinstance(row.event, TargetChanged):
            found = row.event.budget
    return found


def not_done(rows: Iterable[StoredEvent]) -> tuple[dict[str, CommandGiven], set[str]]:
    """Commands by id that were stored and have not acted, in order; and the ids of all that ever were."""
    waiting: dict[str, CommandGiven] = {}
    known: set[str] = set()
    for row in rows:
        match row.event:
            case CommandGiven(identity):
                waiting[identity] = row.event
                known.add(identity)
            case CommandDone(identity):
                waiting.pop(identity, None)
    return waiting, known
