"""What a sweep says while it runs: frozen facts, in the order in which they became true.

Every front end sees the same events, and each is in the store before it is seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from flopsfit_tui.core.trial import Outcome, Plan

Level = Literal["info", "warning", "error"]


@dataclass(frozen=True)
class SweepStarted:
    """The first event: the plan and what earlier runs already finished."""

    plan: Plan
    outcomes: dict[str, Outcome]  # by trial key
    slots: int  # trials that can run at once
    seconds: dict[str, float]  # predicted, by trial key; empty when nothing was timed


@dataclass(frozen=True)
class TrialStarted:
    """A worker took a trial."""

    key: str
    worker: str


@dataclass(frozen=True)
class TrialProgress:
    """How far a running trial is; at most ten a second from each."""

    key: str
    step: int
    tokens: int
    flops: float
    loss: float  # mean training loss since the last progress of this trial
    seconds: float  # of training so far, without pauses


@dataclass(frozen=True)
class TrialEnded:
    """A trial finished, failed or was skipped; failed carries its traceback."""

    key: str
    outcome: Outcome


@dataclass(frozen=True)
class TrialReturned:
    """A trial is pending again: given back unfinished when the sweep stops, or ended and to be trained once more."""

    key: str


@dataclass(frozen=True)
class PlanChanged:
    """Trials were added."""

    plan: Plan
    seconds: dict[str, float]  # predicted, by trial key, of those added


@dataclass(frozen=True)
class SlotsChanged:
    """Another number of trials can run at once."""

    slots: int


@dataclass(frozen=True)
class SweepPaused:
    """Every worker has stopped between two steps."""


@dataclass(frozen=True)
class SweepResumed:
    """The workers go on from the step at which they stopped."""


@dataclass(frozen=True)
class Note:
    """Something a person should read."""

    level: Level
    message: str


@dataclass(frozen=True)
class SweepEnded:
    """The last event: `done` when no trial is left to run, else `stopped`."""

    reason: Literal["done", "stopped"]


Event = (
    SweepStarted
    | TrialStarted
    | TrialProgress
    | TrialEnded
    | TrialReturned
    | PlanChanged
    | SlotsChanged
    | SweepPaused
    | SweepResumed
    | Note
    | SweepEnded
)
