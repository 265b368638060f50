"""What the background threads and the screens tell the app."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from textual.message import Message

from flopsfit_tui.core.events import Event
from flopsfit_tui.core.options import Options
from flopsfit_tui.core.trial import Plan
from flopsfit_tui.plan.estimate import Estimate
from flopsfit_tui.report.analysis import Analysis
from flopsfit_tui.report.series import IsoCurve, Residuals, Scaling


@dataclass
class Planned(Message):
    """The plan that the options mean, where it will be written, and how much of it lies there finished."""

    options: Options
    plan: Plan
    directory: Path
    finished: int


@dataclass
class Priced(Message):
    """What the plan will cost."""

    options: Options
    estimate: Estimate


@dataclass
class Refused(Message):
    """What was asked for cannot be done; one sentence that says what would."""

    options: Options
    sentence: str


@dataclass
class Broke(Message):
    """Something of our own broke in the background."""

    traceback: str


@dataclass
class Happened(Message):
    """Events of the sweep, in order; each is on disk already."""

    events: Sequence[Event]


@dataclass
class Remembered(Message):
    """Loss curves of earlier runs: (step, loss) by trial key."""

    history: Mapping[str, list[tuple[int, float]]]


@dataclass
class Fitted(Message):
    """What the outcomes say, and what the plots draw of it."""

    version: int  # of the outcomes that went in
    analysis: Analysis
    isoflop: tuple[IsoCurve, ...]
    scaling: Scaling
    residuals: Residuals


@dataclass
class Exported(Message):
    """Files written; or why they could not be."""

    paths: Sequence[Path]
    problem: str = ""
    whole: bool = False  # nothing more comes


@dataclass
class WorkloadChosen(Message):
    """A person picked another workload."""

    name: str


@dataclass
class Opened(Message):
    """A sweep that is only read, and its plan."""

    directory: Path
    plan: Plan
