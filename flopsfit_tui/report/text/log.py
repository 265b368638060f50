"""What has happened, a sentence an event: pure, so that a watched sweep tells the same as one that runs here."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from flopsfit_tui.core.control import (
    AddTrial,
    Command,
    LeaveOut,
    Pause,
    Resume,
    Retry,
    RunNext,
    SetTarget,
    SetWorkers,
    Skip,
    Stop,
)
from flopsfit_tui.core.error_text import take_apart
from flopsfit_tui.core.events import (
    PRINTED,
    CommandDone,
    CommandGiven,
    Event,
    Level,
    Note,
    PlanChanged,
    SweepEnded,
    SweepPaused,
    SweepResumed,
    SweepStarted,
    TargetChanged,
    TrialEnded,
    TrialRequeued,
    TrialStarted,
    WorkersChanged,
)
from flopsfit_tui.core.trial import Outcome, Plan, Trial
from flopsfit_tui.core.units import format_count, format_flops, format_seconds
from flopsfit_tui.store.base import Attempt
from flopsfit_tui.store.event_rows import Began, StoredEvent

LEVELS: tuple[Level, ...] = ("info", "warning", "error")


@dataclass(frozen=True)
class Entry:
    """A line of the log."""

    time: float  # seconds since the epoch
    level: Level
    text: str


def entry_of(event: Event, plan: Plan, now: float | None = None) -> Entry | None:
    """An event's line; None for progress, which the curves tell."""
    described = _describe(event, {t.key: t for t in plan.trials} if _names_a_trial(event) else {}, plan)
    return Entry(time.time() if now is None else now, *described) if described else None


def _names_a_trial(event: Event) -> bool:
    return isinstance(event, TrialStarted | TrialEnded | TrialRequeued)


def _describe(event: Event, trials: dict[str, Trial], plan: Plan) -> tuple[Level, str] | None:
    match event:
        case SweepStarted(_, outcomes, workers):
            before = f", {len(outcomes)} ended before" if outcomes else ""
            together = f", {workers} at once" if workers else ""
            return "info", f"sweep of {len(plan.trials)} trials{together}{before}"
        case TrialStarted(key, worker):
            return "info", f"started {name(trials[key], plan)} on {worker}"
        case TrialEnded(key, outcome):
            return ended(trials[key], outcome, plan)
        case TrialRequeued(key):
            return "info", f"requeued: {name(trials[key], plan)}"
        case PlanChanged(of_fit=True):
            return None  # a note says it
        case PlanChanged():
            added = next(t for t in plan.trials if t.key == plan.added[-1])
            return "info", f"added {name(added, plan)}"
        case WorkersChanged(workers):
            return "info", f"{workers} worker{'s' * (workers > 1)}"
        case TargetChanged(budget):
            return "info", f"target {format_flops(budget)} FLOPs"
        case CommandGiven(_, by, command):
            return "info", f"{by}: {command_text(command, plan)}"
        case CommandDone(_, problem) if problem:
            return "warning", problem
        case SweepPaused():
            return "info", "paused"
        case SweepResumed():
            return "info", "resumed"
        case Note(level, message):
            return level, message
        case SweepEnded(reason):
            return "info", f"sweep {reason}"
    return None


def ended(trial: Trial, outcome: Outcome, plan: Plan) -> tuple[Level, str]:
    """What came of a trial."""
    who = name(trial, plan)
    if outcome.status == "finished":
        return "info", f"finished {who}: loss {outcome.loss:.4f} in {format_seconds(outcome.seconds)}"
    if outcome.status == "failed":
        return "error", f"failed {who}: {take_apart(outcome.error).headline}"
    return "warning", f"{outcome.status} {who}"


def name(trial: Trial, plan: Plan) -> str:
    """A trial as the user calls it."""
    seed = f" seed {trial.seed}" if trial.seed else ""
    return f"{format_flops(trial.budget)} {plan.size_name[:40]} {trial.size}{seed}"


def command_text(command: Command, plan: Plan) -> str:
    """A command in a few words."""
    match command:
        case Skip(key) | Retry(key) | RunNext(key):
            trial = next((t for t in plan.trials if t.key == key), None)
            verb = "skip" if isinstance(command, Skip) else "retry" if isinstance(command, Retry) else "next"
            return f"{verb} {name(trial, plan) if trial else key[:40]}"
        case LeaveOut(key, reason):
            trial = next((t for t in plan.trials if t.key == key), None)
            verb = "fit again" if reason is None else "leave out of the fit"
            return f"{verb} {name(trial, plan) if trial else key[:40]}"
        case AddTrial(budget, size, params):
            what = f"{plan.size_name[:40]} {size}" if size is not None else f"N {format_count(params or 0)}"
            return f"add {format_flops(budget)} {what}"
        case SetWorkers(count):
            return f"{count} worker{'s' * (count > 1)}"
        case SetTarget(budget):
            return f"target {format_flops(budget)} FLOPs"
        case Pause():
            return "pause"
        case Resume():
            return "resume"
        case Stop():
            return "stop"


def earlier(
    plan: Plan,
    attempts: Iterable[Attempt],
    outcomes: dict[str, Outcome],
    notes: Iterable[tuple[float, Level, str]],
    told: Iterable[StoredEvent] = (),
) -> list[Entry]:
    """What a store tells of before, in order."""
    events = ((row, row.event) for row in told if not isinstance(row.event, Began))
    said = (entry for row, event in events if (entry := entry_of(event, plan, row.time)))
    return sorted(
        [*_attempted(plan, attempts, outcomes), *(Entry(*note) for note in notes), *said], key=lambda e: e.time
    )


def printed_by_trial(attempts: Iterable[Attempt], notes: Iterable[tuple[float, Level, str]]) -> dict[str, list[str]]:
    """What the user's code printed in the last attempt of each trial: what its worker said from its start on."""
    by_worker: dict[str, list[Attempt]] = {}
    latest: dict[str, Attempt] = {}
    for attempt in sorted(attempts, key=lambda attempt: attempt.started):
        by_worker.setdefault(attempt.worker, []).append(attempt)
        latest[attempt.trial] = attempt
    found: dict[str, list[str]] = {}
    for at, _, message in notes:
        worker, mark, line = message.partition(PRINTED)
        here = by_worker.get(worker, []) if mark else []
        place = bisect_right(here, at, key=lambda attempt: attempt.started)
        if place and latest[here[place - 1].trial] is here[place - 1]:
            found.setdefault(here[place - 1].trial, []).append(line)
    return found


def _attempted(plan: Plan, attempts: Iterable[Attempt], outcomes: dict[str, Outcome]) -> Iterator[Entry]:
    trials = {t.key: t for t in plan.trials}
    for attempt in attempts:
        trial = trials.get(attempt.trial)
        if trial is None:
            continue
        yield Entry(attempt.started, "info", f"started {name(trial, plan)} on {attempt.worker}")
        if attempt.ended is None:
            continue
        outcome = outcomes.get(attempt.trial)
        if outcome is not None and outcome.status == attempt.status:
            yield Entry(attempt.ended, *ended(trial, outcome, plan))
        else:
            yield Entry(attempt.ended, "warning", f"{attempt.status} {name(trial, plan)}")
