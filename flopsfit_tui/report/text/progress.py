"""A sweep as lines of text: what a run without the app prints on stderr, from the command line and from Python."""

from __future__ import annotations

import math
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from flopsfit_tui.core.checkpoint_files import checkpoint_path
from flopsfit_tui.core.error_text import repeated, take_apart
from flopsfit_tui.core.events import (
    PRINTED,
    Event,
    Note,
    SweepEnded,
    SweepStarted,
    TargetChanged,
    TrialEnded,
    TrialProgress,
    TrialStarted,
)
from flopsfit_tui.core.options import main_target
from flopsfit_tui.core.state import SweepState, percent
from flopsfit_tui.core.text import printable
from flopsfit_tui.core.trial import Outcome
from flopsfit_tui.core.units import format_count, format_flops, format_seconds
from flopsfit_tui.plan.estimate import seconds_left
from flopsfit_tui.report.answer.analysis import analyse, optimum_at
from flopsfit_tui.report.answer.sweep_runs import sweep_runs
from flopsfit_tui.report.text.log import entry_of

COLUMNS = 80  # of a line
MOST_NAMED = 3  # running trials in a line
QUIET_SECONDS = 20.0  # so long after the last line, trials that still run give one
FIT_SHARE = 0.1  # of the time at most goes into fits for these lines


class ProgressLog:
    """Folds events into a state, and says each that matters in a line."""

    def __init__(self, targets: Sequence[float] = (), *, following: bool = False) -> None:
        self.state = SweepState()
        self._following = following  # another process sweeps: what it has said at its start was not seen here
        self._targets = tuple(targets)
        self._said = time.monotonic()
        self._fit_after = 0.0  # monotonic time before which nothing is fitted
        self._optimum = ""
        self._errors: Counter[str] = Counter()  # by what they say

    def take(self, event: Event) -> str:
        """The line of an event, empty for what is not worth one."""
        again = isinstance(event, TrialEnded) and self._known(event)
        self.state.apply(event)
        if isinstance(event, TargetChanged):
            self._targets, self._fit_after = (event.budget,), 0.0
        line = "" if again else self._line(event)
        if line:
            self._said = time.monotonic()
        return line

    def _known(self, event: TrialEnded) -> bool:
        """Whether a followed sweep tells twice what it told as it was opened."""
        now = self.state.trials.get(event.key)
        return now is not None and now.outcome == event.outcome

    def _line(self, event: Event) -> str:
        if isinstance(event, TrialStarted) or (isinstance(event, SweepStarted) and not self._following):
            return ""  # the estimate has said what a sweep that runs here will do
        if isinstance(event, TrialProgress):
            return progress_text(self.state) if time.monotonic() - self._said > QUIET_SECONDS else ""
        if isinstance(event, SweepEnded) and event.reason == "stopped" and not event.problem:
            return "stopped; everything finished is kept"
        if isinstance(event, Note) and event.message.startswith(f"here{PRINTED}"):
            return ""  # stderr has shown it
        plan = self.state.plan
        entry = entry_of(event, plan) if plan else None
        if entry is None:
            return getattr(event, "message", "")
        if not isinstance(event, TrialEnded):
            return entry.text if entry.level == "info" else f"{entry.level}: {entry.text}"
        outcome = event.outcome
        width = len(str(len(self.state.trials)))
        head = f"[{self.state.ended:{width}d}/{len(self.state.trials)}] {entry.text}"
        if outcome.status == "failed":
            return f"{head}{self._error_lines(outcome.error)}"
        left = seconds_left(self.state)
        time_left = f"{format_seconds(left)} left" if math.isfinite(left) and left > 0 else ""
        return _joined([part for part in (head, time_left, self._optimum_text()) if part])

    def _error_lines(self, error: str) -> str:
        """The frames of an error, below its headline; of one that has been shown, how often it has come."""
        taken = take_apart(error)
        self._errors[taken.headline] += 1
        if self._errors[taken.headline] > 1:
            return f" (the same error for the {_ordinal(self._errors[taken.headline])} time)"
        return "".join(f"\n{line}" for line in taken.text().split("\n")[1:])

    def _optimum_text(self) -> str:
        """The optimum at the target as it stands; as it stood a moment ago where fits take long."""
        plan, now = self.state.plan, time.monotonic()
        if plan is None or plan.checks_recipe or now < self._fit_after:
            return self._optimum
        target = main_target(plan, self._targets)
        best = optimum_at(analyse(sweep_runs(plan, self.state.outcomes()), full=False), target)
        self._fit_after = now + (time.monotonic() - now) / FIT_SHARE
        if best is None or best.params_low is None or best.params_high is None:
            self._optimum = ""
        else:
            between = f"{format_count(best.params_low)} to {format_count(best.params_high)}"
            self._optimum = f"N {format_count(best.params)} ({between}) at {format_flops(best.budget)}"
        return self._optimum


def _joined(parts: Sequence[str]) -> str:
    """Parts of a line side by side, or below each other where they are too long for one."""
    lines = [parts[0]]
    for part in parts[1:]:
        if len(lines[-1]) + 3 + len(part) <= COLUMNS:
            lines[-1] += f" | {part}"
        else:
            lines.append(f"    {part}")
    return "\n".join(lines)


def failures_text(outcomes: Mapping[str, Outcome]) -> list[str]:
    """Each error of a sweep once, with how many trials it took."""
    return [f"{len(keys)} trial{'s' * (len(keys) > 1)} failed: {head}" for head, keys in repeated(outcomes)]


def _ordinal(count: int) -> str:
    ending = "th" if count % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(count % 10, "th")
    return f"{count}{ending}"


def progress_text(state: SweepState) -> str:
    """How far a sweep is: ``62% of the FLOPs, 9/15 trials, 2 min left``."""
    left = seconds_left(state)
    parts = [f"{percent(state.fraction)} done", f"{state.ended}/{len(state.trials)} trials"]
    running = [now for now in state.trials.values() if now.status == "running"]
    if running and state.plan:
        sizes = [f"{now.trial.size} at {percent(now.fraction)}" for now in running[:MOST_NAMED]]
        more = f" and {len(running) - MOST_NAMED} more" if len(running) > MOST_NAMED else ""
        parts.append(f"{state.plan.size_name[:20]} {', '.join(sizes)}{more}")
    parts += [f"{format_seconds(left)} left"] if math.isfinite(left) else []
    return ", ".join(parts)


def log(*lines: str) -> None:
    """Print lines on stderr, which may be a file; empty ones are left out, and no control character is obeyed."""
    for line in "\n".join(filter(None, lines)).split("\n"):
        if line:
            print("\n".join(_in_columns(printable(line))), file=sys.stderr, flush=True)


def _in_columns(line: str) -> list[str]:
    """A line in at most COLUMNS columns; those of a user's code, which are indented, and words stay whole."""
    if len(line) <= COLUMNS or line.startswith(" "):
        return [line]
    return textwrap.wrap(line, COLUMNS, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


def kept_text(state: SweepState, directory: Path) -> str:
    """What a sweep that was stopped keeps."""
    saved = sum(checkpoint_path(directory, key).is_file() for key, s in state.trials.items() if s.status == "pending")
    goes_on = f", {saved} go on from their checkpoints" if saved else ""
    return f"stopped: {state.count('finished')} finished trials are kept, {state.left} are left{goes_on}"
