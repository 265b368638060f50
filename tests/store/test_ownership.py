"""What is deleted and replaced: what the sweep wrote, as it wrote it, and nothing else."""

import json
import os

import pytest
from stores import plan_of, write_store

from flopsfit_tui.core.options import Options
from flopsfit_tui.core.sweep_files import MANIFEST
from flopsfit_tui.core.trial import Request
from flopsfit_tui.store.directory import delete_sweep, find_sweeps, sweep_directory
from flopsfit_tui.store.manifest import ForeignFile, is_owned, owned_files, write_files
from flopsfit_tui.store.sqlite import SqliteStore

MINE = ("scaling.py", "isoflop.ipynb", "sweep-my-notes.db", "report.md", "sweep-20260101-000000.db", ".hidden")


def test_deleting_leaves_what_the_sweep_did_not_write(tmp_path):
    write_store(tmp_path)
    write_files(tmp_path, {"trials.csv": b"1", "plots/isoflop.png": b"2"})
    for name in MINE:
        (tmp_path / name).write_text("mine")
    assert delete_sweep(tmp_path) == sorted(MINE)
    assert all((tmp_path / name).read_text() == "mine" for name in MINE)


def test_deleting_a_sweep_with_nothing_foreign_leaves_nothing(tmp_path):
    write_store(tmp_path / "sweep")
    write_files(tmp_path / "sweep", {"trials.csv": b"1", "plots/isoflop.png": b"2"})
    assert delete_sweep(tmp_path / "sweep") == []
    assert not (tmp_path / "sweep").exists()


def test_a_file_that_was_changed_since_is_kept(tmp_path):
    write_store(tmp_path)
    write_files(tmp_path, {"report.md": b"ours"})
    (tmp_path / "report.md").write_text("ours, with my remarks")
    assert delete_sweep(tmp_path) == ["report.md"]


def test_links_are_neither_followed_nor_deleted(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "isoflop.png").write_bytes(b"2")
    sweep = tmp_path / "sweep"
    write_store(sweep)
    write_files(sweep, {"trials.csv": b"1", "plots/isoflop.png": b"2"})
    (sweep / "trials.csv").unlink()
    (sweep / "trials.csv").symlink_to(elsewhere / "isoflop.png")
    (sweep / "plots" / "isoflop.png").unlink()
    (sweep / "plots").rmdir()
    (sweep / "plots").symlink_to(elsewhere)
    assert delete_sweep(sweep) == ["plots", "trials.csv"]
    assert (elsewhere / "isoflop.png").read_bytes() == b"2"
    link = tmp_path / "link"
    link.symlink_to(sweep)
    with pytest.raises(ValueError, match="is a link"):
        delete_sweep(link)


def test_a_live_sweep_is_not_deleted(tmp_path):
    store = write_store(tmp_path, close=False)
    with pytest.raises(ValueError, match="stop it first"):
        delete_sweep(tmp_path)
    store.close()
    assert SqliteStore(tmp_path, read_only=True).damage() == []
    delete_sweep(tmp_path)


def test_a_foreign_database_is_not_deleted(tmp_path):
    (tmp_path / "sweep.db").write_text("my own")
    assert delete_sweep(tmp_path) == ["sweep.db", "sweep.db.lock"]


def test_foreign_files_are_not_replaced_unless_forced(tmp_path):
    (tmp_path / "b.csv").write_text("mine")
    with pytest.raises(ForeignFile, match="b.csv in .* is not as this sweep wrote; move it, or .*--force"):
        write_files(tmp_path, {"a.csv": b"1", "b.csv": b"2"})
    assert sorted(os.listdir(tmp_path)) == ["b.csv"]
    paths, left = write_files(tmp_path, {"a.csv": b"1", "b.csv": b"2"}, skip_foreign=True)
    assert ([path.name for path in paths], left) == (["a.csv"], ["b.csv"])
    assert (tmp_path / "b.csv").read_text() == "mine"
    write_files(tmp_path, {"b.csv": b"2"}, force=True)
    assert (tmp_path / "b.csv").read_bytes() == b"2"
    write_files(tmp_path, {"a.csv": b"3", "b.csv": b"4"})
    assert (tmp_path / "a.csv").read_bytes() == b"3"
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]


