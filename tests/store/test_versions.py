"""Stores of every version that was released: read as they lie there, and brought to this one by a run."""

import csv
import json
import math
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from stores import plan_of, write_store

from flopsfit_tui.core.events import TrialEnded
from flopsfit_tui.store.check import check_sweep
from flopsfit_tui.store.salvage import salvage_sweep
from flopsfit_tui.store.schema import VERSION
from flopsfit_tui.store.seals import seal
from flopsfit_tui.store.sqlite import FILE, SqliteStore

GOLDEN = sorted((Path(__file__).parent / "golden").iterdir())


def rows(path):
    with (path / "trials.csv").open(newline="") as file:
        return {row["trial"]: row for row in csv.DictReader(file)}


@pytest.fixture(params=GOLDEN, ids=lambda path: path.name)
def golden(request, tmp_path):
    return Path(shutil.copytree(request.param, tmp_path / "sweep"))


def check_contents(store, golden):
    expected = rows(golden)
    outcomes = store.outcomes()
    assert outcomes.keys() == expected.keys()
    for key, outcome in outcomes.items():
        assert outcome.loss == float(expected[key]["loss"])
        assert outcome.tokens == int(expected[key]["tokens"])
    assert all(len(found) == 20 for found in store.history().values())
    assert [attempt.status for attempt in store.attempts()] == ["finished"] * 6
    assert len(dict(store.curves())) == 6


def test_it_is_read_and_left_as_it_is(golden):
    before = (golden / FILE).read_bytes()
    with closing(SqliteStore(golden, read_only=True)) as store:
        check_contents(store, golden)
        assert store.damage(everything=True) == []
    assert (golden / FILE).read_bytes() == before


def test_a_run_brings_it_to_this_version(golden):
    store = SqliteStore(golden)
    store.begin(store.plan())
    store.close()
    with closing(SqliteStore(golden, read_only=True)) as store:
        check_contents(store, golden)
        assert store.database.execute("pragma user_version").fetchone() == (VERSION,)
    assert check_sweep(golden).damage == ()


def test_what_a_later_version_has_added_to_a_plan_is_kept(tmp_path):
    write_store(tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE)) as database, database:
        (text,) = database.execute("select json from plan").fetchone()
        raw = json.loads(text) | {"mood": "hopeful"}
        raw["trials"][0]["colour"] = "red"
        raw["recipe"]["spice"] = 1
        text = json.dumps(raw, sort_keys=True)
        database.execute("update plan set json = ?, seal = ?", (text, seal("plan", 1, text)))
        database.execute("alter table outcomes add column mood text")
    store = SqliteStore(tmp_path)
    assert store.plan() == plan_of()
    store.begin(replace(plan_of(), notes=("again",)))
    assert json.loads(store.plan_text())["mood"] == "hopeful"
    assert len(store.outcomes()) == 12
    store.close()
    assert check_sweep(tmp_path).damage == ()


def test_a_store_of_version_2_takes_peaks_and_gives_them_back(tmp_path):
    directory = Path(shutil.copytree(GOLDEN[-1], tmp_path / "sweep"))
    assert GOLDEN[-1].name == "version2"
    store = SqliteStore(directory)
    store.begin(store.plan())
    key, before = next(iter(store.outcomes().items()))
    ended = replace(before, flops=4e9, seconds=2.0, peak_flops=8e9)
    store.record(TrialEnded(key, ended))
    store.close()
    with closing(SqliteStore(directory, read_only=True)) as store:
        assert store.outcomes()[key] == ended
        assert sum(math.isfinite(outcome.mfu) for outcome in store.outcomes().values()) == 1
    assert check_sweep(directory).damage == ()
    content = bytearray((directory / FILE).read_bytes())
    content[100:108] = bytes(8)  # SQLite reads nothing of it any more
    (directory / FILE).write_bytes(content)
    salvaged = salvage_sweep(directory, tmp_path / "new").directory
    with closing(SqliteStore(salvaged, read_only=True)) as store:
        assert store.outcomes()[key] == ended
        assert store.outcomes().keys() == rows(GOLDEN[-1]).keys()
