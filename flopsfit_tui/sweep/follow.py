"""A sweep that another process runs, or that is over: what its store holds and what comes to it, as events.

What is new in the store since the last look becomes the events that the sweeping process saw, so that a front end shows
a followed sweep exactly as one of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from flopsfit_tui.core.control import Control
from flopsfit_tui.core.events import (
    Event,
    Note,
    PlanChanged,
    SweepEnded,
    SweepStarted,
    TrialEnded,
    TrialProgress,
    TrialRequeued,
    TrialStarted,
)
from flopsfit_tui.core.trial import Outcome, Plan
from flopsfit_tui.store.directory import sweeping_process
from flopsfit_tui.store.sqlite import SqliteStore

POLL_SECONDS = 0.7  # the writer commits progress twice a second


def follow(directory: Path, control: Control) -> Iterator[list[Event]]:
    """What a store holds, then what comes to it until the process that sweeps has ended or `control` stops.

    Each list is what is new since the list before; SweepStarted is in the first, and SweepEnded in the last unless
    `control` stopped. A sweep that has just begun is waited for. Raises ValueError where there is no sweep, or none
    that has a plan.
    """
    store = SqliteStore(directory, read_only=True)
    try:
        while (plan := store.plan()) is None and sweeping_process(directory) is not None and not control.stopped:
            control.wait(POLL_SECONDS)
        if plan is None:
            raise ValueError(f"{str(directory)!r} contains no plan yet (the sweep has not started)")
        live = sweeping_process(directory) is not None
        look = _Cursor(store, skip_running=not live)  # first: what happens from here on is told by it, at worst twice
        plan = store.plan() or plan
        damage = [Note("warning", sentence) for sentence in store.damage()]
        yield [SweepStarted(plan, dict(store.outcomes()), 0, {}), *damage]
        while live and not control.stopped:
            if events := list(look.events()):
                yield events
            control.wait(POLL_SECONDS)
            live = sweeping_process(directory) is not None
        if live:
            return  # stopped here, not there
        rest: list[Event] = [*look.events(), *map(TrialRequeued, look.running)]
        finished, plan = store.outcomes(), store.plan() or plan
        done = all(trial.key in finished for trial in plan.trials)
        yield [*rest, SweepEnded("done" if done else "stopped")]
    finally:
        store.close()


class _Cursor:
    """Remembers what has been told."""

    def __init__(self, store: SqliteStore, skip_running: bool) -> None:
        self._store = store
        attempts = store.attempts()
        self.running: dict[str, int] = {}  # trial key -> last step told
        self._plan_text, self._skipped, self._notes = store.plan_text(), store.skipped(), len(store.notes())
        self._told = (
            len(attempts)
            if skip_running
            else next((i for i, a in enumerate(attempts) if a.ended is None), len(attempts))
        )

    def events(self) -> Iterator[Event]:
        """What is new since the last look."""
        yield from self._changes_of_plan()
        attempts = self._store.attempts()
        now = {a.trial: a for a in attempts}  # the latest of each trial
        for attempt in attempts[self._told :]:
            if attempt is now[attempt.trial]:
                self.running[attempt.trial] = 0
                yield TrialStarted(attempt.trial, attempt.worker)
        self._told = len(attempts)
        outcomes = self._store.outcomes() if any(now[key].ended is not None for key in self.running) else {}
        for key, step in list(self.running.items()):
            for row in self._store.history_after(key, step):
                self.running[key] = row.step
                yield TrialProgress(key, row.step, row.tokens, row.flops, row.loss, row.seconds)
            if now[key].ended is not None:
                del self.running[key]
                yield TrialEnded(key, outcomes[key]) if key in outcomes else TrialRequeued(key)

    def _changes_of_plan(self) -> Iterator[Event]:
        """What the user has added or skipped there, and what the sweep has said."""
        text = self._store.plan_text()
        if text != self._plan_text:
            earlier, plan = Plan.from_json(self._plan_text), Plan.from_json(text)
            self._plan_text = text
            yield PlanChanged(plan, {}, of_fit=earlier.added == plan.added)
        skipped, before = self._store.skipped(), self._skipped
        self._skipped = skipped
        for key in skipped - before - self.running.keys():
            yield TrialEnded(key, Outcome("skipped"))
        for key in before - skipped:
            yield TrialRequeued(key)
        notes = self._store.notes()
        for _, level, message in notes[self._notes :]:
            yield Note(level, message)
        self._notes = len(notes)
