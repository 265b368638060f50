"""Run a plan: what is left goes to an executor, what comes back is recorded, then yielded."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from flopsfit_tui.core.control import Control
from flopsfit_tui.core.events import (
    Event,
    SweepEnded,
    SweepPaused,
    SweepResumed,
    SweepStarted,
    TrialEnded,
    TrialReturned,
    TrialStarted,
)
from flopsfit_tui.core.trial import Plan, Trial
from flopsfit_tui.plan.estimate import longest_first
from flopsfit_tui.store.base import Store
from flopsfit_tui.sweep.executor import Executor
from flopsfit_tui.sweep.job import Train

POLL_SECONDS = 0.05  # how soon a wish of the person is seen


def run_sweep(
    plan: Plan,
    workload: Any,
    executor: Executor,
    store: Store,
    control: Control | None = None,
    *,
    device: str = "auto",
    seconds: Mapping[str, float] | None = None,
) -> Iterator[Event]:
    """Train every trial of the plan that the store has not finished, as a stream of events.

    Each event is in the store before it is yielded. `workload` is a name, a reference, or a Workload; `seconds` are
    predicted durations by trial key, which set the order. The last event is SweepEnded, after which nothing runs any
    more. Closing the generator early stops the running trials; what is finished is kept.
    """
    control = control or Control()
    store.begin(plan)
    finished = {key: outcome for key, outcome in store.outcomes().items() if outcome.status == "finished"}
    waiting = deque(longest_first((t for t in plan.trials if t.key not in finished), seconds or {}))
    sweep = _Sweep(plan, workload, executor, control, waiting, device)
    try:
        yield SweepStarted(plan, dict(finished), executor.slots, dict(seconds or {}))
        for event in sweep.events():
            store.record(event)
            yield event
    finally:
        for event in sweep.give_back():  # the caller closed the stream, or something broke
            store.record(event)


class _Sweep:
    """The loop's own memory: what waits, what runs, whether it stands still."""

    def __init__(
        self,
        plan: Plan,
        workload: Any,
        executor: Executor,
        control: Control,
        waiting: deque[Trial],
        device: str,
    ) -> None:
        self.plan, self.workload, self.device = plan, workload, device
        self.executor, self.control, self.waiting = executor, control, waiting
        self.running: set[str] = set()  # trial keys

    def events(self) -> Iterator[Event]:
        """Everything after the start, to the end."""
        while (self.waiting or self.running) and not self.control.stopped:
            if self.control.paused:
                yield from self._stand_still()
            else:
                yield from self._fill_slots()
                yield from self._listen()
        yield from self.give_back()
        yield SweepEnded("stopped" if self.control.stopped else "done")

    def give_back(self) -> Iterator[Event]:
        """Drop what runs; it is pending again."""
        self.executor.abandon()
        while self.running:
            yield TrialReturned(self.running.pop())

    def _fill_slots(self) -> Iterator[Event]:
        while self.waiting and self.executor.free:
            trial = self.waiting.popleft()
            worker = self.executor.start(Train(self.workload, trial, self.plan.recipe, self.device))
            self.running.add(trial.key)
            yield TrialStarted(trial.key, worker)

    def _listen(self) -> Iterator[Event]:
        for event in self.executor.poll(POLL_SECONDS):
            if isinstance(event, TrialEnded):
                self.running.discard(event.key)
            yield event

    def _stand_still(self) -> Iterator[Event]:
        """Hold the workers, say so once they stand still, and wait for the person."""
        said = False
        while self.control.paused and not self.control.stopped:
            held = self.executor.hold()
            if held and not said:
                said = True
                yield SweepPaused()
            if held:
                self.control.wait(POLL_SECONDS)
            else:
                yield from self._listen()
        self.executor.release()
        if said:
            yield SweepResumed()
