"""One contract for every store, then what only the file on disk promises."""

import math
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from flopsfit_tui.core.curve import Curve
from flopsfit_tui.core.events import Note, TrialEnded, TrialProgress, TrialRequeued, TrialStarted
from flopsfit_tui.core.state import CURVE_POINTS, HISTORY_ROWS
from flopsfit_tui.core.trial import Outcome, Plan, Recipe, Size, Trial
from flopsfit_tui.store.base import HistoryRow, MemoryStore
from flopsfit_tui.store.blocks import BLOCK_ROWS
from flopsfit_tui.store.check import check_sweep
from flopsfit_tui.store.sqlite import FILE, SqliteStore, archive_sweep
from flopsfit_tui.store.writable import check_directory


def plan_of(*keys, identity="abc", workload="tiny", steps=100):
    trials = tuple(Trial(k, 1e9, 8, 1000, 6400, 800, steps, 8, 0, 1e9, 0.01) for k in keys)
    size = Size(8, 1000, 6000.0)
    return Plan(workload, identity, "width", "tokens", 8, 500, Recipe(0.01), (1e9,), (1e3,), (size,), trials)


FINISHED = Outcome("finished", 100, 800, 6400, 1e9, 2.5, 2.4, 5.5, 12.0, "cpu", "")
FAILED = Outcome("failed", 7, 56, 448, 7e7, device="cpu", error="Traceback ...\nValueError: <[bold]> \x1b[31m")


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    store = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "sweep")
    yield store
    store.close()


def same(a, b):
    return repr(a) == repr(b)  # NaN is itself


def test_a_new_store_is_empty(store):
    assert store.plan() is None
    assert (store.outcomes(), store.history(), store.attempts()) == ({}, {}, [])


def test_a_plan_and_its_outcomes_come_back(store):
    plan = plan_of("a", "b")
    store.begin(plan)
    store.record(TrialStarted("a", "w1"))
    store.record(TrialEnded("a", FINISHED))
    store.record(TrialStarted("b", "w2"))
    store.record(TrialEnded("b", FAILED))
    assert store.plan() == plan
    assert same(dict(store.outcomes()), {"a": FINISHED, "b": FAILED})
    assert [(x.trial, x.status, x.worker) for x in store.attempts()] == [("a", "finished", "w1"), ("b", "failed", "w2")]
    assert all(x.ended >= x.started for x in store.attempts())


def test_curves_are_thinned_on_disk_as_they_are_in_memory(tmp_path):
    store = SqliteStore(tmp_path)
    store.begin(plan_of("a", "b", "c", steps=5000))
    whole = Curve((step, 9 / step) for step in range(5, 5001, 5))
    for key, curve in (("a", whole), ("b", whole[:100])):
        store.record(TrialStarted(key, "w"))
        for step, loss in curve:
            store.record(TrialProgress(key, step, step, 1.0, loss, 1.0))
    found = dict(store.curves())
    store.close()
    assert list(found) == ["a", "b"]
    assert found["b"] == whole[:100]
    assert len(found["a"]) <= CURVE_POINTS
    expected = whole.thinned(5000, CURVE_POINTS)
    assert list(found["a"].losses) == pytest.approx(list(expected.losses))
    assert list(found["a"].steps) == pytest.approx(list(expected.steps), abs=1)


def test_a_curve_on_disk_may_hold_losses_that_are_no_numbers(tmp_path):
    store = SqliteStore(tmp_path)
    store.begin(plan_of("a", steps=5000))
    for step in range(1, 1001):
        store.record(TrialProgress("a", step * 5, 1, 1.0, math.nan if step > 500 else 3.0, 1.0))
    (_, curve), *_ = store.curves()
    store.close()
    assert {loss for loss in curve.losses if not math.isnan(loss)} == {3.0}


def progress(store, *steps):
    for step in steps:
        store.record(TrialProgress("a", step, 64 * step, 1e7 * step, 5.0 - step / 100, step / 100))


def steps_of(store):
    return [row.step for row in store.history().get("a", ())]


def test_a_trial_begun_anew_begins_its_history_anew(store):
    store.begin(plan_of("a"))
    store.record(TrialStarted("a", "w"))
    progress(store, 1, 10)
    store.record(TrialRequeued("a"))
    store.record(TrialStarted("a", "w"))
    assert store.history() == {}
    progress(store, 1)
    assert store.history() == {"a": [HistoryRow(1, 64, 1e7, 4.99, 0.01)]}
    assert [x.status for x in store.attempts()] == ["returned", "running"]


def test_a_trial_that_goes_on_from_a_checkpoint_keeps_its_history_up_to_there(store):
    store.begin(plan_of("a"))
    store.record(TrialStarted("a", "w"))
    progress(store, 1, 10, 20, 30)
    for _ in range(2):  # the second is stopped before its first step
        store.record(TrialRequeued("a"))
        store.record(TrialStarted("a", "w"))
    progress(store, 25, 35)
    assert steps_of(store) == [1, 10, 20, 25, 35]
    store.record(TrialEnded("a", FINISHED))
    assert steps_of(store) == [1, 10, 20, 25, 35]


def test_a_process_that_died_leaves_a_history_to_go_on_with(tmp_path):
    many = range(1, 3 * BLOCK_ROWS)
    first = SqliteStore(tmp_path)
    first.begin(plan_of("a", steps=10 * BLOCK_ROWS))
    first.record(TrialStarted("a", "w"))
    progress(first, *many)
    first.close()
    again = SqliteStore(tmp_path)
    again.begin(plan_of("a", steps=10 * BLOCK_ROWS))
    again.record(TrialStarted("a", "w"))
    progress(again, 2 * BLOCK_ROWS, 2 * BLOCK_ROWS + 5)
    assert steps_of(again) == [*range(1, 2 * BLOCK_ROWS + 1), 2 * BLOCK_ROWS + 5]
    again.close()
    assert check_sweep(tmp_path).damage == ()


