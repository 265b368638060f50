"""What a second run reuses: the losses of the same code and data, and nothing else without the user's word."""

import functools
import runpy
import socket
import sqlite3
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import flopsfit_tui as ff
from flopsfit_tui.cli import main
from flopsfit_tui.core.identity import Identity
from flopsfit_tui.store.sqlite import SqliteStore


def factory(dropout):
    def build(width):
        return nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, 4))

    return build


class Labelled(torch.utils.data.Dataset):
    """64 points, labelled as told."""

    def __init__(self, labels=None):
        self.x = torch.randn(64, 8, generator=torch.Generator().manual_seed(0))
        self.labels = torch.arange(64) % 4 if labels is None else labels

    def __len__(self):
        return 64

    def __getitem__(self, i):
        return self.x[i], self.labels[i]


class Client(Labelled):
    """Holds what no two runs share."""

    def __init__(self, connection):
        super().__init__()
        self.connection = connection


def find(folder, **changes):
    given = {
        "model_cls": factory(0.0),
        "model_size_param": "width",
        "dataset": Labelled(),
        "loss_fn": nn.CrossEntropyLoss(),
        "compute_budgets": [2e5, 4e5],
        "sizes": (4, 8, 16),
        "output_dir": folder,
    }
    return ff.find_optimal(**{**given, **changes})


def attempts(folder):
    with sqlite3.connect(folder / "sweep.db") as database:
        return database.execute("select count(*) from attempts").fetchone()[0]


def losses(result):
    return [row["loss"] for row in result.trials]


