"""A damaged store: never a traceback, never a wrong number, and what is intact is salvaged. The whole study is
benchmarks/faults.py."""

import random
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import store_damage as study
from stores import plan_of, truth, write_store

from flopsfit_tui.cli import main
from flopsfit_tui.core.store_errors import StoreDamaged, StoreError
from flopsfit_tui.store.check import check_sweep
from flopsfit_tui.store.salvage import salvage_sweep
from flopsfit_tui.store.sqlite import FILE, SqliteStore


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return study.make_truth(tmp_path_factory.mktemp("store") / "sweep", 12, 80)


@pytest.mark.parametrize("kind", study.KINDS)
def test_no_damage_gives_a_traceback_or_a_wrong_number(kind, whole, tmp_path):
    intact = salvaged = 0
    for seed in range(4):
        copy = study.copy_of(whole, tmp_path / f"{seed}")
        study.KINDS[kind](copy / FILE, whole, random.Random(seed))
        found = study.judge(copy, kind, whole)
        assert found.tracebacks == []
        assert found.wrong == []
        intact, salvaged = intact + found.intact, salvaged + found.salvaged
    assert salvaged >= 0.9 * intact


@pytest.mark.parametrize("edit", study.EDITS)
def test_no_edit_gives_a_traceback_or_a_wrong_number(edit, whole, tmp_path):
    copy = study.copy_of(whole, tmp_path / "copy")
    with closing(sqlite3.connect(copy / FILE)) as database, database:
        database.execute(edit)
    found = study.judge(copy, "SQL edits", whole)
    assert (found.tracebacks, found.wrong) == ([], [])
    assert found.salvaged == found.intact


def test_the_study_sees_a_wrong_number(whole, tmp_path, monkeypatch):
    copy = study.copy_of(whole, tmp_path / "copy")
    with closing(sqlite3.connect(copy / FILE)) as database, database:
        database.execute("update outcomes set loss = 1.5")
    monkeypatch.setattr("flopsfit_tui.store.reading.seal", lambda _table, *values: _Anything())
    found = study.Judgement([], [])
    study._judge_reading(copy, whole, found)
    assert found.wrong


class _Anything:
    """Equals every seal."""

    def __eq__(self, other):
        return True

    __hash__ = None


def edit(directory, *statements):
    with closing(sqlite3.connect(directory / FILE)) as database, database:
        for statement in statements:
            database.execute(statement)


def test_a_damaged_outcome_is_left_out_and_said(tmp_path):
    write_store(tmp_path)
    edit(tmp_path, "update outcomes set loss = 1.0 where trial = '000000000003'")
    store = SqliteStore(tmp_path, read_only=True)
    assert dict(store.outcomes()) == {key: o for key, o in truth().items() if key != "000000000003"}
    assert store.damage() == ["1 outcome is damaged and left out"]
    store.close()


def test_a_writer_takes_damaged_rows_out_says_so_and_keeps_the_store_as_it_was(tmp_path):
    write_store(tmp_path)
    edit(tmp_path, "update outcomes set loss = 1.0 where trial = '000000000003'")
    store = SqliteStore(tmp_path)
    store.begin(plan_of())
    (said,) = store.damage()
    assert said.startswith("1 outcome is damaged and left out; the store as it was is kept as sweep-")
    assert len(store.outcomes()) == 11
    store.close()
    assert (tmp_path / said.rpartition(" ")[2]).is_file()
    assert check_sweep(tmp_path).damage == ()