def test_a_trial_that_fails_before_its_first_step_has_no_history(store):
    store.begin(plan_of("a"))
    store.record(TrialStarted("a", "w"))
    progress(store, 1, 10)
    for event in (TrialEnded("a", FAILED), TrialStarted("a", "w"), TrialEnded("a", FAILED)):
        store.record(event)
    assert steps_of(store) == []


def test_starting_again_forgets_the_earlier_outcome(store):
    store.begin(plan_of("a"))
    for event in (TrialStarted("a", "w"), TrialEnded("a", FAILED), TrialStarted("a", "w")):
        store.record(event)
    assert store.outcomes() == {}


def test_history_is_thinned(store):
    steps = 30 * HISTORY_ROWS
    store.begin(plan_of("a", steps=steps))
    store.record(TrialStarted("a", "w"))
    for step in range(1, steps + 1, 7):
        store.record(TrialProgress("a", step, step, 1.0, 3.0, 1.0))
    store.record(TrialProgress("a", steps, steps, 1.0, 2.0, 2.0))
    rows = store.history()["a"]
    assert 0.8 * HISTORY_ROWS < len(rows) <= HISTORY_ROWS + 1
    assert rows[-1].step == steps


def test_a_trial_that_goes_back_to_an_earlier_step_has_one_history(store):
    store.begin(plan_of("a"))
    store.record(TrialStarted("a", "w"))
    for step, loss in ((10, 5.0), (20, 4.0), (1, 5.5), (2, 5.4)):
        store.record(TrialProgress("a", step, step, 1.0, loss, 1.0))
    assert [(row.step, row.loss) for row in store.history()["a"]] == [(1, 5.5), (2, 5.4)]


def test_a_changed_plan_keeps_what_it_shares(store):
    store.begin(plan_of("a", "b"))
    store.record(TrialStarted("a", "w"))
    store.record(TrialEnded("a", FINISHED))
    store.begin(plan_of("b", "c"))
    assert store.outcomes() == {}
    store.begin(plan_of("a", "c"))
    assert store.outcomes() == {"a": FINISHED}


def test_another_workloads_plan_is_refused(store):
    store.begin(plan_of("a"))
    with pytest.raises(ValueError, match="holds a sweep of tiny.*another directory, or start afresh"):
        store.begin(plan_of("a", identity="other", workload="vit"))
    assert store.plan() == plan_of("a")


def test_what_was_recorded_is_on_disk_at_once(tmp_path):
    store = SqliteStore(tmp_path)
    store.begin(plan_of("a"))
    store.record(TrialStarted("a", "w"))
    store.record(TrialEnded("a", FINISHED))
    store.record(Note("warning", "hot"))
    reader = SqliteStore(tmp_path, read_only=True)  # the writer still holds it
    assert dict(reader.outcomes()) == {"a": FINISHED}
    reader.close()
    store.close()
    with sqlite3.connect(tmp_path / FILE) as database:
        assert database.execute("select level, message from notes").fetchall() == [("warning", "hot")]


def test_what_ran_when_the_process_died_is_closed_by_the_next(tmp_path):
    store = SqliteStore(tmp_path)
    store.begin(plan_of("a"))
    store.record(TrialStarted("a", "w"))
    store.close()
    again = SqliteStore(tmp_path)
    again.begin(plan_of("a"))
    assert [(x.status, x.ended) for x in again.attempts()] == [("returned", None)]
    assert again.outcomes() == {}
    again.close()


def test_a_second_writer_is_refused_and_the_first_named(tmp_path):
    store = SqliteStore(tmp_path)
    code = (
        "import sys; from pathlib import Path; from flopsfit_tui.store.sqlite import SqliteStore; "
        "SqliteStore(Path(sys.argv[1]))"
    )
    second = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert f"SweepRuns: process {os.getpid()} is sweeping in" in second.stderr
    with pytest.raises(ValueError, match="is sweeping in"):
        archive_sweep(tmp_path)
    store.close()
    SqliteStore(tmp_path).close()  # and let in when the first is done


def test_nothing_to_read_is_one_sentence(tmp_path):
    with pytest.raises(ValueError, match="holds no sweep"):
        SqliteStore(tmp_path, read_only=True)


@pytest.mark.parametrize("path", ["/proc/nowhere/sweep", "/dev/null", "/dev/null/sweep"])
def test_a_directory_that_cannot_be_written_is_one_sentence(path):
    with pytest.raises(ValueError, match="like --out ./my-sweep"):
        SqliteStore(Path(path))


def test_checking_a_directory_makes_nothing(tmp_path):
    check_directory(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []


def test_a_fresh_start_loses_nothing(tmp_path):
    store = SqliteStore(tmp_path)
    store.begin(plan_of("a"))
    store.close()
    aside = archive_sweep(tmp_path)
    assert aside is not None
    with sqlite3.connect(aside) as database:
        assert database.execute("select count(*) from plan").fetchone() == (1,)
    assert archive_sweep(tmp_path) is None
    assert not (tmp_path / FILE).exists()


def test_nan_survives(tmp_path):
    store = SqliteStore(tmp_path)
    store.begin(plan_of("a"))
    store.record(TrialEnded("a", FAILED))
    assert math.isnan(store.outcomes()["a"].loss)
    store.close()
