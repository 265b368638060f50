"""A sweep that is only read, because it is over or because another process runs it: its store, told as events.

Runs in a thread of the app. What is new in the store since the last look becomes the events that the sweeping process
saw; so the screens draw a followed sweep exactly as one of their own.
"""

from __future__ import annotations

import contextlib
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from flopsfit_tui.core.control import Control
from flopsfit_tui.core.curve import Curve
from flopsfit_tui.core.events import (
    Event,
    Note,
    PlanChanged,
    SweepEnded,
    SweepStarted,
    TrialEnded,
    TrialProgress,
    TrialReturned,
    TrialStarted,
)
from flopsfit_tui.core.trial import Outcome, Plan
from flopsfit_tui.store.directory import sweeping_process
from flopsfit_tui.store.sqlite import SqliteStore
from flopsfit_tui.tui.log import earlier
from flopsfit_tui.tui.news import Broke, Happened, Logged, News, Opened, Refused, Remembered

LOOK_SECONDS = 0.7  # the writer commits progress twice a second


def follow(post: Callable[[News], object], directory: Path, control: Control) -> None:
    """In a thread: tell a sweep as it stands, and on, until the process that sweeps has ended or `control` stops."""
    with contextlib.suppress(RuntimeError):  # the app has gone, and its event loop with it
        try:
            store = SqliteStore(directory, read_only=True)
            try:
                for message in tell(store, control):
                    post(message)
            finally:
                store.close()
        except ValueError as error:
            post(Refused(None, str(error)))
        except Exception:  # noqa: BLE001 - shown with its traceback; the app goes on
            post(Broke(traceback.format_exc()))


def tell(store: SqliteStore, control: Control) -> Iterator[News]:
    """What a store holds, then what comes to it; one that has just begun is waited for.

    Raises ValueError when the sweep was stopped before it had a plan.
    """
    while (plan := store.plan()) is None and sweeping_process(store.directory) is not None and not control.stopped:
        control.wait(LOOK_SECONDS)
    if plan is None:
        raise ValueError(f"{str(store.directory)!r} holds no plan yet; a sweep writes one as it starts")
    live = followed = sweeping_process(store.directory) is not None
    look = _Look(store, skip_running=not live)  # first: what happens from here on is told by it, at worst twice
    plan = store.plan() or plan
    yield Opened(store.directory, plan)
    outcomes = dict(store.outcomes())
    yield Happened([SweepStarted(plan, outcomes, 1, {})])
    yield Logged(earlier(plan, store.attempts(), outcomes, store.notes()))
    if followed:
        yield from remember(store, control)
    while live and not control.stopped:
        if events := list(look.events()):
            yield Happened(events)
        control.wait(LOOK_SECONDS)
        live = sweeping_process(store.directory) is not None
    events = list(look.events())
    returned: list[Event] = [TrialReturned(key) for key in look.running]
    finished = store.outcomes()
    plan = store.plan() or plan
    reason = "done" if all(trial.key in finished for trial in plan.trials) else "stopped"
    yield Happened([*events, *returned, SweepEnded("done" if reason == "done" else "stopped")])
    if not followed:
        control.wait(LOOK_SECONDS)  # the fit has the processor first
        yield from remember(store, control)


def remember(store: SqliteStore, control: Control) -> Iterator[Remembered]:
    """Every loss curve that a store keeps, a second's worth at a time; a large sweep has its answer before them."""
    curves: dict[str, Curve] = {}
    begun = time.monotonic()
    for key, curve in store.curves():
        if control.stopped:
            return
        curves[key] = curve
        if time.monotonic() - begun > 1:
            yield Remembered(curves)
            curves, begun = {}, time.monotonic()
    yield Remembered(curves)


class _Look:
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
                yield TrialEnded(key, outcomes[key]) if key in outcomes else TrialReturned(key)

    def _changes_of_plan(self) -> Iterator[Event]:
        """What a person has added or skipped there, and what the sweep has said."""
        text = self._store.plan_text()
        if text != self._plan_text:
            self._plan_text = text
            yield PlanChanged(Plan.from_json(text), {})
        skipped, before = self._store.skipped(), self._skipped
        self._skipped = skipped
        for key in skipped - before - self.running.keys():
            yield TrialEnded(key, Outcome("skipped"))
        for key in before - skipped:
            yield TrialReturned(key)
        notes = self._store.notes()
        for _, level, message in notes[self._notes :]:
            yield Note(level, message)
        self._notes = len(notes)
