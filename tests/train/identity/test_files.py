"""Files and folders count by what lies in them, however much of it is the sweep's own."""

import os

import pytest

from flopsfit_tui.train.identity import files
from flopsfit_tui.train.identity.walk import Walker


def digest(value, name="root"):
    walker = Walker()
    return walker.part(name, value), tuple(walker.unsure)


@pytest.fixture
def data(tmp_path):
    root = tmp_path / "data"
    for name in ("cats/1.png", "cats/2.png", "dogs/1.png", ".labels"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


@pytest.mark.parametrize("form", [str, lambda path: path])
def test_a_folder_is_its_files_wherever_it_lies(data, form):
    before = digest(form(data))
    moved = data.rename(data.parent / "elsewhere")
    assert digest(form(moved)) == before
    (moved / "cats/1.png").rename(moved / "dogs/2.png")
    assert digest(form(moved)) != before


@pytest.mark.parametrize("name", ["cats/1.png", ".labels", "new.txt"])
def test_any_file_in_a_folder_counts(data, name):
    before = digest(data)
    (data / name).write_text("other")
    assert digest(data) != before


def test_a_sweep_beside_the_data_does_not_count(data):
    before = digest(data)
    for name in ("out/sweep.db", "out/trials.csv", "out/plots/isoflop.png", "sweep.db", "trials.csv", "plots/a.png"):
        (data / name).parent.mkdir(exist_ok=True)
        (data / name).write_text("mine")
    assert digest(data) == before
    (data / "out/more.png").write_text("data")
    assert digest(data) != before


def test_code_that_is_loaded_counts_as_code(tmp_path, monkeypatch):
    (tmp_path / "loaded_for_this.py").write_text("x = 1")
    monkeypatch.syspath_prepend(tmp_path)
    import loaded_for_this  # noqa: F401

    before = digest(tmp_path)
    (tmp_path / "loaded_for_this.py").write_text("x = 1  # a comment")
    assert digest(tmp_path) == before


def test_a_link_to_the_folder_above_ends(data):
    os.symlink(data, data / "cats" / "up")
    assert digest(data)[1] == ()


def test_a_file_that_is_written_again_at_once_counts_as_it_is(tmp_path):
    path = tmp_path / "x.bin"
    seen = set()
    for i in range(20):
        path.write_text(f"{i:02}")
        seen.add(digest(path))
    assert len(seen) == 20


def test_more_than_is_read_is_said(data, monkeypatch):
    monkeypatch.setattr(files, "MOST_FILES", 3)
    assert digest(data)[1] == (f"root ({data} holds more than is read)",)
    monkeypatch.setattr(files, "MOST_BYTES", 3)
    assert digest(data / "cats/1.png", "x")[1] == ("x (more files than are read)",)


@pytest.mark.parametrize(("name", "counts"), [("root", True), ("split", False)])
def test_a_word_that_is_a_folders_name_by_chance_is_a_word(name, counts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = digest("train", name)
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "x.txt").write_text("x")
    assert (digest("train", name) != before) == counts
