"""Recording what a sweep says, also while the disk does not take it: the sweep pauses, keeps it, and goes on."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from flopsfit_tui.core.control import Control
from flopsfit_tui.core.events import (
    Event,
    Note,
    SweepEnded,
    SweepPaused,
    SweepResumed,
    TrialEnded,
    TrialProgress,
    TrialStarted,
)
from flopsfit_tui.core.options import OnFull
from flopsfit_tui.core.store_errors import StoreFault
from flopsfit_tui.store.base import Store

FIRST_SECONDS, MOST_SECONDS = 0.2, 5.0  # between two tries to write; twice as long after each
BATCH_SECONDS = 0.05  # for which a trial that took less waits at most for the next ones
HOLD_SECONDS = 0.05  # how soon a command of the user is seen


class Batches:
    """Events in the batches in which they are stored: one each, but for trials so short that a commit takes longer.

    Of those, what comes within BATCH_SECONDS is stored together. So a process that is killed loses no more training
    than that, and no trial whose end was seen. `held` is what was not given out when the events broke off.
    """

    def __init__(self, events: Iterable[Event | None]) -> None:
        """`events` gives None when nothing has happened for a moment: then what is held is given out."""
        self.held: list[Event] = []
        self._events = events
        self._first = 0.0  # when the first of them came
        self._started: dict[str, float] = {}  # by trial key
        self._short = False  # the trial that ended last was

    def __iter__(self) -> Iterator[list[Event]]:
        for event in self._events:
            now = time.perf_counter()
            if event is not None:
                self._first = self._first if self.held else now
                self.held.append(event)
            if not self._may_wait(event, now) and self.held:
                batch, self.held = self.held, []
                yield batch

    def _may_wait(self, event: Event | None, now: float) -> bool:
        match event:
            case TrialStarted(key):
                self._started[key] = now
            case TrialProgress(key=key):
                if now - self._started.get(key, 0.0) > BATCH_SECONDS:
                    return False
            case TrialEnded(key, outcome):
                self._short = now - self._started.pop(key, 0.0) < BATCH_SECONDS and outcome.status == "finished"
            case _:
                return False
        return self._short and now - self._first < BATCH_SECONDS


class Keeper:
    """Puts each event into the store, then gives it out; when the store cannot be written, keeps the sweep waiting."""

    def __init__(
        self,
        store: Store,
        control: Control,
        pause_trials: Callable[[], list[Event]],
        resume_trials: Callable[[], None],
        on_full: OnFull = "wait",
    ) -> None:
        """`pause_trials` asks what runs to stand still and gives what it still says; `resume_trials` lets it go on."""
        self._store, self._control, self._on_full = store, control, on_full
        self._pause_trials, self._resume_trials = pause_trials, resume_trials
        self._problem = ""  # why the sweep stopped
        self.clean = True  # all that was kept is on disk

    def keep(self, *events: Event) -> Iterator[Event]:
        """The events, once they are in the store, all at once; with what else is said in between."""
        if isinstance(events[-1], SweepEnded) and self._problem:
            events = (*events[:-1], replace(events[-1], problem=self._problem))
        try:
            self._store.record(*events)
        except StoreFault as fault:
            self.clean = False
            yield from events  # the store has them in memory
            if not self._control.stopped:
                yield from self._wait(str(fault))
            return
        yield from events

    def _wait(self, problem: str) -> Iterator[Event]:
        """Stand still until what is in memory has been written, or the user stops."""
        if self._on_full == "stop":
            self._problem = problem
            self._control.stop()
            yield Note("error", f"stopped: {problem}")
            return
        yield Note(
            "error", f"paused: {problem}; what comes is kept in memory, and the sweep goes on when that is mended"
        )
        yield SweepPaused()
        seconds, waited = FIRST_SECONDS, 0.0
        while not self._control.stopped:
            for event in self._pause_trials():
                yield from self._keep_in_memory(event)
            self._control.wait(HOLD_SECONDS)
            waited += HOLD_SECONDS
            if waited < seconds:
                continue
            seconds, waited = min(2 * seconds, MOST_SECONDS), 0.0
            try:
                self._store.retry()
            except StoreFault as fault:
                if str(fault) != problem:
                    problem = str(fault)
                    yield Note("error", f"still paused: {problem}")
                continue
            self.clean = True
            self._resume_trials()
            yield SweepResumed()
            yield from self.keep(Note("info", "the sweep's files are written again; it goes on"))
            return

    def _keep_in_memory(self, event: Event) -> Iterator[Event]:
        with contextlib.suppress(StoreFault):  # it is retried with the rest
            self._store.record(event)
        yield event
