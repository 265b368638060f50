"""A sweep that another process runs, or that is over: what its store holds and what comes to it, as events.

What is new in the store since the last look becomes the events that the sweeping process saw, so that a front end shows
a followed sweep exactly as one of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from flopsfit_tui.core.control import Control
from flopsfit_tui.core.events import (
    Event,
    Note,
    PlanChanged,
    SweepEnded,
    SweepStarted,
    TargetChanged,
    TrialEnded,
    TrialProgress,
    TrialRequeued,
    TrialStarted,
)
from flopsfit_tui.core.trial import Outcome, Plan
from flopsfit_tui.store.directory import sweeping_process
from flopsfit_tui.store.event_rows import Began, last_target, present_state
from flopsfit_tui.store.sqlite import SqliteStore

POLL_SECONDS = 0.7  # the writer commits progress twice a second
LOOK_SHARE = 0.3  # of the time at most goes into looks, however often there is news
BURST_SECONDS = 1.0  # the time of which that is a share: what comes after a quiet while is seen at once

Wait = Callable[[float], object]  # sleep for at most so many seconds, less when there is news


def follow(directory: Path, control: Control, wait: Wait | None = None) -> Iterator[list[Event]]:
    """What a store holds, then what comes to it until the process that sweeps has ended or `control` stops.

    Each list is what is new since the list before; SweepStarted is in the first, and SweepEnded in the last unless
    `control` stopped. A sweep that has just begun is waited for. Raises ValueError where there is no sweep, or none
    that has a plan.
    """
    wait = wait or control.wait
    follower = Follower(directory)
    try:
        while not follower.has_plan and follower.live and not control.stopped:
            wait(POLL_SECONDS)
        yield follower.begin()
        pace = Pace()
        while follower.live and not control.stopped:
            begun = time.monotonic()
            if events := follower.look():
                yield events
            control.wait(min(POLL_SECONDS, pace.rest(begun, time.monotonic())))
            wait(POLL_SECONDS)
        if not follower.live:  # else it was stopped here, not there
            yield follower.end()
    finally:
        follower.close()


class Pace:
    """Keeps looks to LOOK_SHARE of the time, counted over BURST_SECONDS."""

    def __init__(self) -> None:
        self._paid = 0.0  # the looks so far are LOOK_SHARE of the time until then

    def rest(self, begun: float, ended: float) -> float:
        """Seconds to the next look, after one from `begun` to `ended` on one clock."""
        self._paid = max(self._paid, ended - BURST_SECONDS) + (ended - begun) / LOOK_SHARE
        return max(0.0, self._paid - ended)


class Follower:
    """One reader of a store: `begin`, then `look` again and again, then `end` once nobody sweeps any more.

    Raises ValueError where there is no sweep.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._store = SqliteStore(directory, read_only=True)
        self._cursor: _Cursor | None = None
        self._live = True

    @property
    def has_plan(self) -> bool:
        """False while a sweep has just begun."""
        return self._store.plan() is not None

    @property
    def live(self) -> bool:
        """Whether a process sweeps there."""
        self._live = self._live and sweeping_process(self._directory) is not None
        return self._live

    def begin(self) -> list[Event]:
        """All that the store holds: SweepStarted, and whether it is paused. Raises ValueError while it has no plan."""
        plan = self._store.plan()
        if plan is None:
            raise ValueError(f"{str(self._directory)!r} contains no plan yet (the sweep has not started)")
        live = self.live
        self._cursor = _Cursor(self._store, skip_running=not live)  # what happens from here on it tells, at worst twice
        plan = self._store.plan() or plan
        damage = [Note("warning", sentence) for sentence in self._store.damage()]
        outcomes, began, rest = dict(self._store.outcomes()), Began(0, {}), list[Event]()
        rows = self._store.stored_events()
        if not live and (target := last_target(rows)):
            rest.append(TargetChanged(target))
        for holds in present_state(rows) if live else ():
            if isinstance(holds, Began):
                began = holds
            else:
                rest.append(holds)
        return [SweepStarted(plan, outcomes, began.workers, began.seconds), *damage, *rest]

    def look(self) -> list[Event]:
        """What is new since the last time."""
        assert self._cursor is not None
        return list(self._cursor.events())

    def end(self) -> list[Event]:
        """What is new of a sweep whose process has ended, then SweepEnded."""
        assert self._cursor is not None
        rest = [*self._cursor.events(), *map(TrialRequeued, self._cursor.running)]
        finished, plan = self._store.outcomes(), self._store.plan()
        done = plan is not None and all(trial.key in finished for trial in plan.trials)
        return [*rest, SweepEnded("done" if done else "stopped")]

    def close(self) -> None:
        """Let the store go."""
        self._store.close()


