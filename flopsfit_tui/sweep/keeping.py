"""Recording what a sweep says, also while the disk does not take it: the sweep pauses, keeps it, and goes on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace

from flopsfit_tui.core.control import Control
from flopsfit_tui.core.events import Event, Note, SweepEnded, SweepPaused, SweepResumed
from flopsfit_tui.core.options import OnFull
from flopsfit_tui.core.store_errors import StoreFault
from flopsfit_tui.store.base import Store

FIRST_SECONDS, MOST_SECONDS = 0.2, 5.0  # between two tries to write; twice as long after each
HOLD_SECONDS = 0.05  # how soon a command of the user is seen


class Keeper:
    """Puts each event into the store, then gives it out; when the store cannot be written, keeps the sweep waiting."""

    def __init__(
        self,
        store: Store,
        control: Control,
        hold: Callable[[], list[Event]],
        go_on: Callable[[], None],
        on_full: OnFull = "wait",
    ) -> None:
        """`hold` asks what runs to stand still and gives what it still says; `go_on` lets it go on."""
        self._store, self._control, self._hold, self._go_on, self._on_full = store, control, hold, go_on, on_full
        self._problem = ""  # why the sweep stopped
        self.clean = True  # all that was kept is on disk

    def keep(self, event: Event) -> Iterator[Event]:
        """The event, once it is in the store; with what else is said in between."""
        if isinstance(event, SweepEnded) and self._problem:
            event = replace(event, problem=self._problem)
        try:
            self._store.record(event)
        except StoreFault as fault:
            self.clean = False
            yield event  # the store has it in memory
            if not self._control.stopped:
                yield from self._wait(str(fault))
            return
        yield event

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
            for event in self._hold():
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
            self._go_on()
            yield SweepResumed()
            yield from self.keep(Note("info", "the sweep's files are written again; it goes on"))
            return

    def _keep_in_memory(self, event: Event) -> Iterator[Event]:
        with contextlib.suppress(StoreFault):  # it is retried with the rest
            self._store.record(event)
        yield event