CHANGES = {
    "a closure": ("model_cls", lambda: factory(0.7)),
    "an attribute of the loss": ("loss_fn", lambda: nn.CrossEntropyLoss(label_smoothing=0.5)),
    "labels of an own dataset": ("dataset", lambda: Labelled(torch.arange(64).flip(0) % 4)),
    "one label": ("dataset", lambda: Labelled(torch.cat([torch.ones(1, dtype=torch.int64), torch.arange(1, 64) % 4]))),
    "a bound argument": ("loss_fn", lambda: functools.partial(F.cross_entropy, label_smoothing=0.1)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_has_changed_is_not_reused_without_a_word(change, tmp_path):
    name, changed = CHANGES[change]
    before = losses(find(tmp_path))
    with pytest.raises(ValueError, match=rf"{name} has changed. --fresh .* --resume-anyway") as said:
        find(tmp_path, **{name: changed()})
    assert "\n" not in str(said.value)
    assert attempts(tmp_path) == 6
    assert losses(find(tmp_path, **{name: changed()}, resume=False)) != before


def test_the_users_word_reuses_it_once_and_for_all(tmp_path):
    before = find(tmp_path)
    changed = {"model_cls": factory(0.1)}
    after = find(tmp_path, **changed, resume_anyway=True)
    assert losses(after) == losses(before)
    assert any("reused at your word, though model_cls has changed" in note for note in after.plan.notes)
    assert losses(find(tmp_path, **changed)) == losses(before)
    assert losses(find(tmp_path, **changed, resume="anyway")) == losses(before)
    assert attempts(tmp_path) == 6
    find(tmp_path, **changed, compute_budgets=[2e5, 4e5, 8e5])
    assert attempts(tmp_path) == 9


def test_the_same_call_trains_nothing_again(tmp_path):
    before = find(tmp_path)
    assert losses(find(tmp_path)) == losses(before)
    assert attempts(tmp_path) == 6


def test_an_object_that_a_sweep_has_used_is_the_same_object(tmp_path):
    class Counting(Labelled):
        drawn = 0

        def __getitem__(self, i):
            self.drawn += 1
            return super().__getitem__(i)

    data = Counting()
    find(tmp_path, dataset=data)
    drawn = data.drawn
    find(tmp_path, dataset=data)
    assert attempts(tmp_path) == 6
    assert data.drawn < drawn + 64  # a few are looked at to plan with
    data.labels[0] = 3
    with pytest.raises(ValueError, match="dataset has changed"):
        find(tmp_path, dataset=data)


def test_what_cannot_be_compared_is_said_and_not_reused(tmp_path):
    with socket.socket() as connection:
        data = {"dataset": Client(connection)}
        first = find(tmp_path, **data)
        assert any("dataset.connection (a socket)" in note for note in first.plan.notes)
        with pytest.raises(ValueError, match=r"cannot be told: dataset.connection \(a socket\) cannot be compared"):
            find(tmp_path, **data)
        assert losses(find(tmp_path, **data, resume_anyway=True)) == losses(first)
        assert attempts(tmp_path) == 6


def test_a_sweep_of_an_earlier_version_is_not_reused_without_a_word(tmp_path):
    before = find(tmp_path)
    store = SqliteStore(tmp_path)
    store.begin(replace(store.plan(), content=Identity()))
    store.close()
    with pytest.raises(ValueError, match="made by a version of flopsfit-tui that did not record"):
        find(tmp_path)
    assert losses(find(tmp_path, resume_anyway=True)) == losses(before)


def test_another_models_sweep_is_refused_whatever_the_user_says(tmp_path):
    def other(width):
        return factory(0.0)(width)

    find(tmp_path)
    with pytest.raises(ValueError, match="holds a sweep of build, and the plan is one of other"):
        find(tmp_path, model_cls=other, resume_anyway=True)


def test_resume_takes_a_known_word(tmp_path):
    with pytest.raises(ValueError, match="give True, False or 'anyway'"):
        find(tmp_path, resume="always")


SCRIPT = """
import sys
import torch
from torch import nn
import flopsfit_tui as ff

{comment}
DROPOUT = {dropout}


class Points(torch.utils.data.Dataset):
    def __init__(self, count):
        draw = torch.Generator().manual_seed(0)
        self.x, self.y = torch.randn(count, 8, generator=draw), torch.randint(4, (count,), generator=draw)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


def model(width):
    return nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Dropout(DROPOUT), nn.Linear(width, 4))


given = dict(model_cls=model, model_size_param="width", dataset=Points(64), loss_fn=nn.CrossEntropyLoss())
if __name__ == "__main__":
    how = dict(executor=sys.argv[1], workers=1, output_dir="out")
    ff.find_optimal(**given, compute_budgets=[2e5, 4e5], sizes=(4, 8, 16), **how)
else:
    workload = ff.Workload(name="points", **given, budgets=(2e5, 4e5), sizes=(4, 8, 16), points=3)
"""


@pytest.fixture
def script(tmp_path, monkeypatch):
    """Write the script, and give it as a main program of this process with these arguments."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # it is written twice in a second, at the same length

    def write(*arguments, comment="", dropout=0.0):
        (tmp_path / "script.py").write_text(SCRIPT.format(comment=comment, dropout=dropout))
        monkeypatch.setattr(sys, "argv", ["script.py", *arguments])
        return functools.partial(runpy.run_path, "script.py", run_name="__main__")

    return write


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["thread", "processes"])
def test_the_same_script_run_twice_trains_nothing_the_second_time(executor, script, tmp_path):
    script(executor)
    command = [sys.executable, "script.py", executor]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert attempts(tmp_path / "out") == 6
    script(executor, comment="# more about it")()
    assert attempts(tmp_path / "out") == 6
    changed = script(executor, dropout=0.5)
    with pytest.raises(ValueError, match="model_cls has changed"):
        changed()
    assert attempts(tmp_path / "out") == 6


@pytest.mark.slow
def test_nor_does_a_script_that_the_command_line_runs_again(script, tmp_path, capfd):
    def run(*options, executor="thread"):
        command = ["run", "script.py", "--no-ui", "--out", "out", "--workers", "1", "--executor", executor]
        return main([*command, *options])

    script()
    assert run(executor="processes") == 0
    assert attempts(tmp_path / "out") == 6
    script(comment="# more about it")
    assert run(executor="processes") == 0
    assert attempts(tmp_path / "out") == 6
    script(dropout=0.5)
    assert run() == 2
    assert "model_cls has changed" in capfd.readouterr().err
    assert attempts(tmp_path / "out") == 6
    assert run("--resume-anyway") == 0
    assert run() == 0
    assert attempts(tmp_path / "out") == 6
    script(dropout=0.9)
    assert run("--fresh", "--resume-anyway") == 2
