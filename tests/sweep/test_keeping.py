"""A disk that takes nothing: the sweep stands still, says why, keeps what comes, and goes on or stops."""

import shutil
from dataclasses import replace

import pytest
import tiny
from rehearsed import Rehearsed

from flopsfit_tui.api import find_optimal
from flopsfit_tui.conduct import Sweep, prepare
from flopsfit_tui.core.control import Control
from flopsfit_tui.core.events import Note, SweepEnded, SweepPaused, SweepResumed, TrialEnded
from flopsfit_tui.core.options import Options
from flopsfit_tui.core.state import DONE, FAILED, INTERRUPTED, SweepState, exit_code
from flopsfit_tui.core.store_errors import StoreFault
from flopsfit_tui.core.trial import Request
from flopsfit_tui.store.check import check_sweep
from flopsfit_tui.store.sqlite import FILE, SqliteStore
from flopsfit_tui.sweep import keeping


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(keeping, "FIRST_SECONDS", 0.01)
    monkeypatch.setattr(keeping, "MOST_SECONDS", 0.02)
    monkeypatch.setattr(keeping, "HOLD_SECONDS", 0.005)
    monkeypatch.setattr(keeping, "BATCH_SECONDS", 0.0)  # as trials that take longer than a commit


@pytest.fixture
def options(tmp_path, tiny_file):
    return Options(Request(tiny_file, budgets=(2e5, 4e5, 8e5), sizes=(4, 8, 12)), out=tmp_path / "sweep")


class Disk:
    """Takes no commit for so many tries, once a trial has ended."""

    def __init__(self, monkeypatch, tries):
        self.tries, self.left = tries, 0
        commit = SqliteStore._commit

        def failing(store):
            if self.left > 0:
                self.left -= 1
                raise StoreFault("no space left on the disk")
            commit(store)

        monkeypatch.setattr(SqliteStore, "_commit", failing)

    def __call__(self, event):
        if isinstance(event, TrialEnded) and self.tries:
            self.left, self.tries = self.tries, 0


def run(options, control=None, on_event=lambda event: None):
    """The events, the state they give, and the exit code."""
    executor, state, events = Rehearsed(seconds=0.0), SweepState(), []
    for event in Sweep(prepare(options, executor), options, executor, control, plots=False):
        events.append(event)
        state.apply(event)
        on_event(event)
    return events, state, exit_code(state)


def kinds(events, *wanted):
    return [type(event) for event in events if isinstance(event, wanted)]


def outcomes(options):
    store = SqliteStore(options.out, read_only=True)
    found = store.outcomes()
    store.close()
    return found


def test_the_sweep_waits_for_the_disk_and_loses_nothing(options, monkeypatch):
    events, state, code = run(options, on_event=Disk(monkeypatch, 20))
    assert code == DONE
    assert kinds(events, SweepPaused, SweepResumed) == [SweepPaused, SweepResumed]
    said = [event.message for event in events if isinstance(event, Note)]
    assert any(text.startswith("paused: no space left on the disk") for text in said)
    assert "the sweep's files are written again; it goes on" in said
    assert outcomes(options) == state.outcomes()
    assert len(state.outcomes()) == 9
    assert check_sweep(options.out).damage == ()


def test_a_batch_job_stops_says_why_and_fails(options, monkeypatch):
    events, state, code = run(replace(options, on_full="stop"), on_event=Disk(monkeypatch, 10**6))
    assert code == FAILED
    assert state.problem.startswith("no space left on the disk")
    assert any(isinstance(e, Note) and e.message.startswith("stopped: no space left") for e in events)
    assert isinstance(events[-1], SweepEnded)
    assert not kinds(events, SweepPaused)
    monkeypatch.undo()
    assert outcomes(options).items() <= state.outcomes().items()
    assert run(options)[2] == DONE


def test_find_optimal_stops_for_a_full_disk_if_it_is_told_to(tmp_path, monkeypatch):
    def find(**changes):
        return find_optimal(
            tiny.Net, "width", mode="mock", compute_budgets=[1e6, 4e6], sizes=(2, 4, 8), output_dir=tmp_path, **changes
        )

    commit, left = SqliteStore._commit, [4]

    def failing(store):
        left[0] -= 1
        if left[0] < 0:
            raise StoreFault("no space left on the disk")
        commit(store)

    monkeypatch.setattr(SqliteStore, "_commit", failing)
    with pytest.raises(ValueError, match="no space left on the disk"):
        find(on_full="stop")
    monkeypatch.undo()
    assert len(find().trials) == 6
    with pytest.raises(ValueError, match="give 'wait' or 'stop'"):
        find(on_full="skip")


def test_what_cannot_be_kept_in_the_end_is_counted(options, monkeypatch):
    control, disk, paused = Control(), Disk(monkeypatch, 10**6), []

    def stop(event):
        disk(event)
        paused.extend([event] if isinstance(event, SweepPaused) else [])
        if paused and isinstance(event, TrialEnded | SweepPaused):
            control.stop()

    _, state, code = run(options, control, stop)
    lost = len(state.outcomes()) - len(outcomes(options))
    assert code == FAILED
    assert state.problem.startswith("no space left on the disk")
    assert (f"{lost} outcomes are not kept" in state.problem) == (lost > 0)


def test_who_stops_a_sweep_that_waits_loses_nothing_once_the_disk_is_mended(options, monkeypatch):
    control, disk = Control(), Disk(monkeypatch, 10**6)

    def stop(event):
        disk(event)
        if isinstance(event, SweepPaused):
            control.stop()
            disk.left = 0

    _, state, code = run(options, control, stop)
    assert code == INTERRUPTED
    assert outcomes(options) == state.outcomes()


def test_a_directory_that_is_gone_for_a_while(options):
    moved = options.out.with_name("moved")

    def move(event):
        if isinstance(event, TrialEnded) and not moved.exists() and not done:
            options.out.rename(moved)
            done.append("moved")
        if isinstance(event, SweepPaused):
            moved.rename(options.out)

    done = []
    events, state, code = run(options, on_event=move)
    assert code == DONE
    assert any(isinstance(e, Note) and "was removed or replaced" in e.message for e in events)
    assert outcomes(options) == state.outcomes()


def test_a_directory_that_was_deleted_and_made_again_gets_everything(options):
    def delete(event):
        if isinstance(event, TrialEnded) and not done:
            shutil.rmtree(options.out)
            done.append("deleted")
        if isinstance(event, SweepPaused):
            options.out.mkdir()

    done = []
    _, state, code = run(options, on_event=delete)
    assert code == DONE
    assert outcomes(options) == state.outcomes()
    assert len(state.outcomes()) == 9
    assert check_sweep(options.out).damage == ()


def test_another_sweep_in_its_place_is_never_written_over(options, tmp_path):
    control = Control()

    def replace_it(event):
        if isinstance(event, TrialEnded) and not done:
            options.out.rename(tmp_path / "moved")
            options.out.mkdir()
            (options.out / FILE).write_bytes(b"another's")
            done.append("replaced")
        if isinstance(event, SweepPaused):
            control.stop()

    done = []
    _, state, code = run(options, control, replace_it)
    assert code == FAILED
    assert "was removed or replaced" in state.problem
    assert (options.out / FILE).read_bytes() == b"another's"
