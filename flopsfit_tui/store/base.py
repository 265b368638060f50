"""What a store promises, and one in memory that keeps the promise."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from flopsfit_tui.core.events import Event, Note, PlanChanged, TrialEnded, TrialProgress, TrialRequeued, TrialStarted
from flopsfit_tui.core.state import HISTORY_ROWS
from flopsfit_tui.core.trial import Outcome, Plan
from flopsfit_tui.store.event_rows import StoredEvent, event_from_json, event_to_json


@dataclass(frozen=True)
class HistoryRow:
    """A trial's training loss as it streamed."""

    step: int
    tokens: int
    flops: float
    loss: float
    seconds: float


@dataclass(frozen=True)
class Attempt:
    """One time that a trial was started; `ended` is None while it runs, or when the process died under it."""

    trial: str
    started: float  # seconds since the epoch
    ended: float | None
    status: str  # running, finished, failed, returned
    worker: str


class Store(Protocol):
    """What a sweep has done. One thread writes; what `record` has returned from is kept."""

    def begin(self, plan: Plan) -> None:
        """Take up a plan; outcomes of trials with the same key are kept. Raises ValueError for another workload's."""
        ...

    def plan(self) -> Plan | None:
        """The plan last begun."""
        ...

    def outcomes(self) -> Mapping[str, Outcome]:
        """What has ended, by trial key: the last attempt of each trial of the plan."""
        ...

    def history(self) -> Mapping[str, list[HistoryRow]]:
        """Training losses by trial key, at most HISTORY_ROWS each, of the last attempt of each."""
        ...

    def attempts(self) -> list[Attempt]:
        """Every start of a trial, oldest first."""
        ...

    def stored_events(self, after: int = 0) -> list[StoredEvent]:
        """What the sweep has said beside its trials, in order: the rows behind the one with the number `after`."""
        ...

    def record(self, *events: Event) -> None:
        """Keep what events say, all or nothing. Raises StoreFault when it cannot be written yet; `retry` does then."""
        ...

    def damage(self) -> list[str]:
        """What was stored and is not as it was written, a sentence each."""
        ...

    def retry(self) -> None:
        """Write what `record` could not. Raises StoreFault when it still cannot be written."""
        ...

    def close(self) -> str:
        """Write what is buffered and let go; what went wrong with it, empty when nothing did."""
        ...


def check_same_workload(old: Plan | None, new: Plan) -> None:
    """Raise ValueError when a store of one workload is given the plan of another; see plan.resume.continue_plan."""
    if old is not None and old.identity != new.identity:
        same = "another version of " if old.workload == new.workload else ""
        raise ValueError(
            f"this directory holds a sweep of {same}{old.workload}, and the plan is one of {new.workload} with other "
            f"data or settings; give another directory, or start afresh (--fresh, resume=False), which puts the old "
            f"sweep aside"
        )


class Thinning:
    """Says which progresses to keep, so that a trial of any length leaves at most about HISTORY_ROWS rows."""

    def __init__(self, plan: Plan) -> None:
        self._steps = {t.key: t.steps for t in plan.trials}
        self._kept: dict[str, int] = {}
        self._earlier: dict[str, list[HistoryRow]] = {}  # of trials that have not said yet where they go on

    def start(self, key: str, earlier: Sequence[HistoryRow] = ()) -> None:
        """Begin a trial's history anew; `earlier` is what its last start left, from whose checkpoint it may go on."""
        self._kept.pop(key, None)
        self._earlier[key] = list(earlier)

    def put_back(self, key: str, before: float = math.inf) -> list[HistoryRow]:
        """The rows of the earlier start, once, up to the step at which the trial goes on."""
        return [row for row in self._earlier.pop(key, ()) if row.step < before]

    def extend(self, plan: Plan) -> None:
        """Know the trials that were added."""
        self._steps.update({t.key: t.steps for t in plan.trials})

    def begins_anew(self, event: TrialProgress) -> bool:
        """Whether the trial has gone back to an earlier step, as after running out of memory."""
        kept = self._kept.get(event.key)
        return kept is not None and event.step < kept

    def keeps(self, event: TrialProgress) -> bool:
        """Whether this progress is far enough from the one kept before, or the last."""
        steps, kept = self._steps[event.key], self._kept.get(event.key)
        if kept is not None and 0 <= event.step - kept < steps / HISTORY_ROWS and event.step < steps:
            return False
        self._kept[event.key] = event.step
        return True


class MemoryStore:
    """A store that forgets with the process: for tests, and for plans that are only looked at."""

    def __init__(self) -> None:
        self._plan: Plan | None = None
        self._outcomes: dict[str, Outcome] = {}
        self._history: dict[str, list[HistoryRow]] = defaultdict(list)
        self._attempts: list[Attempt] = []
        self.notes: list[Note] = []
        self._stored_events: list[StoredEvent] = []

    def begin(self, plan: Plan) -> None:
        """Take up a plan."""
        check_same_workload(self._plan, plan)
        self._plan = plan
        self._thinning = Thinning(plan)

    def plan(self) -> Plan | None:
        """The plan last begun."""
        return self._plan

    def outcomes(self) -> Mapping[str, Outcome]:
        """What has ended, of the trials of the plan."""
        keys = {t.key for t in self._plan.trials} if self._plan else set()
        return {key: outcome for key, outcome in self._outcomes.items() if key in keys}

    def history(self) -> Mapping[str, list[HistoryRow]]:
        """Training losses by trial key."""
        return {key: list(rows) for key, rows in self._history.items() if rows}

    def attempts(self) -> list[Attempt]:
        """Every start of a trial."""
        return list(self._attempts)

    def stored_events(self, after: int = 0) -> list[StoredEvent]:
        """What the sweep has said beside its trials."""
        return self._stored_events[after:]

    def record(self, *events: Event) -> None:
        """Keep what events say."""
        for event in events:
            self._record(event)

    def _record(self, event: Event) -> None:
        match event:
            case TrialStarted(key, worker):
                self._thinning.start(key, self._history[key])
                self._history[key].clear()
                self._outcomes.pop(key, None)
                self._attempts.append(Attempt(key, time.time(), None, "running", worker))
            case TrialProgress(key=key):
                if self._thinning.begins_anew(event):
                    self._history[key].clear()
                self._history[key] += self._thinning.put_back(key, event.step)
                if self._thinning.keeps(event):
                    self._history[key].append(
                        HistoryRow(event.step, event.tokens, event.flops, event.loss, event.seconds)
                    )
            case TrialEnded(key, outcome):
                self._thinning.put_back(key)
                self._outcomes[key] = outcome
                self._end(key, outcome.status)
            case TrialRequeued(key):
                self._history[key] += self._thinning.put_back(key)
                self._outcomes.pop(key, None)
                self._end(key, "returned")
            case PlanChanged(plan):
                self._plan = plan
                self._thinning.extend(plan)
            case Note():
                self.notes.append(event)
            case _ if text := event_to_json(event):
                if row := event_from_json(len(self._stored_events) + 1, time.time(), text):
                    self._stored_events.append(row)

    def _end(self, key: str, status: str) -> None:
        for i in reversed(range(len(self._attempts))):
            if self._attempts[i].trial == key and self._attempts[i].ended is None:
                self._attempts[i] = replace(self._attempts[i], ended=time.time(), status=status)
                return

    def damage(self) -> list[str]:
        """Memory is as it was written."""
        return []

    def retry(self) -> None:
        """Nothing waits."""

    def close(self) -> str:
        """Nothing to let go of."""
        return ""
