"""What the user can ask of single trials while a sweep runs, of every executor."""

import pytest

from flopsfit_tui.core.checkpoint_files import checkpoint_path
from flopsfit_tui.core.control import AddTrial, Control, Retry, RunNext, Sent, SetWorkers, Skip
from flopsfit_tui.core.events import (
    CommandDone,
    Note,
    PlanChanged,
    SweepStarted,
    TrialEnded,
    TrialProgress,
    TrialStarted,
    WorkersChanged,
)
from flopsfit_tui.core.state import SweepState
from flopsfit_tui.core.trial import Outcome, Request
from flopsfit_tui.plan.grid import keep_added
from flopsfit_tui.store.base import MemoryStore
from flopsfit_tui.store.sqlite import SqliteStore
from flopsfit_tui.sweep.executor import InThread
from flopsfit_tui.sweep.prepare import make_plan
from flopsfit_tui.sweep.run import run_sweep


@pytest.fixture(scope="module")
def short_plan(tiny_file):
    return make_plan(Request(tiny_file, budgets=(2e5, 4e5), sizes=(4, 8)), InThread())


def run(plan, tiny_file, executor, store, *commands, seconds=None):
    control = Control()
    for command in commands:
        control.send(command)
    return list(run_sweep(plan, tiny_file, executor, store, control, seconds=seconds))


def started(events):
    return [event.key for event in events if isinstance(event, TrialStarted)]


def test_a_skipped_trial_is_not_trained_until_it_is_asked_for_again(executor, short_plan, tiny_file):
    store, skipped = MemoryStore(), short_plan.trials[1].key
    assert skipped not in started(run(short_plan, tiny_file, executor, store, Skip(skipped)))
    assert store.outcomes()[skipped].status == "skipped"
    assert started(run(short_plan, tiny_file, executor, store)) == []
    assert started(run(short_plan, tiny_file, executor, store, Retry(skipped))) == [skipped]
    assert store.outcomes()[skipped].status == "finished"


def test_a_failed_trial_that_is_asked_for_again_as_the_sweep_goes_on_is_next(short_plan, tiny_file):
    store, failed = MemoryStore(), short_plan.trials[-1].key
    run(short_plan, tiny_file, InThread(), store, Skip(failed))
    store.record(TrialEnded(failed, Outcome("failed", error="no")))
    control = Control()
    control.send(Sent(Retry(failed), "a terminal"))
    events = list(run_sweep(short_plan, tiny_file, InThread(), store, control))
    assert started(events) == [failed]
    assert [event.problem for event in events if isinstance(event, CommandDone)] == [""]


def test_a_running_trial_can_be_skipped(executor, slow_plan, tiny_file):
    control, store, skipped = Control(), MemoryStore(), []
    for event in run_sweep(slow_plan, tiny_file, executor, store, control):
        if isinstance(event, TrialProgress) and event.key not in skipped:
            skipped.append(event.key)
            control.send(Skip(event.key))
    assert {outcome.status for outcome in store.outcomes().values()} == {"skipped"}
    assert len(skipped) == 2
    assert executor.free == executor.workers


def test_a_skip_that_is_taken_back_goes_on_from_the_checkpoint(processes, slow_plan, tiny_file, tmp_path):
    control, steps, skipped, again = Control(), {}, None, None
    for event in run_sweep(slow_plan, tiny_file, processes, MemoryStore(), control, checkpoints=tmp_path):
        if isinstance(event, TrialProgress):
            if event.key == skipped and again is None:
                again = event.step
                control.stop()
            steps[event.key] = event.step
            if skipped is None and event.step > 1:
                skipped = event.key
                control.send(Skip(skipped))
        elif isinstance(event, TrialEnded) and event.outcome.status == "skipped" and again is None:
            assert checkpoint_path(tmp_path, skipped).exists()
            control.send(Retry(skipped))
            steps_before, again = steps[skipped], None
    assert again > steps_before
    assert checkpoint_path(tmp_path, skipped).exists()


