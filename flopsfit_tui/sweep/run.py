"""Run a plan: what is left goes to an executor, what comes back is recorded, then yielded."""

from __future__ import annotations

import contextlib
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from flopsfit_tui.core.checkpoint_files import (
    Checkpointing,
    checkpoint_path,
    drop_checkpoints,
    drop_folder,
    make_folder,
)
from flopsfit_tui.core.control import (
    AddTrial,
    Command,
    Control,
    LeaveOut,
    Pause,
    Resume,
    Retry,
    RunNext,
    Sent,
    SetTarget,
    SetWorkers,
    Skip,
    Stop,
)
from flopsfit_tui.core.events import (
    CommandDone,
    CommandGiven,
    Event,
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
from flopsfit_tui.core.job_files import drop_empty, drop_results
from flopsfit_tui.core.options import CHECKPOINT_SECONDS, OnFull
from flopsfit_tui.core.state import kept, with_predictions
from flopsfit_tui.core.store_errors import StoreFault
from flopsfit_tui.core.trial import Outcome, Plan, Size, Trial
from flopsfit_tui.plan.estimate import longest_first
from flopsfit_tui.plan.grid import add_trial, keep_added, leave_out, left_out_note
from flopsfit_tui.store.base import Store
from flopsfit_tui.store.event_rows import last_target, not_done
from flopsfit_tui.sweep.executor import Executor, TrialLost
from flopsfit_tui.sweep.job import Measure, Train
from flopsfit_tui.sweep.keeping import Batches, Keeper

# The next trial of a plan and the keys that run, or None; and a line on why.
Propose = Callable[[Plan, Collection[str]], tuple[AddTrial | None, str]]

MOST_RETRIES = 2  # of a trial whose worker is lost
POLL_SECONDS = 0.05  # how soon a command of the user is seen


def run_sweep(
    plan: Plan,
    workload: Any,
    executor: Executor,
    store: Store,
    control: Control | None = None,
    *,
    device: str = "auto",
    seconds: Mapping[str, float] | None = None,
    propose: Propose | None = None,
    target: float | None = None,
    on_full: OnFull = "wait",
    checkpoints: Path | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> Iterator[Event]:
    """Train every trial of the plan that the store has not finished, as a stream of events.

    Each event is in the store before it is yielded. `workload` is a name, a reference, or a Workload; `seconds` are
    predicted durations by trial key, which set the order. `propose` is asked for a further trial whenever a worker has
    nothing to do, until it has none. `target` is the budget whose optimum is shown, in FLOPs; None: the one that was
    asked for when the plan was run before. Trials that the user added or skipped when the plan was run
    before stay so. The last event is SweepEnded, after which nothing runs any more. Closing the generator early stops
    the running trials; what is finished is kept. While the store cannot be written the sweep stands still, or stops
    with `on_full` "stop"; what was damaged in it is said by a Note. In the
    directory `checkpoints`, where one is given, unfinished trials keep their checkpoints, and go on from them.
    """
    control = control or Control()
    plan = keep_added(plan, store.plan())
    store.begin(plan)
    before = kept(store.outcomes())
    seconds = with_predictions(plan, seconds or {})
    waiting = deque(longest_first((t for t in plan.trials if t.key not in before), seconds))
    if checkpoints:
        drop_checkpoints(checkpoints, before)  # of trials that ended just before the process did
        drop_results(checkpoints, before)
        checkpoints = checkpoints if make_folder(checkpoints) else None
    sweep = _Sweep(
        plan, workload, executor, control, waiting, device, seconds, propose, checkpoints, checkpoint_seconds
    )
    skipped: set[str] = set()  # trials whose checkpoints are kept to the end of the sweep
    rows = store.stored_events()
    sweep.restore_commands(*not_done(rows))
    target = target or last_target(rows)
    keeper = Keeper(store, control, sweep.pause_trials, sweep.resume_trials, on_full)
    batches = Batches(sweep.events())
    try:
        yield from keeper.keep(SweepStarted(plan, before, executor.workers, seconds))
        for sentence in store.damage():
            yield from keeper.keep(Note("warning", sentence))
        if target:
            yield from keeper.keep(TargetChanged(target))
        for batch in batches:
            yield from keeper.keep(*batch)
            for event in batch:
                if isinstance(event, TrialEnded | TrialRequeued):
                    skipped.discard(event.key)
                if checkpoints and keeper.clean and isinstance(event, TrialEnded):
                    drop_results(checkpoints, [event.key])
                    if event.outcome.status == "skipped":
                        skipped.add(event.key)  # which can be taken back, and goes on from its checkpoint then
                    elif event.outcome.status == "finished":
                        drop_checkpoints(checkpoints, [event.key])
    finally:
        for event in [*batches.held, *sweep.requeue_running()]:  # the caller closed the stream, or an exception came
            with contextlib.suppress(StoreFault):  # what has no outcome is pending in any case
                store.record(event)
        if checkpoints:
            drop_checkpoints(checkpoints, skipped)
            drop_folder(checkpoints)
            drop_empty(checkpoints)


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
        propose: Propose | None,
        checkpoints: Path | None,
        checkpoint_seconds: float,
    ) -> None:
        self.checkpoints, self.checkpoint_seconds = checkpoints, checkpoint_seconds
        self.lost: Counter[str] = Counter()  # how often a trial's worker was lost
        self.plan, self.workload, self.device, self.seconds = plan, workload, device, seconds
        self.executor, self.control, self.waiting = executor, control, waiting
        self.running: set[str] = set()  # trial keys
        self.adding: deque[Sent] = deque()  # trials to be added, until a worker is free to measure their sizes
        self.left: list[Sent] = []  # commands that an earlier run stored, and ended before they acted
        self.known: set[str] = set()  # ids of all commands that were ever stored
        self.propose, self.ended, self.asked = propose, 0, (-1, -1, -1)

    def restore_commands(self, waiting: Mapping[str, CommandGiven], known: set[str]) -> None:
        """Commands of earlier runs: those that have not acted will, the others never again."""
        self.known = set(known)
        self.left = [Sent(given.command, given.by, given.id, stored=True) for given in waiting.values()]

    def events(self) -> Iterator[Event | None]:
        """Everything after the start, to the end; None when nothing has happened for a moment."""
        yield from self._apply_commands()
        yield from self._ask_for_more()
        while (self.waiting or self.running or self.adding) and not self.control.stopped:
            yield from self._apply_commands()
            if self.control.paused:
                yield from self._wait_while_paused()
            else:
                yield from self._start_waiting()
                yield from self._poll()
                yield from self._ask_for_more()
        yield from self.requeue_running()
        yield SweepEnded("stopped" if self.control.stopped else "done")

    def requeue_running(self) -> Iterator[Event]:
        """Cancel the running trials; their status becomes pending."""
        self.executor.cancel_all()
        while self.running:
            yield TrialRequeued(self.running.pop())

    def pause_trials(self) -> list[Event]:
        """Ask what runs to stand still; what it has said until it does. Commands are heard, a stop above all."""
        self.executor.pause()
        return [*self._apply_commands(), *(event for event in self._poll() if event is not None)]

    def resume_trials(self) -> None:
        """End a pause that the store asked for, unless the user has paused the sweep."""
        if not self.control.paused:
            self.executor.resume()

    def _apply_commands(self) -> Iterator[Event]:
        """Store each command of a terminal, then let it act; one that no longer applies says so."""
        commands, self.left = [*self.left, *self.control.take_commands()], []
        for sent in commands:
            if sent.by and not sent.stored:
                if sent.id in self.known:
                    sent.answer("")  # sent again, because the answer was lost
                    continue
                self.known.add(sent.id)
                yield CommandGiven(sent.id, sent.by, sent.command)
            if isinstance(sent.command, AddTrial):
                self.adding.append(sent)
            else:
                yield from self._done(sent, *self._act(sent))
        while self.adding and (self._measured(self.adding[0].command) or self.executor.free):
            sent = self.adding.popleft()
            yield from self._done(sent, *self._add(sent.command))

    def _done(self, sent: Sent, problem: str, events: list[Event]) -> Iterator[Event]:
        if sent.by:
            yield CommandDone(sent.id, problem)
        yield from events
        sent.answer(problem)

    def _act(self, sent: Sent) -> tuple[str, list[Event]]:
        """Let a command act; why it cannot, and what came of it."""
        if sent.stored and isinstance(sent.command, Pause | Resume | Stop | SetWorkers):
            return "the sweep had ended before it acted", []
        match sent.command:
            case Pause():
                self.control.pause()
            case Resume():
                self.control.resume()
            case Stop():
                self.control.stop()
            case SetTarget(budget):
                return "", [TargetChanged(budget)]
            case LeaveOut(key, reason):
                if all(trial.key != key for trial in self.plan.trials):
                    return f"the fit is as it was: {self._where_is(key)}", []
                self.plan = leave_out(self.plan, key, reason)
                return "", [PlanChanged(self.plan, {}, of_fit=True), left_out_note(self.plan, key, reason)]
            case SetWorkers(count):
                self.executor.resize(count)
                return "", [WorkersChanged(self.executor.workers)]
            case Skip(key):
                return self._skip(key)
            case Retry(key):
                return self._retry(key)
            case RunNext(key):
                return self._run_next(key)
        return "", []

    def _skip(self, key: str) -> tuple[str, list[Event]]:
        waiting = len(self.waiting)
        self.waiting = deque(t for t in self.waiting if t.key != key)
        if key in self.running:
            self.executor.cancel(key)
            self.running.discard(key)
        elif len(self.waiting) == waiting:
            return f"nothing was skipped: {self._where_is(key)}", []
        self.ended += 1
        return "", [TrialEnded(key, Outcome("skipped"))]

    def _retry(self, key: str) -> tuple[str, list[Event]]:
        again = [t for t in self.plan.trials if t.key == key]
        if any(t.key == key for t in self.waiting):  # as failed trials do when a sweep goes on
            return self._run_next(key)
        if not again or key in self.running:
            return f"nothing is tried again: {self._where_is(key)}", []
        self.waiting.extendleft(again)
        return "", [TrialRequeued(key)]

    def _run_next(self, key: str) -> tuple[str, list[Event]]:
        first = [t for t in self.waiting if t.key == key]
        self.waiting = deque([*first, *(t for t in self.waiting if t.key != key)])
        return ("" if first else f"nothing was moved: {self._where_is(key)}"), []

    def _where_is(self, key: str) -> str:
        if all(t.key != key for t in self.plan.trials):
            return f"the plan has no trial {key}"
        if key in self.running:
            return "the trial is running"
        return "the trial waits already" if any(t.key == key for t in self.waiting) else "the trial has ended"

    def _measured(self, command: Command) -> Size | None:
        return next((s for s in self.plan.sizes if s.size == getattr(command, "size", None)), None)

    def _add(self, command: Command) -> tuple[str, list[Event]]:
        assert isinstance(command, AddTrial)
        try:
            size = (
                self._measured(command) or self.executor.call([Measure(self.workload, command.size, command.params)])[0]
            )
            self.plan = add_trial(self.plan, command.budget, size)
        except (ValueError, TypeError) as error:
            return f"nothing was added: {error}", [Note("warning", f"nothing was added: {error}")]
        new = [t for t in self.plan.trials if t.key in self.plan.added[-len(self.plan.rates) :]]
        self.seconds = with_predictions(self.plan, self.seconds)
        predicted = {t.key: self.seconds[t.key] for t in new if t.key in self.seconds}
        self.waiting.extendleft(reversed(new))
        return "", [PlanChanged(self.plan, predicted)]

    def _ask_for_more(self) -> Iterator[Event]:
        """Ask for a further trial where a worker has nothing to do, once for each change of what is known."""
        known = (self.ended, len(self.running), len(self.plan.trials))
        idle = (self.executor.free or not self.running) and not self.waiting and not self.adding
        if self.propose is None or not idle or known == self.asked or self.control.paused or self.control.stopped:
            return
        self.asked = known
        command, why = self.propose(self.plan, self.running)
        if command:
            yield Note("info", f"next: {why}")
            yield from self._add(command)[1]
        elif why:
            yield Note("info", f"no further trial: {why}")

    def _start_waiting(self) -> Iterator[Event]:
        while self.waiting and self.executor.free:
            trial = self.waiting.popleft()
            recipe, seconds = self.plan.recipe, self.seconds.get(trial.key)
            worker = self.executor.start(
                Train(self.workload, trial, recipe, self.device, self._checkpointing(trial), seconds, self.plan.content)
            )
            self.running.add(trial.key)
            if worker:
                yield TrialStarted(trial.key, worker)

    def _checkpointing(self, trial: Trial) -> Checkpointing | None:
        if self.checkpoints is None:
            return None
        return Checkpointing(checkpoint_path(self.checkpoints, trial.key), self.checkpoint_seconds)

    def _poll(self) -> Iterator[Event | None]:
        said = self.executor.poll(POLL_SECONDS)
        for event in said:
            if isinstance(event, TrialLost):
                yield from self._try_again(event)
                continue
            if isinstance(event, TrialEnded):
                self.running.discard(event.key)
                self.ended += 1
            yield event
        if not said or self.propose:  # which reads what is stored
            yield None

    def _try_again(self, lost: TrialLost) -> Iterator[Event]:
        """Requeue a trial whose worker was lost; after MOST_RETRIES it has failed."""
        self.running.discard(lost.key)
        self.lost[lost.key] += 1
        if self.lost[lost.key] > MOST_RETRIES:
            yield TrialEnded(lost.key, Outcome("failed", error=lost.reason))
            return
        trial = next(t for t in self.plan.trials if t.key == lost.key)
        why = lost.reason.partition("\n")[0]
        again = f"try {self.lost[lost.key] + 1} of {MOST_RETRIES + 1}"
        yield Note("warning", f"{self.plan.size_name} {trial.size} is trained again ({again}): {why}")
        yield TrialRequeued(lost.key)
        self.waiting.appendleft(trial)

    def _wait_while_paused(self) -> Iterator[Event | None]:
        """Hold the workers, say so once they stand still, and wait for the user."""
        said = False
        while self.control.paused and not self.control.stopped:
            held = self.executor.pause()
            if held and not said:
                said = True
                yield SweepPaused()
            yield from self._apply_commands()
            if held:
                self.control.wait(POLL_SECONDS)
            else:
                yield from self._poll()
        self.executor.resume()
        if said:
            yield SweepResumed()
