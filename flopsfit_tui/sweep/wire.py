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
class JobEvent:
    """A running trial said something."""

    event: Event


@dataclass(frozen=True)
class Done:
    """A job ended; its result, of a trial why the worker is not to train another."""

    value: Any


@dataclass(frozen=True)
class JobFailed:
    """A job could not be done; `user_error` when the message is a sentence for the user who asked."""

    user_error: type[Exception] | None
    message: str
    out_of_memory: bool = False
    lost: bool = False  # what was lost is not this worker, and the job may be tried again


@dataclass(frozen=True)
class RankOver:
    """One of the processes that train a trial together has done its part."""


@dataclass(frozen=True)
class RankFailed:
    """One of them cannot go on; it waits to be ended."""

    error: str  # a traceback
    memory: Literal["", "device", "host"] = ""  # which was full


@dataclass(frozen=True)
class Paused:
    """The worker stands still between two steps."""


Message = JobEvent | Done | JobFailed | Paused
Order = Literal["pause", "resume", "cancel"] | Job