@pytest.mark.slow
def test_the_checkpoint_of_a_skipped_trial_goes_with_the_sweep(processes, slow_plan, tiny_file, tmp_path):
    control = Control()
    for event in run_sweep(slow_plan, tiny_file, processes, MemoryStore(), control, checkpoints=tmp_path):
        if isinstance(event, TrialProgress):
            control.send(Skip(event.key))
        elif isinstance(event, TrialEnded):
            assert checkpoint_path(tmp_path, event.key).exists()
    assert list(tmp_path.iterdir()) == []


def test_a_trial_can_be_moved_to_the_front(short_plan, tiny_file):
    seconds = {t.key: t.flops for t in short_plan.trials}
    usual = started(run(short_plan, tiny_file, InThread(), MemoryStore(), seconds=seconds))
    events = run(short_plan, tiny_file, InThread(), MemoryStore(), RunNext(usual[-1]), seconds=seconds)
    assert started(events) == [usual[-1], *usual[:-1]]


def test_a_finished_trial_is_trained_again_and_forgets_its_outcome(executor, short_plan, tiny_file):
    store, key = MemoryStore(), short_plan.trials[2].key
    run(short_plan, tiny_file, InThread(), store)
    events = run(short_plan, tiny_file, executor, store, Retry(key), Retry(key))
    assert started(events) == [key]
    state = SweepState()
    for event in events:
        state.apply(event)
    assert state.count("finished") == 4


def test_another_seed_and_another_size_join_the_plan_and_stay(executor, short_plan, tiny_file, tmp_path):
    store = SqliteStore(tmp_path)
    seconds = {t.key: 1.0 for t in short_plan.trials}
    commands = AddTrial(2e5, size=8), AddTrial(4e5, params=300.0), AddTrial(3e5, size=8)
    events = run(short_plan, tiny_file, executor, store, *commands, seconds=seconds)
    changes = [event for event in events if isinstance(event, PlanChanged)]
    assert len(changes) == 2
    assert all(change.seconds[change.plan.added[-1]] > 0 for change in changes)
    assert [event.message for event in events if isinstance(event, Note)] == [
        "nothing was added: the plan has no budget 300000; it has 200000, 400000"
    ]
    plan = store.plan()
    added = [t for t in plan.trials if t.key in plan.added]
    assert [(t.budget, t.seed) for t in added] == [(2e5, 1), (4e5, 0)]
    assert added[1].size not in (4, 8)
    assert abs(added[1].params - 300) < 60
    assert all(store.outcomes()[t.key].status == "finished" for t in plan.trials)
    again = run(short_plan, tiny_file, executor, store)
    assert started(again) == []
    assert next(e.plan for e in again if isinstance(e, SweepStarted)) == plan
    store.close()


def test_a_size_that_the_model_refuses_is_a_note(executor, short_plan, tiny_file):
    events = run(short_plan, tiny_file, executor, MemoryStore(), AddTrial(2e5, size=7))
    assert ["refuses width=7" in event.message for event in events if isinstance(event, Note)] == [True]
    assert sum(isinstance(event, TrialEnded) for event in events) == 4


def test_added_trials_of_another_workload_or_budget_are_forgotten(short_plan, tiny_file):
    store = MemoryStore()
    run(short_plan, tiny_file, InThread(), store, AddTrial(2e5, size=8))
    other = make_plan(Request(tiny_file, budgets=(4e5,), sizes=(4, 8)), InThread())
    assert keep_added(other, store.plan()) == other
    assert keep_added(short_plan, None) == short_plan
    assert len(keep_added(short_plan, store.plan()).trials) == 5


def test_the_number_of_workers_changes_while_it_runs(processes, slow_plan, tiny_file):
    control, running, most = Control(), 0, 0
    control.send(SetWorkers(1))
    for event in run_sweep(slow_plan, tiny_file, processes, MemoryStore(), control):
        if isinstance(event, TrialStarted):
            running += 1
            most = max(most, running)
        if isinstance(event, WorkersChanged) and event.workers == 2:
            assert most == 1
        if isinstance(event, TrialProgress):
            control.send(SetWorkers(2)) if running == 1 else control.stop()
    assert most == 2
