"""Run a plan: what is left goes to an executor, what comes back is recorded, then yielded."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from flopsfit_tui.core.control import Add, Again, Control, First, Skip, Workers
from flopsfit_tui.core.events import (
    Event,
    Note,
    PlanChanged,
    SlotsChanged,
    SweepEnded,
    SweepPaused,
    SweepResumed,
    SweepStarted,
    TrialEnded,
    TrialReturned,
    TrialStarted,
)
from flopsfit_tui.core.trial import Outcome, Plan, Size, Trial
from flopsfit_tui.plan.estimate import longest_first
from flopsfit_tui.plan.grid import add_trial, keep_added
from flopsfit_tui.store.base import Store
from flopsfit_tui.sweep.executor import Executor
from flopsfit_tui.sweep.job import Measure, Train

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
    predicted durations by trial key, which set the order. Trials that a person added or skipped when the plan was run
    before stay so. The last event is SweepEnded, after which nothing runs any more. Closing the generator early stops
    the running trials; what is finished is kept.
    """
    control = control or Control()
    plan = keep_added(plan, store.plan())
    store.begin(plan)
    kept = {key: o for key, o in store.outcomes().items() if o.status in ("finished", "skipped")}
    seconds = dict(seconds or {})
    if seconds:
        seconds |= {t.key: _predict(t, plan, seconds) for t in plan.trials if t.key not in seconds}
    waiting = deque(longest_first((t for t in plan.trials if t.key not in kept), seconds))
    sweep = _Sweep(plan, workload, executor, control, waiting, device, seconds)
    try:
        yield SweepStarted(plan, kept, executor.slots, seconds)
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
        seconds: dict[str, float],
    ) -> None:
        self.plan, self.workload, self.device, self.seconds = plan, workload, device, seconds
        self.executor, self.control, self.waiting = executor, control, waiting
        self.running: set[str] = set()  # trial keys
        self.adding: deque[Add] = deque()  # until a worker is free to measure their sizes

    def events(self) -> Iterator[Event]:
        """Everything after the start, to the end."""
        yield from self._obey()
        while (self.waiting or self.running or self.adding) and not self.control.stopped:
            yield from self._obey()
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

    def _obey(self) -> Iterator[Event]:
        """Do what a person wished; a wish that has been overtaken by events is forgotten."""
        for wish in self.control.wishes():
            match wish:
                case Skip(key):
                    yield from self._skip(key)
                case Again(key):
                    if key not in self.running and all(t.key != key for t in self.waiting):
                        self.waiting.extendleft(t for t in self.plan.trials if t.key == key)
                        yield TrialReturned(key)
                case First(key):
                    first = [t for t in self.waiting if t.key == key]
                    self.waiting = deque([*first, *(t for t in self.waiting if t.key != key)])
                case Add():
                    self.adding.append(wish)
                case Workers(count):
                    self.executor.resize(count)
                    yield SlotsChanged(self.executor.slots)
        while self.adding and (self._measured(self.adding[0]) or self.executor.free):
            yield from self._add(self.adding.popleft())

    def _skip(self, key: str) -> Iterator[Event]:
        waiting = len(self.waiting)
        self.waiting = deque(t for t in self.waiting if t.key != key)
        if key in self.running:
            self.executor.drop(key)
            self.running.discard(key)
        elif len(self.waiting) == waiting:
            return
        yield TrialEnded(key, Outcome("skipped"))

    def _measured(self, wish: Add) -> Size | None:
        return next((s for s in self.plan.sizes if s.size == wish.size), None)

    def _add(self, wish: Add) -> Iterator[Event]:
        try:
            size = self._measured(wish) or self.executor.call([Measure(self.workload, wish.size, wish.params)])[0]
            self.plan = add_trial(self.plan, wish.budget, size)
        except (ValueError, TypeError) as error:
            yield Note("warning", f"nothing was added: {error}")
            return
        trial = next(t for t in self.plan.trials if t.key == self.plan.added[-1])
        self.seconds[trial.key] = _predict(trial, self.plan, self.seconds)
        yield PlanChanged(self.plan, {trial.key: self.seconds[trial.key]})
        self.waiting.appendleft(trial)

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
            yield from self._obey()
            if held:
                self.control.wait(POLL_SECONDS)
            else:
                yield from self._listen()
        self.executor.release()
        if said:
            yield SweepResumed()


def _predict(trial: Trial, plan: Plan, seconds: Mapping[str, float]) -> float:
    """Seconds of a trial that was not timed: those of the planned one nearest in size, by FLOPs."""
    timed = [t for t in plan.trials if t.key in seconds]
    if not timed:
        return 0.0
    near = min(timed, key=lambda t: (abs(t.size - trial.size), abs(t.budget - trial.budget)))
    return seconds[near.key] * trial.flops / near.flops