class _Cursor:
    """Which rows have been read."""

    def __init__(self, store: SqliteStore, skip_running: bool) -> None:
        self._store = store
        self._version = -1  # of the data that were looked at last
        attempts = store.attempts()
        self.running: dict[str, int] = {}  # trial key -> last step read
        self._plan_text, self._ended, self._notes = store.plan_text(), set(store.outcomes()), len(store.notes())
        stored = store.stored_events()
        self._last_event = stored[-1].number if stored else 0
        self._attempts = (
            len(attempts)
            if skip_running
            else next((i for i, a in enumerate(attempts) if a.ended is None), len(attempts))
        )

    def events(self) -> Iterator[Event]:
        """What is new since the last look."""
        version = self._store.data_version()
        if version == self._version:
            return
        self._version = version
        outcomes = self._store.outcomes()
        yield from self._commanded(outcomes)
        attempts = self._store.attempts()
        now = {a.trial: a for a in attempts}  # the latest of each trial
        for attempt in attempts[self._attempts :]:
            if attempt is now[attempt.trial]:
                self.running[attempt.trial] = 0
                yield TrialStarted(attempt.trial, attempt.worker)
        self._attempts = len(attempts)
        if any(now[key].ended is not None and key not in outcomes for key in self.running):
            outcomes = self._store.outcomes()  # it has ended since they were read, or was returned
        for key, step in list(self.running.items()):
            for row in self._store.history_after(key, step):
                self.running[key] = row.step
                yield TrialProgress(key, row.step, row.tokens, row.flops, row.loss, row.seconds)
            if now[key].ended is not None:
                del self.running[key]
                self._ended |= outcomes.keys() & {key}
                yield TrialEnded(key, outcomes[key]) if key in outcomes else TrialRequeued(key)

    def _commanded(self, outcomes: Mapping[str, Outcome]) -> Iterator[Event]:
        """What the users have commanded there, and what the sweep has said."""
        stored = self._store.stored_events(self._last_event)
        text = self._store.plan_text()
        if text != self._plan_text:
            earlier, plan = Plan.from_json(self._plan_text), Plan.from_json(text)
            self._plan_text = text
            yield PlanChanged(plan, {}, of_fit=earlier.added == plan.added)
        for row in stored:
            self._last_event = row.number
            if isinstance(row.event, Began):  # it was followed since before its first event
                self._ended = set(outcomes)
                plan = Plan.from_json(text)
                yield SweepStarted(plan, dict(outcomes), row.event.workers, row.event.seconds)
            elif not isinstance(row.event, SweepEnded):  # the process's end is what ends the following
                yield row.event
        skipped = {key for key, outcome in outcomes.items() if outcome.status == "skipped"}
        for key in skipped - self._ended - self.running.keys():
            self._ended.add(key)
            yield TrialEnded(key, outcomes[key])
        for key in self._ended - outcomes.keys():
            self._ended.discard(key)
            yield TrialRequeued(key)
        notes = self._store.notes()
        for _, level, message in notes[self._notes :]:
            yield Note(level, message)
        self._notes = len(notes)
