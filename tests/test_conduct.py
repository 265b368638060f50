"""A sweep from options to files, by the procedure that every front end runs."""

from __future__ import annotations

import csv
import math
from dataclasses import replace

import pytest
from rehearsed import Rehearsed

from flopsfit_tui.conduct import Sweep, change_target, plan_in_directory, prepare
from flopsfit_tui.core.control import AddTrial, Control, SetTarget
from flopsfit_tui.core.events import Note, SweepEnded, SweepStarted, TargetChanged, TrialEnded
from flopsfit_tui.core.job_files import result_path
from flopsfit_tui.core.options import Options
from flopsfit_tui.core.state import FAILED, SweepState, exit_code
from flopsfit_tui.core.store_errors import StoreFault
from flopsfit_tui.core.trial import Request
from flopsfit_tui.plan.estimate import predicted_seconds
from flopsfit_tui.report.files import sweeps
from flopsfit_tui.report.files.sweeps import read_sweep
from flopsfit_tui.report.text.plan_text import estimate_text
from flopsfit_tui.store.sqlite import SqliteStore
from flopsfit_tui.sweep.follow import Follower
from flopsfit_tui.sweep.keeping import BATCH_SECONDS


@pytest.fixture
def options(tmp_path, tiny_file):
    return Options(Request(tiny_file, budgets=(2e5, 4e5, 8e5), sizes=(4, 8, 12)), out=tmp_path / "sweep")


@pytest.fixture
def executor():
    return Rehearsed(seconds=0.0)


def run(options, executor, *commands, until=math.inf):
    """The events of a sweep, stopped after so many trials; and the sweep."""
    control, events = Control(), []
    for command in commands:
        control.send(command)
    sweep = Sweep(prepare(options, executor), options, executor, control, plots=False)
    for event in sweep:
        events.append(event)
        if sum(isinstance(e, TrialEnded) for e in events) >= until:
            control.stop()
    return events, sweep


def test_preparing_writes_nothing_and_predicts_every_trial(options, executor):
    prepared = prepare(options, executor)
    assert not options.out.exists()
    assert prepared.directory == options.out
    assert prepared.left == list(prepared.plan.trials)
    assert prepared.kept == {}
    assert prepared.estimate.seconds.keys() == {trial.key for trial in prepared.plan.trials}


def test_the_files_are_there_when_the_last_event_is(options, executor, pictures):
    sweep = Sweep(prepare(options, executor), options, executor, plots=False)
    for event in sweep:
        assert (options.out / "trials.csv").exists() == isinstance(event, SweepEnded)
    assert {path.name for path in sweep.export.paths} >= {"trials.csv", "history.csv", "optimum.csv", "fit.json"}
    assert len(sweep.export.outcomes) == 9
    assert sweep.export.analysis.fit.points == 9
    assert not list(options.out.glob("*.png"))


def test_the_target_of_a_running_sweep_is_that_of_the_next_run_unless_another_is_given(options, executor):
    run(options, executor, SetTarget(3e9), until=2)
    assert read_sweep(options.out).targets == (3e9,)
    events, sweep = run(options, executor, until=2)
    assert [event.budget for event in events if isinstance(event, TargetChanged)] == [3e9]
    assert sweep.export.targets == (3e9,)
    assert TargetChanged(3e9) in Follower(options.out).begin()
    change_target(options.out, 4e9)  # while nobody sweeps
    events, _ = run(options, executor, until=2)
    assert TargetChanged(4e9) in events
    events, sweep = run(replace(options, targets=(5e9, 6e9)), executor)
    assert TargetChanged(4e9) not in events
    assert sweep.export.targets == (5e9, 6e9)
    assert read_sweep(options.out).targets == (5e9,)
    assert read_sweep(options.out, (7e9,)).targets == (7e9,)


def test_what_is_left_is_what_the_next_run_trains_and_pays_for(options, executor):
    executor.fails = (12,)
    events, _ = run(options, executor, until=5)
    ended = {e.key: e.outcome.status for e in events if isinstance(e, TrialEnded)}
    executor.fails = ()
    prepared = prepare(options, executor)
    assert prepared.kept.keys() == {key for key, status in ended.items() if status == "finished"}
    assert "failed" in ended.values()
    assert predicted_seconds(prepared.left, prepared.estimate) < prepared.estimate.total_seconds
    line = estimate_text(prepared.plan, prepared.left, prepared.estimate)
    assert line.startswith(f"tiny: 9 trials, {len(prepared.kept)} already finished, {len(prepared.left)} left, ")
    again, sweep = run(options, executor)
    assert {e.key for e in again if isinstance(e, TrialEnded)} == {trial.key for trial in prepared.left}
    assert len(sweep.export.outcomes) == 9


