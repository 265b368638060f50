"""One contract for every executor, fakes included; then what only those promise that train, and only processes."""

import os
import signal

import pytest
from rehearsed import Rehearsed

from flopsfit_tui.core.control import Control
from flopsfit_tui.core.events import SweepEnded, SweepPaused, SweepResumed, TrialEnded, TrialProgress, TrialRequeued
from flopsfit_tui.core.trial import Request
from flopsfit_tui.store.base import MemoryStore
from flopsfit_tui.sweep.executor import InThread, TrialLost
from flopsfit_tui.sweep.job import MakePlan, TimeSteps, Train
from flopsfit_tui.sweep.prepare import estimate_cost, make_plan
from flopsfit_tui.sweep.run import run_sweep


@pytest.fixture(scope="session")
def losses_here(plan, tiny_file):
    return losses(run_sweep(plan, tiny_file, InThread(), MemoryStore()))


def losses(events):
    return {e.key: e.outcome.loss for e in events if isinstance(e, TrialEnded)}


def test_every_executor_gives_the_same_losses_to_the_last_digit(trainer, plan, tiny_file, losses_here):
    found = losses(run_sweep(plan, tiny_file, trainer, MemoryStore()))
    assert found == losses_here
    assert len(found) == 9


def test_every_executor_plans_alike(executor, plan, tiny_file):
    assert make_plan(Request(tiny_file), executor) == plan


def test_a_price_is_positive_for_every_trial(executor, plan, tiny_file):
    cost = estimate_cost(plan, Request(tiny_file), executor)
    assert cost.seconds.keys() == {t.key for t in plan.trials}
    assert all(s > 0 for s in cost.seconds.values())
    assert cost.workers == executor.workers
    assert cost.memory_bytes > 50e6


def test_user_errors_are_raised_as_themselves(executor, tiny_file):
    with pytest.raises(ValueError, match="refuses width=7"):
        make_plan(Request(tiny_file, sizes=(7,)), executor)
    with pytest.raises(ValueError, match="does not pay for one batch"):
        executor.call([MakePlan(Request(tiny_file, budgets=(1.0,)))])
    assert executor.free == executor.workers  # and the executor goes on


def test_pause_holds_every_trial_between_two_steps(executor, slow_plan, tiny_file):
    control = Control()
    sweep = run_sweep(slow_plan, tiny_file, executor, MemoryStore(), control)
    for event in sweep:
        if isinstance(event, TrialProgress):
            break
    control.pause()
    for event in sweep:
        if isinstance(event, SweepPaused):
            break
    assert executor.poll(0.2) == []  # nothing comes while it stands
    control.resume()
    seen = []
    for event in sweep:
        seen.append(type(event))
        if isinstance(event, TrialProgress):
            control.stop()
    assert seen[0] is SweepResumed
    assert TrialProgress in seen
    assert seen[-1] is SweepEnded
    assert TrialRequeued in seen


def test_stop_keeps_what_is_finished(executor, plan, tiny_file, losses_here):
    trains = not isinstance(executor, Rehearsed)
    whole = losses_here if trains else losses(run_sweep(plan, tiny_file, executor, MemoryStore()))
    control, store = Control(), MemoryStore()
    for event in run_sweep(plan, tiny_file, executor, store, control):
        if isinstance(event, TrialEnded):
            control.stop()
    assert event == SweepEnded("stopped")
    kept = set(store.outcomes())
    assert 0 < len(kept) < 9
    rest = losses(run_sweep(plan, tiny_file, executor, store))
    assert rest.keys() == whole.keys() - kept
    assert {key: outcome.loss for key, outcome in store.outcomes().items()} == whole
    finished = [x.trial for x in store.attempts() if x.status == "finished"]
    assert len(finished) == len(set(finished)) == 9


def test_closing_the_stream_early_returns_what_ran(executor, slow_plan, tiny_file):
    store = MemoryStore()
    sweep = run_sweep(slow_plan, tiny_file, executor, store)
    for event in sweep:
        if isinstance(event, TrialProgress):
            break
    sweep.close()
    assert {x.status for x in store.attempts()} == {"returned"}
    assert executor.free == executor.workers


def test_a_broken_trial_never_ends_the_sweep(trainer, tiny_file):
    reference = tiny_file + ":broken"
    plan = make_plan(Request(reference, sizes=(8, 12, 16), budgets=(1e6,)), trainer)
    store = MemoryStore()
    assert list(run_sweep(plan, reference, trainer, store))[-1] == SweepEnded("done")
    by_size = {t.size: store.outcomes()[t.key] for t in plan.trials}
    assert [by_size[s].status for s in (8, 12, 16)] == ["failed", "finished", "failed"]
    assert "the forward pass of width 8 is broken" in by_size[8].error
    assert "became nan" in by_size[16].error


def test_a_failed_trial_is_tried_again_by_the_next_run(plan, tiny_file):
    from flopsfit_tui.core.trial import Outcome

    store = MemoryStore()
    store.begin(plan)
    store.record(TrialEnded(plan.trials[0].key, Outcome("failed", error="out of luck")))
    done = losses(run_sweep(plan, tiny_file, InThread(), store))
    assert plan.trials[0].key in done


# --- processes only; those that end workers come last: each worker loads torch ---


def test_what_user_code_prints_does_not_disturb_the_wire(processes, tmp_path):
    (tmp_path / "chatty.py").write_text("from tiny import make\nprint('hello ' * 1000)\nworkload = make('chatty')\n")
    assert make_plan(Request(str(tmp_path / "chatty.py")), processes).workload == "chatty"


def test_short_jobs_run_side_by_side_and_come_back_in_order(processes, plan, tiny_file):
    jobs = [TimeSteps(tiny_file, size, 8, plan.recipe, "cpu") for size in (8, 32, 16)]
    assert [r.size for r in processes.call(jobs)] == [8, 32, 16]


def test_a_worker_that_is_killed_loses_its_trial_and_is_replaced(processes, slow_plan, plan, tiny_file):
    job = Train(tiny_file, slow_plan.trials[0], slow_plan.recipe, "cpu")
    pid = int(processes.start(job).split()[1])
    while not any(isinstance(e, TrialProgress) for e in processes.poll(1.0)):
        pass
    os.kill(pid, signal.SIGKILL)
    (event,) = wait_for(processes, TrialLost)
    assert event.key == slow_plan.trials[0].key
    assert "killed by signal 9; the system may have run out of memory" in event.reason
    assert processes.free == 2
    assert len(losses(run_sweep(plan, tiny_file, processes, MemoryStore()))) == 9


def test_the_last_words_of_a_worker_are_kept(processes, tmp_path, tiny_file, slow_plan):
    (tmp_path / "crash.py").write_text(
        "import os, tiny\ndef workload():\n    print('I am going down', flush=True)\n    os._exit(7)\n"
    )
    processes.start(Train(str(tmp_path / "crash.py"), slow_plan.trials[0], slow_plan.recipe, "cpu"))
    (event,) = wait_for(processes, TrialLost)
    assert "ended with exit code 7" in event.reason
    assert "I am going down" in event.reason


def test_a_worker_that_dies_while_planning_is_an_error_with_its_last_words(processes, tmp_path):
    (tmp_path / "crash.py").write_text("import os\nprint('gone', flush=True)\nos._exit(7)\n")
    with pytest.raises(RuntimeError, match=r"ended with exit code 7\ngone"):
        processes.call([MakePlan(Request(str(tmp_path / "crash.py")))])


def wait_for(executor, kind):
    while True:
        found = [e for e in executor.poll(5.0) if isinstance(e, kind)]
        if found:
            return found
