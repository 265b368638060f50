"""What the screens draw; only the app writes on it, from the messages of its threads."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from flopsfit_tui.core.exit_codes import DONE, USAGE
from flopsfit_tui.core.options import Options, main_target
from flopsfit_tui.core.state import SweepState, TrialState, exit_code
from flopsfit_tui.plan.rates import OneTry, rates_aside

if TYPE_CHECKING:  # the first paint comes before what they need
    from flopsfit_tui.conduct import PlannedSweep
    from flopsfit_tui.core.trial import Plan
    from flopsfit_tui.plan.estimate import Estimate
    from flopsfit_tui.report.answer.analysis import Analysis, OptimumRow
    from flopsfit_tui.report.answer.choose import Choice
    from flopsfit_tui.report.answer.recipe import RecipeCheck
    from flopsfit_tui.report.plots.series import IsoCurve
    from flopsfit_tui.report.text.log import Entry
    from flopsfit_tui.tui.session.machine import Reading
    from flopsfit_tui.tui.session.messages import Fitted
    from flopsfit_tui.tui.session.undo import Undo

USUAL_KEYS = {  # those that the lines name
    "bracket": "b", "seed": "n", "target": "t", "retry": "r", "warnings": "w", "open_row": "enter",
    "go_failed": "!",
}  # fmt: skip
LOG_LINES = 5000
Stage = Literal["planning", "pricing", "ready", "refused", "sweeping", "ending", "ended"]


@dataclass
class AppState:
    """Everything known of the plan and the sweep."""

    options: Options
    stage: Stage = "planning"
    since: float = field(default_factory=time.monotonic)  # when the stage began
    start_requested: bool = False  # the sweep was asked for, and its first event has not come
    plan: Plan | None = None
    directory: Path | None = None
    planned: PlannedSweep | None = None  # before it runs: what lies in the directory already
    estimate: Estimate | None = None
    problem: str = ""  # why it cannot be planned or swept, one sentence
    cancelled: bool = False  # the problem is that the user cancelled planning
    earlier_differs: bool = False  # the problem is an earlier sweep that the user may reuse all the same
    traceback: str = ""  # of something of our own that broke
    state: SweepState = field(default_factory=SweepState)
    dots: Sequence[IsoCurve] = ()  # what is shown of the losses until the first fit is in
    fitted: Fitted | None = None
    machine: Reading | None = None  # how busy it is
    log: deque[Entry] = field(default_factory=partial(deque, maxlen=LOG_LINES))
    history_logged: bool = False  # the log holds what earlier runs did
    exported: Sequence[Path] = ()
    exporting: bool = False  # files are still being written
    export_problem: str = ""
    pending_command: str = ""  # asked of the sweep and not yet true: "pausing…"
    undo: Undo | None = None  # what was asked last of the sweep, as long as it can be taken back
    proposal: Choice | None = None  # the trial that the user is asked about
    recipe: RecipeCheck | None = None  # what a recipe check says so far
    user_target: float | None = None  # the budget that the user asked the optimum for, in the app
    keys: Mapping[str, str] = field(default_factory=dict)  # of actions whose key is not the usual one
    reading: bool = False  # another process sweeps, or did: its store is read here
    read_only: bool = False  # nothing that is shown is changed here, nor its files
    controlled: bool = False  # of such a sweep: commands reach the process that sweeps
    no_control: str = ""  # why they do not
    leaving: bool = False  # the sweep is to go on without this terminal
    runs_in: Path | None = None  # the problem is that another process sweeps in this directory: the plan can wait
    notices: list[str] = field(default_factory=list)  # what other terminals did, until it has been shown
    _not_fitted: tuple[object, Mapping[str, str]] = (None, {})  # and what it is of

    def reset(self, options: Options) -> None:
        """Forget everything: something else will be planned."""
        for field_ in fields(AppState):
            if field_.name not in ("options", "keys"):
                default = field_.default_factory() if callable(field_.default_factory) else field_.default
                setattr(self, field_.name, default)
        self.options = options

    def key(self, action: str) -> str:
        """The key that does something, as it is shown."""
        return self.keys.get(action) or USUAL_KEYS[action]

    @property
    def busy(self) -> bool:
        """Whether quitting now would cut something short."""
        return not self.reading and (self.start_requested or self.state.phase in ("running", "paused"))

    @property
    def planning(self) -> bool:
        """Whether a plan is being made or timed."""
        return not self.reading and self.stage in ("planning", "pricing")

    @property
    def commandable(self) -> bool:
        """Whether what is asked of the sweep here reaches it."""
        return not self.reading or self.controlled

    @property
    def running(self) -> bool:
        """Whether a sweep runs, here or elsewhere, that what is asked here reaches."""
        return self.busy or (self.controlled and self.state.phase in ("running", "paused"))

    @property
    def waited(self) -> float:
        """Seconds since the stage began."""
        return time.monotonic() - self.since

    @property
    def can_undo(self) -> bool:
        """Whether what was asked last can still be taken back."""
        return self.commandable and self.undo is not None and self.undo.possible

    def not_fitted(self) -> Mapping[str, str]:
        """Why trials that ended are not fitted, by key: another rate of the point is better, or the user's reason."""
        plan, state = self.plan, self.state
        if plan is None or not (plan.left_out or len(plan.rates) > 1):
            return {}
        known = (id(plan), state.version)
        if self._not_fitted[0] != known:
            aside = rates_aside(_one_try(now) for now in state.trials.values()) if len(plan.rates) > 1 else {}
            self._not_fitted = known, {**aside, **dict(plan.left_out)}
        return self._not_fitted[1]

    @property
    def left(self) -> int:
        """Trials that starting would run."""
        if self.state.trials:
            return self.state.left
        return len(self.planned.left) if self.planned else 0

    @property
    def analysis(self) -> Analysis | None:
        """The latest fit."""
        return self.fitted.analysis if self.fitted else None

    @property
    def targets(self) -> tuple[float, ...]:
        """Every budget at which the optimum is wanted, the one that is always shown first."""
        asked = (self.user_target,) if self.user_target else ()
        return asked + tuple(t for t in self.options.targets if t not in asked)

    @property
    def target(self) -> float | None:
        """The budget at which the optimum is always shown: the one asked for, else ten times the largest."""
        return main_target(self.plan, self.targets) if self.plan else None

    @property
    def exit_code(self) -> int:
        """Of the sweep; 2 when it was refused, 0 when it was only looked at or never started."""
        if self.reading or not self.state.trials:
            return USAGE if self.stage == "refused" or self.runs_in else DONE
        return exit_code(self.state)

    def optimum(self) -> OptimumRow | None:
        """The optimum at the target."""
        rows, target = self.analysis.optimum if self.analysis else (), self.target or 0.0
        return next((row for row in rows if math.isclose(row.budget, target, rel_tol=1e-9)), None)


def _one_try(now: TrialState) -> OneTry:
    trial, loss = now.trial, now.outcome.loss if now.outcome else math.nan
    return OneTry(trial.key, trial.budget, trial.size, trial.seed, trial.learning_rate, now.status, loss)
