"""Trials shorter than a commit share one; all others are on disk as soon as they have ended."""

import pytest
from rehearsed import Rehearsed

from flopsfit_tui.core.events import Note, TrialEnded, TrialProgress, TrialStarted
from flopsfit_tui.core.trial import Outcome
from flopsfit_tui.store import sqlite
from flopsfit_tui.store.base import MemoryStore
from flopsfit_tui.store.sqlite import SqliteStore
from flopsfit_tui.sweep import keeping
from flopsfit_tui.sweep.keeping import Batches
from flopsfit_tui.sweep.run import run_sweep

AGES = 1e6  # seconds: in a test every trial is short, however slow the machine
FINISHED = Outcome("finished", loss=1.0)


def life(key, outcome=FINISHED):
    return [TrialStarted(key, "w"), TrialProgress(key, 1, 1, 1.0, 2.0, 0.1), TrialEnded(key, outcome)]


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(keeping, "BATCH_SECONDS", AGES)


@pytest.fixture
def commits(monkeypatch):
    """Grows by one with every transaction."""
    found, transaction = [], sqlite._transaction
    monkeypatch.setattr(sqlite, "_transaction", lambda database: (found.append(1), transaction(database))[1])
    return found


def sizes(events):
    return [len(batch) for batch in Batches(events)]


def test_trials_that_take_long_wait_for_nothing(monkeypatch):
    monkeypatch.setattr(keeping, "BATCH_SECONDS", 0.0)
    assert sizes([*life("a"), *life("b")]) == [1] * 6


def test_after_a_short_trial_the_next_ones_come_together(short):
    assert sizes([*life("a"), *life("b"), *life("c"), None]) == [1, 1, 7]


@pytest.mark.parametrize("now", [None, Note("info", "something else"), TrialEnded("b", Outcome("failed", error="x"))])
def test_what_is_no_short_trial_gives_out_all_that_waits(short, now):
    taken = list(Batches([*life("a"), TrialStarted("b", "w"), now, *life("c")]))
    held = [event for event in (TrialEnded("a", FINISHED), TrialStarted("b", "w"), now) if event]
    assert taken[2] == held


def test_every_event_is_stored_before_it_is_seen_also_of_short_trials(short, commits, plan, tiny_file, tmp_path):
    store, reader = SqliteStore(tmp_path), None
    ended = set()
    for event in run_sweep(plan, tiny_file, Rehearsed(seconds=0.0), store):
        reader = reader or SqliteStore(tmp_path, read_only=True)
        if isinstance(event, TrialEnded):
            ended.add(event.key)
            assert ended <= reader.outcomes().keys()
    assert len(ended) == len(plan.trials)
    assert len(commits) < len(plan.trials)  # where each has its own there are two a trial
    reader.close()
    store.close()


def test_a_trial_of_its_own_transaction_takes_two(commits, plan, tiny_file, tmp_path, monkeypatch):
    monkeypatch.setattr(keeping, "BATCH_SECONDS", 0.0)
    monkeypatch.setattr(sqlite, "COMMIT_SECONDS", AGES)  # none for progress alone
    store = SqliteStore(tmp_path)
    list(run_sweep(plan, tiny_file, Rehearsed(seconds=0.0), store))
    assert len(commits) <= 2 * len(plan.trials) + 3  # of the plan, the start and the end
    store.close()


def test_what_waits_is_kept_when_the_executor_breaks(short, plan, tiny_file):
    class Breaks(Rehearsed):
        def poll(self, seconds):
            if self.ends < 1:
                raise OSError("broken")
            return super().poll(seconds)

    executor, store = Breaks(seconds=0.0), MemoryStore()
    executor.ends = 4
    with pytest.raises(OSError, match="broken"):
        list(run_sweep(plan, tiny_file, executor, store))
    assert len(store.outcomes()) >= 4