def test_a_crash_between_the_list_and_the_file_leaves_it_owned(tmp_path):
    write_files(tmp_path, {"a.csv": b"old"})
    listed = json.loads((tmp_path / MANIFEST).read_text())
    write_files(tmp_path, {"a.csv": b"new"})
    both = {**listed, "files": {"a.csv": [*listed["files"]["a.csv"], *owned_files(tmp_path)["a.csv"]]}}
    (tmp_path / MANIFEST).write_text(json.dumps(both))
    for content in (b"old", b"new"):
        (tmp_path / "a.csv").write_bytes(content)
        assert is_owned(tmp_path, "a.csv", owned_files(tmp_path))


@pytest.mark.parametrize(
    "content", ["", "mine", "[1]", '{"by": "flopsfit-tui", "files": 3}', '{"by": "other", "files": {"a": ["x"]}}']
)
def test_a_list_that_is_not_ours_owns_nothing(content, tmp_path):
    (tmp_path / MANIFEST).write_text(content)
    assert owned_files(tmp_path) == {}
    with pytest.raises(ForeignFile):
        write_files(tmp_path, {"a.csv": b"1"}, skip_foreign=True)
    assert (tmp_path / MANIFEST).read_text() == content


def test_a_list_never_leads_out_of_the_directory(tmp_path):
    outside = tmp_path / "mine.txt"
    outside.write_text("x")
    sweep = tmp_path / "sweep"
    write_store(sweep)
    digest = __import__("hashlib").sha256(b"x").hexdigest()
    files = {"../mine.txt": [digest], str(outside): [digest], "a/b/c": [digest]}
    (sweep / MANIFEST).write_text(json.dumps({"by": "flopsfit-tui", "files": files}))
    delete_sweep(sweep)
    assert outside.read_text() == "x"


@pytest.mark.parametrize("name", ["../../etc", "a/b", "..", "", "-rf", "x\0y", "é" * 300, "con\nrol"])
def test_a_workload_s_name_is_one_part_of_a_path(name, tmp_path):
    from dataclasses import replace

    directory = sweep_directory(Options(Request("x")), replace(plan_of(), workload=name))
    expected = sweep_directory(Options(Request("x")), replace(plan_of(), workload="tiny")).parent
    assert directory.parent == expected
    assert not directory.name.startswith((".", "-"))
    assert len(os.fsencode(directory.name)) < 120
    directory.mkdir(parents=True)


def test_sweeps_are_found_whatever_lies_beside_them(tmp_path):
    write_store(tmp_path / "good")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "sweep.db").symlink_to("nowhere")
    (tmp_path / "folder" / "sweep.db").mkdir(parents=True)
    assert tmp_path / "good" in find_sweeps(tmp_path)


@pytest.mark.parametrize("name", ["sweep.db-wal", "sweep.db-journal", "sweep.db-shm"])
def test_a_foreign_file_in_the_place_of_a_log_of_sqlite_s_is_refused(name, tmp_path):
    (tmp_path / name).write_text("mine")
    with pytest.raises(ValueError, match="is not a file that a sweep made"):
        SqliteStore(tmp_path)
    assert (tmp_path / name).read_text() == "mine"


@pytest.mark.parametrize("name", ["sweep.db", "sweep.db-wal"])
def test_a_link_in_the_place_of_the_database_is_not_followed(name, tmp_path):
    target = tmp_path / "thesis.tex"
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / name).symlink_to(target)
    with pytest.raises(ValueError, match="is not a file that a sweep made"):
        SqliteStore(tmp_path / "sweep")
    assert not target.exists()


def test_a_foreign_database_is_neither_read_nor_written(tmp_path):
    (tmp_path / "sweep.db").write_text("mine")
    (tmp_path / "sweep.db-wal").write_text("mine")
    for read_only in (True, False):
        with pytest.raises(ValueError, match="sweep.db"):
            SqliteStore(tmp_path, read_only=read_only)
    assert (tmp_path / "sweep.db").read_text() == (tmp_path / "sweep.db-wal").read_text() == "mine"
