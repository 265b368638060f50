"""What a sweeping process and its workers say to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from flopsfit_tui.core.events import Event
from flopsfit_tui.sweep.job import Job


@dataclass(frozen=True)
class Setup:
    """The first message to a worker."""

    path: list[str]  # sys.path of the sweeping process
    threads: int
    nice: int


@dataclass(frozen=True)
class Happened:
    """A running trial said something."""

    event: Event


@dataclass(frozen=True)
class Done:
    """A job ended; its result."""

    value: Any


@dataclass(frozen=True)
class Refused:
    """A job could not be done; `mendable` when the message is a sentence for the person who asked."""

    mendable: type[Exception] | None
    message: str


@dataclass(frozen=True)
class Held:
    """The worker stands still between two steps."""


Message = Happened | Done | Refused | Held
Order = Literal["hold", "release", "drop"] | Job
