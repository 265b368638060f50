"""What the screens draw; only the app writes on it, from the messages of its threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Literal

from flopsfit_tui.core.options import Options
from flopsfit_tui.core.state import SweepState
from flopsfit_tui.core.trial import Plan
from flopsfit_tui.plan.estimate import Estimate
from flopsfit_tui.report.analysis import Analysis, OptimumRow
from flopsfit_tui.report.series import IsoCurve
from flopsfit_tui.tui.log import Entry
from flopsfit_tui.tui.machine import Reading
from flopsfit_tui.tui.news import Fitted

USUAL_KEYS = {  # those that the lines name
    "bracket": "b", "seed": "n", "target": "t", "retry": "r", "warnings": "w", "open_row": "enter",
}  # fmt: skip
LOG_LINES = 5000
Stage = Literal["planning", "pricing", "ready", "refused", "sweeping", "ending", "ended"]


@dataclass
class Board:
    """Everything known of the plan and the sweep."""

    options: Options
    stage: Stage = "planning"
    starting: bool = False  # the sweep was asked for, and its first event has not come
    plan: Plan | None = None
    directory: Path | None = None
    finished_before: int = 0
    estimate: Estimate | None = None
    problem: str = ""  # why it cannot be planned or swept, one sentence
    traceback: str = ""  # of something of our own that broke
    state: SweepState = field(default_factory=SweepState)
    dots: Sequence[IsoCurve] = ()  # what is shown of the losses until the first fit is in
    fitted: Fitted | None = None
    machine: Reading | None = None  # how busy it is
    log: deque[Entry] = field(default_factory=partial(deque, maxlen=LOG_LINES))
    told_before: bool = False  # the log holds what earlier runs did
    exported: Sequence[Path] = ()
    exporting: bool = False  # files are still being written
    export_problem: str = ""
    wish: str = ""  # asked of the sweep and not yet true: "pausing…"
    asked_target: float | None = None  # the budget that a person asked the optimum for, in the app
    keys: Mapping[str, str] = field(default_factory=dict)  # of actions whose key is not the usual one
    reading: bool = False  # the sweep is only followed or looked at

    def reset(self, options: Options) -> None:
        """Forget everything: something else will be planned."""
        for field_ in fields(Board):
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
        return not self.reading and (self.starting or self.state.phase in ("running", "paused"))

    @property
    def left(self) -> int:
        """Trials that starting would run."""
        if self.state.trials:
            return len(self.state.trials) - self.state.count("finished") - self.state.count("skipped")
        return len(self.plan.trials) - self.finished_before if self.plan else 0

    @property
    def analysis(self) -> Analysis | None:
        """The latest fit."""
        return self.fitted.analysis if self.fitted else None

    @property
    def targets(self) -> tuple[float, ...]:
        """Every budget at which the optimum is wanted, the one that is always shown first."""
        asked = (self.asked_target,) if self.asked_target else ()
        return asked + tuple(t for t in self.options.targets if t not in asked)

    @property
    def target(self) -> float | None:
        """The budget at which the optimum is always shown: the one asked for, else ten times the largest."""
        if self.targets:
            return self.targets[0]
        return self.plan.budgets[-1] * 10 if self.plan else None

    @property
    def exit_code(self) -> int:
        """0 done or only looked at, 1 nothing finished, 2 refused, 3 some trials failed, 130 interrupted."""
        state = self.state
        if self.reading or not state.trials:
            return 2 if self.stage == "refused" else 0
        if state.phase != "done":
            return 130
        if not state.count("finished"):
            return 1
        return 3 if state.count("failed") else 0

    def optimum(self) -> OptimumRow | None:
        """The optimum at the target."""
        rows = self.analysis.optimum if self.analysis else ()
        return next((row for row in rows if row.budget == self.target), None)
