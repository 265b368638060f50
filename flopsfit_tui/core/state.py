"""A sweep as it stands: a fold over its events, which every front end draws and none computes again."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from flopsfit_tui.core.curve import Curve
from flopsfit_tui.core.exit_codes import DONE, FAILED, INTERRUPTED, SOME_FAILED

if TYPE_CHECKING:  # the start screen is painted before there is one
    from flopsfit_tui.core.events import Event, Note, SweepStarted, TrialProgress
    from flopsfit_tui.core.trial import Outcome, Plan, Status, Trial

Phase = Literal["waiting", "running", "paused", "done", "stopped"]
HISTORY_ROWS = 1000  # kept of each trial on disk, and here while it runs
MOST_PRINTED = 200  # lines of what a trial's code prints
MOST_DONE = 0.999  # the share of what has not ended yet
CURVE_POINTS = 256  # kept here of a trial that has ended: as many as a curve on a terminal has columns


@dataclass
class TrialState:
    """One trial and how far it is."""

    trial: Trial
    status: Status = "pending"
    outcome: Outcome | None = None
    worker: str = ""
    step: int = 0
    loss: float = math.nan  # the latest training loss while it runs
    seconds: float = 0.0
    history: Curve = field(default_factory=Curve)  # (step, training loss), thinned
    printed: list[str] = field(default_factory=list)  # by the user's code, at most MOST_PRINTED lines

    @property
    def fraction(self) -> float:
        """Done of planned steps, 0 to 1; 1 only once it has ended: behind the last step comes the held-out loss."""
        return min(self.share_trained, MOST_DONE) if self.status in ("pending", "running") else 1.0

    @property
    def share_trained(self) -> float:
        """Steps done of those planned, 0 to 1; 1 for what has ended."""
        return self.step / self.trial.steps if self.status in ("pending", "running") else 1.0


class SweepState:
    """All that is known of a sweep; `apply` takes the events in order and is the only thing that changes it."""

    def __init__(self) -> None:
        self.plan: Plan | None = None
        self.phase: Phase = "waiting"
        self.trials: dict[str, TrialState] = {}
        self.workers = 1
        self.predicted: dict[str, float] = {}  # seconds, by trial key
        self.notes: list[Note] = []
        self.problem = ""  # what kept it from going on, or its files from being written
        self.version = 0  # grows with every event: draw when it has
        self.outcomes_version = 0  # grows with every outcome: refit when it has
        self._at_work: dict[str, str] = {}  # trial keys by worker
        self._counts: Counter[Status] = Counter()
        self._counted = -1  # the version that they are of
        self._clock = 0.0  # when the present stretch of running began
        self._ran = 0.0  # seconds of earlier stretches

    def apply(self, event: Event) -> None:
        """Fold one event in."""
        from flopsfit_tui.core import events  # the start screen is painted before there is one

        self.version += 1
        match event:
            case events.SweepStarted():
                self._start(event)
            case events.TrialStarted(key, worker):
                now = self.trials[key]
                now.status, now.worker, now.step, now.loss, now.seconds = "running", worker, 0, math.nan, 0.0
                now.printed = []
                self._at_work[worker] = key
            case events.TrialProgress():
                self._progress(event)
            case events.TrialEnded(key, outcome):
                now = self.trials[key]
                now.status, now.outcome, now.worker = outcome.status, outcome, ""
                if outcome.status == "failed" and not now.step:
                    now.history.clear()
                now.history = now.history.thinned(now.trial.steps, CURVE_POINTS)
                self.outcomes_version += 1
            case events.TrialRequeued(key):
                now = self.trials[key]
                self.outcomes_version += now.outcome is not None
                now.status, now.outcome, now.worker, now.step, now.loss = "pending", None, "", 0, math.nan
            case events.PlanChanged(plan, seconds, _):
                self.outcomes_version += self.plan is not None and self.plan.left_out != plan.left_out
                self.plan, self.predicted = plan, with_predictions(plan, {**self.predicted, **seconds})
                self.trials = {t.key: self.trials.get(t.key) or TrialState(t) for t in plan.trials}
            case events.WorkersChanged(workers):
                self.workers = workers
            case events.SweepPaused():
                self._stop_clock("paused")
            case events.SweepResumed():
                self.phase, self._clock = "running", time.monotonic()
            case events.Note(message=message):
                if events.PRINTED in message:
                    self.add_printed(self._at_work, message)
                else:
                    self.notes.append(event)
            case events.SweepEnded(reason, problem):
                self.problem = problem
                self._stop_clock(reason)

    def _start(self, event: SweepStarted) -> None:
        self.plan, self.workers, self.predicted = event.plan, event.workers, event.seconds
        self.trials = {t.key: TrialState(t) for t in event.plan.trials}
        for key, outcome in event.outcomes.items():
            if key in self.trials:
                self.trials[key] = replace(self.trials[key], status=outcome.status, outcome=outcome)
        self.phase, self._clock = "running", time.monotonic()
        self.outcomes_version += 1

    def _progress(self, event: TrialProgress) -> None:
        now = self.trials[event.key]
        if event.step <= now.step or now.step == 0:  # begun anew, or gone on from a checkpoint
            now.history.cut(event.step)
        now.step, now.loss, now.seconds = event.step, event.loss, event.seconds
        if not now.history or event.step - now.history[-1][0] >= now.trial.steps / HISTORY_ROWS:
            now.history.append(event.step, event.loss)

    def add_printed(self, at_work: Mapping[str, str], message: str) -> None:
        """Keep a printed line with its trial: the one that is, or was last, on the worker that it names."""
        from flopsfit_tui.core.events import PRINTED

        worker, _, line = message.partition(PRINTED)
        now = self.trials.get(at_work.get(worker, ""))
        if now is not None and len(now.printed) < MOST_PRINTED:
            now.printed.append(line)

    def _stop_clock(self, phase: Phase) -> None:
        if self.phase == "running":
            self._ran += time.monotonic() - self._clock
        self.phase = phase

    def load_history(self, history: Mapping[str, Iterable[tuple[int, float]]]) -> None:
        """Give back to trials the curves that the store kept of them, up to the first step seen since."""
        for key, rows in history.items():
            if key in self.trials:
                curve, seen = rows if isinstance(rows, Curve) else Curve(rows), self.trials[key].history
                if seen:
                    curve.cut(seen.steps[0])
                self.trials[key].history = Curve([*curve, *seen]) if seen else curve
        self.version += 1

    def load_printed(self, printed: Mapping[str, Sequence[str]]) -> None:
        """Give back to trials what the store kept of what their code printed."""
        for key, lines in printed.items():
            if key in self.trials and not self.trials[key].printed:
                self.trials[key].printed = list(lines[:MOST_PRINTED])
        self.version += 1

    def outcomes(self) -> dict[str, Outcome]:
        """What has ended so far, by trial key."""
        return {key: s.outcome for key, s in self.trials.items() if s.outcome is not None}

    def count(self, status: Status) -> int:
        """How many trials are in a status."""
        if self._counted != self.version:  # asked a hundred times a key, of thousands of trials
            self._counts, self._counted = Counter(s.status for s in self.trials.values()), self.version
        return self._counts[status]

    @property
    def left(self) -> int:
        """Trials that a run would still train; one that failed is trained again."""
        return len(self.trials) - self.count("finished") - self.count("skipped")

    @property
    def ended(self) -> int:
        """Trials that are over, however they ended."""
        return len(self.trials) - self.count("pending") - self.count("running")

    @property
    def running_seconds(self) -> float:
        """Seconds this sweep has been running, without pauses."""
        return self._ran + (time.monotonic() - self._clock if self.phase == "running" else 0.0)

    @property
    def flops_done(self) -> float:
        """Training FLOPs spent on what has ended and on what runs."""
        return sum(s.share_trained * s.trial.flops for s in self.trials.values())

    @property
    def flops_planned(self) -> float:
        return sum(s.trial.flops for s in self.trials.values())

    @property
    def fraction(self) -> float:
        """Done of the plan, 0 to 1, by predicted seconds, or by FLOPs where there are none: what every progress bar
        shows."""
        if not self.trials:
            return 0.0
        if self.ended == len(self.trials):
            return 1.0
        seconds = self.predicted
        if not seconds or not all(seconds.get(key, 0.0) > 0 for key in self.trials):
            return min(self.flops_done / self.flops_planned, MOST_DONE)
        done = sum(now.fraction * seconds[key] for key, now in self.trials.items())
        return min(done / sum(seconds[key] for key in self.trials), MOST_DONE)

    @property
    def tokens_per_second(self) -> float:
        """Training tokens a second over all running trials."""
        speeds = (s.step * s.trial.tokens / s.trial.steps / s.seconds for s in self._running() if s.seconds > 0)
        return sum(speeds)

    def _running(self) -> list[TrialState]:
        return [s for s in self.trials.values() if s.status == "running"]


def with_predictions(plan: Plan, seconds: Mapping[str, float]) -> dict[str, float]:
    """Predicted seconds by trial key, also of trials that were not timed: those of the trial nearest in size, by FLOPs.

    Empty where nothing was timed.
    """
    timed = [t for t in plan.trials if t.key in seconds]
    found = dict(seconds)
    for trial in plan.trials if timed else ():
        if trial.key not in seconds:
            near = min(timed, key=lambda t: (abs(t.params - trial.params), abs(t.budget - trial.budget)))
            found[trial.key] = seconds[near.key] * trial.flops / near.flops
    return found


def percent(fraction: float) -> str:
    """A share as it is shown: rounded down, so never 100 % before all is done."""
    return f"{math.floor(100 * fraction + 1e-9)}%"


def exit_code(state: SweepState) -> int:
    """0 done, 1 nothing finished or not all kept, 3 some trials failed, 130 interrupted."""
    if state.problem:
        return FAILED
    if state.phase != "done":
        return INTERRUPTED
    if not state.count("finished"):
        return FAILED
    return SOME_FAILED if state.count("failed") else DONE


def kept(outcomes: Mapping[str, Outcome]) -> dict[str, Outcome]:
    """The outcomes that the next run leaves as they are: it trains failed trials again."""
    return {key: outcome for key, outcome in outcomes.items() if outcome.status in ("finished", "skipped")}