def test_a_trial_that_was_added_belongs_to_the_plan_from_then_on(options, executor):
    executor.seconds = BATCH_SECONDS  # a poll: else all trials are given out together, and there is nothing to stop
    events, sweep = run(options, executor, AddTrial(4e5, size=8), until=3)
    assert events[-1] == SweepEnded("stopped")
    assert len(sweep.export.plan.trials) == 10
    prepared = prepare(options, executor)
    assert len(prepared.plan.trials) == len(prepared.estimate.seconds) == 10
    assert prepared.plan.added == sweep.export.plan.added
    _, sweep = run(options, executor)
    with (options.out / "trials.csv").open(newline="") as file:
        assert [row["status"] for row in csv.DictReader(file)] == ["finished"] * 10
    assert sweep.export.analysis.fit.points == 10


def test_nothing_is_timed_when_nothing_is_left(options, executor, monkeypatch):
    run(options, executor)
    monkeypatch.setattr("flopsfit_tui.conduct.estimate_cost", None)
    prepared = prepare(options, executor)
    assert estimate_text(prepared.plan, prepared.left, prepared.estimate) == "tiny: 9 trials, 9 already finished"
    assert predicted_seconds(prepared.left, prepared.estimate) == 0


def test_a_smaller_plan_in_between_loses_nothing(options, executor):
    run(options, executor)
    small = replace(options, request=replace(options.request, budgets=(2e5,)))
    run(small, executor)
    assert prepare(options, executor).left == []


def test_a_fresh_sweep_says_where_the_earlier_one_is_kept(options, executor):
    run(options, executor)
    fresh = replace(options, fresh=True)
    assert len(prepare(fresh, executor).left) == 9
    (note, started, *_), _ = run(fresh, executor)
    assert isinstance(note, Note)
    assert isinstance(started, SweepStarted)
    (kept,) = options.out.glob("sweep-*.db")
    assert str(kept) in note.message
    assert started.outcomes == {}


def test_another_workloads_directory_is_refused_before_anything_is_timed(options, executor, tiny_file):
    run(options, executor)
    other = replace(options, request=Request(tiny_file + ":broken"))
    with pytest.raises(ValueError, match="holds a sweep of tiny, and the plan is one of broken"):
        plan_in_directory(other, executor)


def test_a_directory_in_which_another_process_sweeps_is_refused(options, executor):
    holder = SqliteStore(options.out)
    try:
        with pytest.raises(ValueError, match="is sweeping in"):
            run(options, executor)
    finally:
        holder.close()


def test_a_fresh_sweep_takes_nothing_from_one_that_runs(options, executor):
    holder = SqliteStore(options.out)
    result = result_path(options.out, "a-trial-of-the-other")
    result.parent.mkdir(parents=True)
    result.write_text("{}")
    try:
        with pytest.raises(ValueError, match="is sweeping in"):
            run(replace(options, fresh=True), executor)
    finally:
        holder.close()
    assert result.exists()
    run(replace(options, fresh=True), executor)
    assert not result.exists()


def test_a_file_that_the_sweep_did_not_write_is_left_and_said(options, executor):
    prepared = prepare(options, executor)
    options.out.mkdir()
    (options.out / "trials.csv").write_text("mine")
    (options.out / "report.md").symlink_to("elsewhere")
    events = list(Sweep(prepared, options, executor, plots=False))
    said = [event.message for event in events if isinstance(event, Note) and event.level == "warning"]
    assert any("report.md, trials.csv" in text and "--force" in text for text in said)
    assert (options.out / "trials.csv").read_text() == "mine"
    assert (options.out / "report.md").is_symlink()
    assert (options.out / "optimum.csv").exists()
    assert len(SqliteStore(options.out, read_only=True).outcomes()) == 9


def test_files_that_cannot_be_written_are_said_and_the_answer_is_kept(options, executor, monkeypatch):
    def full(*_given, **_named):
        raise StoreFault("no space left on the disk")

    monkeypatch.setattr(sweeps, "export_sweep", full)
    sweep = Sweep(prepare(options, executor), options, executor, plots=False)
    state = SweepState()
    for event in sweep:
        state.apply(event)
    assert state.problem.startswith("files were not written: no space left on the disk")
    assert exit_code(state) == FAILED
    assert sweep.export is not None
    assert len(sweep.export.outcomes) == 9
