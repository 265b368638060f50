"""What a sweep says while it runs: frozen facts, in the order in which they became true.

Every front end sees the same events, and each is in the store before it is seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from flopsfit_tui.core.control import Command
from flopsfit_tui.core.trial import Outcome, Plan

PRINTED = " printed: "  # after a worker's name, at the head of a note: what the user's code printed there
Level = Literal["info", "warning", "error"]


@dataclass(frozen=True)
class SweepStarted:
    """The first event: the plan and what earlier runs already finished."""

    plan: Plan
    outcomes: dict[str, Outcome]  # by trial key
    workers: int  # trials that can run at once; 0 when another process runs them and has not said
    seconds: dict[str, float]  # predicted, by trial key; empty when nothing was timed


@dataclass(frozen=True)
class TrialStarted:
    """A worker started a trial."""

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
class TrialAlive:
    """A trial is at work between two steps: it draws again what it had drawn, or evaluates. Executors keep it."""

    key: str


@dataclass(frozen=True)
class TrialEnded:
    """A trial finished, failed or was skipped; failed carries its traceback."""

    key: str
    outcome: Outcome


@dataclass(frozen=True)
class TrialRequeued:
    """A trial is requeued: cancelled when the sweep stops, or ended and to be trained once more."""

    key: str


@dataclass(frozen=True)
class PlanChanged:
    """Trials were added to the plan, or others of it are fitted."""

    plan: Plan
    seconds: dict[str, float]  # predicted, by trial key, of those added
    of_fit: bool = False  # only which of them are fitted has changed


@dataclass(frozen=True)
class WorkersChanged:
    """Another number of trials can run at once."""

    workers: int


@dataclass(frozen=True)
class TargetChanged:
    """The optimum is wanted at another budget, in training FLOPs."""

    budget: float


@dataclass(frozen=True)
class CommandGiven:
    """A terminal has commanded something; it acts once this is stored."""

    id: str
    by: str  # user@host and the terminal, or the process
    command: Command


@dataclass(frozen=True)
class CommandDone:
    """A command has acted: stored together with what it did; `problem` says why it did nothing."""

    id: str
    problem: str = ""


@dataclass(frozen=True)
class SweepPaused:
    """Every worker has stopped between two steps."""


@dataclass(frozen=True)
class SweepResumed:
    """The workers go on from the step at which they stopped."""


@dataclass(frozen=True)
class Note:
    """A message for the user."""

    level: Level
    message: str


@dataclass(frozen=True)
class SweepEnded:
    """The last event: `done` when no trial is left to run, else `stopped`."""

    reason: Literal["done", "stopped"]
    problem: str = ""  # what kept the sweep from going on, or its files from being written


Event = (
    SweepStarted
    | TrialStarted
    | TrialProgress
    | TrialAlive
    | TrialEnded
    | TrialRequeued
    | PlanChanged
    | WorkersChanged
    | TargetChanged
    | CommandGiven
    | CommandDone
    | SweepPaused
    | SweepResumed
    | Note
    | SweepEnded
)
