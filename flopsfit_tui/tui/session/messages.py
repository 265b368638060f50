"""What the background threads say: plain facts, carried to the app in one kind of message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from flopsfit_tui.core.curve import Curve
from flopsfit_tui.core.events import Event
from flopsfit_tui.core.options import Options

if TYPE_CHECKING:  # the first paint comes before what they need
    from flopsfit_tui.conduct import PlannedSweep, PreparedSweep
    from flopsfit_tui.report.answer.analysis import Analysis
    from flopsfit_tui.report.answer.choose import Choice
    from flopsfit_tui.report.answer.recipe import RecipeCheck
    from flopsfit_tui.report.plots.series import IsoCurve, Residuals, Scaling
    from flopsfit_tui.report.text.log import Entry


@dataclass(frozen=True)
class Planned:
    """The plan that the options mean, where it will be written, and what lies there already."""

    options: Options
    sweep: PlannedSweep


@dataclass(frozen=True)
class Estimated:
    """What the plan will cost."""

    options: Options
    sweep: PreparedSweep


@dataclass(frozen=True)
class Rejected:
    """What was asked for cannot be done; one sentence that says what would."""

    options: Options | None
    sentence: str
    earlier_differs: bool = False  # it can be done if the user says that the losses of an earlier sweep hold
    runs_in: Path | None = None  # another process is doing it, in this directory


@dataclass(frozen=True)
class Crashed:
    """Something of our own broke in the background."""

    traceback: str


@dataclass(frozen=True)
class Events:
    """Events of the sweep, in order; each is on disk already."""

    events: Sequence[Event]


@dataclass(frozen=True)
class CurvesLoaded:
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
    recipe: RecipeCheck | None = None  # where the sweep is the check of a recipe


@dataclass(frozen=True)
class Proposed:
    """The trial that would narrow the interval most, or why there is none."""

    choice: Choice


@dataclass(frozen=True)
class Exported:
    """Files written; or why they could not be."""

    paths: Sequence[Path]
    problem: str = ""
    whole: bool = False  # nothing more comes


@dataclass(frozen=True)
class Logged:
    """What a store tells of earlier runs."""

    entries: Sequence[Entry]
    printed: Mapping[str, Sequence[str]] = field(default_factory=dict)  # lines by trial key


@dataclass(frozen=True)
class Linked:
    """Whether commands reach the process that sweeps; if not, why, in a sentence's second half."""

    connected: bool
    problem: str = ""


@dataclass(frozen=True)
class Answered:
    """What came of a command that was sent to another process: empty, or why it did nothing."""

    problem: str


SessionMessage = (
    Planned
    | Estimated
    | Rejected
    | Crashed
    | Events
    | CurvesLoaded
    | Fitted
    | Proposed
    | Exported
    | Logged
    | Linked
    | Answered
)
