"""What the background threads say: plain facts, carried to the app in one kind of message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flopsfit_tui.core.curve import Curve
from flopsfit_tui.core.events import Event
from flopsfit_tui.core.options import Options
from flopsfit_tui.core.trial import Plan
from flopsfit_tui.plan.estimate import Estimate
from flopsfit_tui.report.analysis import Analysis
from flopsfit_tui.report.series import IsoCurve, Residuals, Scaling
from flopsfit_tui.tui.log import Entry


@dataclass(frozen=True)
class Planned:
    """The plan that the options mean, where it will be written, and how much of it lies there finished."""

    options: Options
    plan: Plan
    directory: Path
    finished: int


@dataclass(frozen=True)
class Priced:
    """What the plan will cost."""

    options: Options
    estimate: Estimate


@dataclass(frozen=True)
class Refused:
    """What was asked for cannot be done; one sentence that says what would."""

    options: Options | None
    sentence: str


@dataclass(frozen=True)
class Broke:
    """Something of our own broke in the background."""

    traceback: str


@dataclass(frozen=True)
class Happened:
    """Events of the sweep, in order; each is on disk already."""

    events: Sequence[Event]


@dataclass(frozen=True)
class Remembered:
    """Loss curves of earlier runs, by trial key."""

    history: Mapping[str, Curve]


@dataclass(frozen=True)
class Fitted:
    """What the outcomes say, and what the plots draw of it."""

    version: int  # counts the fits: draw again when it is another
    analysis: Analysis
    isoflop: tuple[IsoCurve, ...]
    scaling: Scaling
    residuals: Residuals


@dataclass(frozen=True)
class Exported:
    """Files written; or why they could not be."""

    paths: Sequence[Path]
    problem: str = ""
    whole: bool = False  # nothing more comes


@dataclass(frozen=True)
class Opened:
    """A sweep that is only read, and its plan."""

    directory: Path
    plan: Plan


@dataclass(frozen=True)
class Logged:
    """What a store tells of earlier runs."""

    entries: Sequence[Entry]


News = Planned | Priced | Refused | Broke | Happened | Remembered | Fitted | Exported | Opened | Logged