def test_check_says_what_is_damaged_and_ends_with_1(tmp_path, capsys):
    write_store(tmp_path)
    assert main(["check", str(tmp_path)]) == 0
    assert "intact: the plan, 12 outcomes of 12 trials, 960 rows of history" in capsys.readouterr().out
    edit(tmp_path, "delete from outcomes where trial = '000000000003'", "update plan set json = 'x'")
    (tmp_path / "sweep.plan").write_text("x")
    assert main(["check", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "its plan cannot be read" in said
    assert "sweep.plan, the copy of the plan, is damaged" in said
    assert f"flopsfit-tui salvage {tmp_path}" in said


def test_check_says_which_files_were_changed(tmp_path, capsys):
    write_store(tmp_path)
    assert main(["export", str(tmp_path)]) == 0
    assert main(["check", str(tmp_path)]) == 0
    (tmp_path / "trials.csv").write_text("mine")
    assert main(["check", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "trials.csv is not as this sweep wrote it" in said
    assert "the store is intact" in said
    assert main(["export", str(tmp_path)]) == 2
    assert (tmp_path / "trials.csv").read_text() == "mine"
    assert main(["export", str(tmp_path), "--force"]) == 0
    assert main(["check", str(tmp_path)]) == 0


def test_salvage_writes_a_new_directory_and_leaves_the_old(tmp_path, capsys):
    old = tmp_path / "sweep"
    write_store(old)
    content = bytearray((old / FILE).read_bytes())
    content[:100] = bytes(100)  # SQLite takes it for no database of its own
    (old / FILE).write_bytes(content)
    with pytest.raises(StoreDamaged, match="flopsfit-tui check .*flopsfit-tui salvage"):
        SqliteStore(old, read_only=True)
    assert main(["salvage", str(old)]) == 0
    assert "salvaged the plan, 12 outcomes of 12 trials" in capsys.readouterr().err
    new = tmp_path / "sweep-salvaged"
    with closing(SqliteStore(new, read_only=True)) as store:
        assert dict(store.outcomes()) == truth()
        assert all(len(rows) == 80 for rows in store.history().values())
        assert store.damage(everything=True) == []
    assert (old / FILE).read_bytes() == content
    assert main(["salvage", str(old), "--to", str(new)]) == 2
    assert salvage_sweep(old).directory == tmp_path / "sweep-salvaged-2"


def test_a_live_sweep_is_not_salvaged(tmp_path):
    store = write_store(tmp_path / "sweep", close=False)
    with pytest.raises(ValueError, match="stop it first"):
        salvage_sweep(tmp_path / "sweep")
    store.close()


@pytest.mark.parametrize("command", ["list", "fit", "predict", "plot", "export", "check", "salvage", "watch"])
@pytest.mark.parametrize("content", [b"", b"my notes", bytes(8192)])
def test_no_command_gives_a_traceback_on_a_damaged_store(command, content, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("flopsfit_tui.store.directory.user_data_path", lambda _name: tmp_path)
    directory = tmp_path / "sweeps" / "broken"
    write_store(directory)
    write_store(tmp_path / "sweeps" / "good")
    (directory / FILE).write_bytes(content)
    arguments = [command, *([] if command == "list" else [str(directory)])]
    arguments += {"predict": ["1e12"], "watch": ["--no-ui"]}.get(command, [])
    code = main(arguments)
    said = capsys.readouterr()
    assert code == (0 if command in ("list", "salvage") else 1)
    assert "Traceback" not in said.err + said.out
    if command == "list":
        assert "good" in said.out
        assert "? (damaged)" in said.out


def test_a_store_of_a_newer_version_is_refused(tmp_path):
    write_store(tmp_path)
    edit(tmp_path, "pragma user_version = 4")
    before = (tmp_path / FILE).read_bytes()
    for read_only in (True, False):
        with pytest.raises(StoreError, match="newer flopsfit-tui .store version 4; this one knows up to 3.; update"):
            SqliteStore(tmp_path, read_only=read_only)
    assert (tmp_path / FILE).read_bytes() == before


def test_an_emptied_database_is_not_taken_for_a_new_one(tmp_path):
    write_store(tmp_path)
    (tmp_path / FILE).write_bytes(b"")
    with pytest.raises(StoreDamaged):
        SqliteStore(tmp_path)
    store = SqliteStore(tmp_path, read_only=True)
    with pytest.raises(StoreDamaged):
        store.plan()
    store.close()
