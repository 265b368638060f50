"""find_optimal: the same call for any architecture, in mock and in real mode."""

import csv
import os
import pty
import subprocess
import sys
import time

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

import flopsfit_tui as ff

BUDGETS = [1e6, 2e6, 4e6]


def mlp(width):
    return nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 4))


class Counting(torch.utils.data.Dataset):
    """Counts what is drawn from it."""

    def __init__(self):
        self.drawn = 0
        self.x = torch.randn(500, 8, generator=torch.Generator().manual_seed(0))

    def __len__(self):
        return 500

    def __getitem__(self, i):
        self.drawn += 1
        return self.x[i], (self.x[i].sum() > 0).long()


def find(tmp_path, **changes):
    x = torch.randn(64, 8, generator=torch.Generator().manual_seed(1))
    held = TensorDataset(x, (x.sum(1) > 0).long())
    given = {
        "model_cls": lambda width: mlp(width),
        "model_size_param": "width",
        "dataset": Counting(),
        "val_dataset": held,
        "loss_fn": F.cross_entropy,
        "compute_budgets": BUDGETS,
        "sizes": (4, 8, 16),
        "output_dir": tmp_path,
    }
    return ff.find_optimal(**{**given, **changes})


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_a_closure_trains_and_the_result_answers(tmp_path, pictures):
    result = find(tmp_path)
    assert [row["status"] for row in result.trials] == ["finished"] * 9
    assert "95 % interval" in result.chinchilla_table()
    prediction = result.predict(1e9)
    assert {"target_compute", "optimal_params", "optimal_tokens", "expected_loss", "tokens_per_param"} <= set(
        prediction
    )
    assert prediction.target_compute == prediction["target_compute"] == 1e9
    assert prediction.tokens_per_param == pytest.approx(prediction.optimal_tokens / prediction.optimal_params, rel=1e-3)
    assert {p.name for p in tmp_path.iterdir()} >= {"sweep.db", "trials.csv", "history.csv", "optimum.csv", "fit.json"}
    assert {p.name for p in result.to_csv(tmp_path / "again")} >= {"trials.csv", "isoflop.png"}
    assert len(result.plot()) == 4
    with pytest.raises(ValueError, match="positive number"):
        result.predict(-1)


class Stream(IterableDataset):
    """The same one after the other."""

    def __init__(self, data):
        self.data = data

    def __iter__(self):
        return (self.data[i] for i in range(500))


SELDOM = [pytest.param(kind, marks=pytest.mark.slow) for kind in ("callable", "iterable", "iterable loader")]


@pytest.mark.parametrize("kind", ["items", "loader", *SELDOM])
def test_a_counting_dataset_sees_exactly_the_samples_reported(kind, tmp_path):
    data = Counting()

    def batches(batch_size, seed):
        chosen = torch.randint(500, (batch_size,), generator=torch.Generator().manual_seed(seed))
        pairs = [data[int(i)] for i in chosen]
        return torch.stack([x for x, _ in pairs]), torch.stack([y for _, y in pairs])

    given = {
        "items": data,
        "loader": DataLoader(data, batch_size=16, shuffle=True),
        "callable": batches,
        "iterable": Stream(data),
        "iterable loader": DataLoader(Stream(data), batch_size=16),
    }[kind]
    find(tmp_path, dataset=given)
    assert data.drawn == sum(int(row["samples"]) for row in rows(tmp_path / "trials.csv"))


def test_mock_mode_touches_no_data_and_finds_the_law_it_draws_from(tmp_path):
    class Untouchable:
        def __getattr__(self, name):
            raise AssertionError(f"touched: {name}")

    result = find(
        tmp_path, dataset=Untouchable(), val_dataset=None, mode="mock", sizes=None, compute_budgets=[1e12, 1e13, 1e14]
    )
    assert len(result.trials) == 21
    assert abs(result.fit.law.alpha - 0.3478) < 0.15
    best = result.predict(1e14)
    assert best.params_low < ff_mock_optimum(1e14) < best.params_high


def ff_mock_optimum(budget):
    from flopsfit_tui.workloads.mock import LAW

    return LAW.optimum(budget).params


@pytest.mark.parametrize("changes", [{"train": False}, {"dataset": None}, {"loss_fn": None}])
def test_without_training_the_plan_comes_back_and_nothing_is_written(changes, tmp_path):
    plan = find(tmp_path / "out", **changes)
    assert isinstance(plan, ff.Plan)
    assert len(plan.trials) == 9
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_second_call_goes_on_and_resume_false_begins_anew(tmp_path):
    data = Counting()
    find(tmp_path, dataset=data)
    drawn = data.drawn
    find(tmp_path, dataset=data)
    assert data.drawn == drawn
    find(tmp_path, dataset=data, resume=False)
    assert data.drawn == 2 * drawn
    assert len(list(tmp_path.glob("sweep-*.db"))) == 1


@pytest.mark.slow
def test_thread_and_processes_give_identical_losses(tmp_path):
    here = find(tmp_path / "a")
    there = find(tmp_path / "b", executor="processes", workers=2)
    assert [row["loss"] for row in here.trials] == [row["loss"] for row in there.trials]


def test_failures_are_listed_and_the_rest_is_fitted(tmp_path):
    class Sometimes(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.width, self.inner = width, mlp(width)

        def forward(self, x):
            if self.width == 8:
                raise RuntimeError("not today")
            return self.inner(x)

    result = find(tmp_path, model_cls=Sometimes, sizes=(4, 8, 16, 32))
    failed = [row for row in result.trials if row["status"] == "failed"]
    assert [row["size"] for row in failed] == [8, 8, 8]
    assert all("RuntimeError: not today" in row["error"] for row in failed)
    assert [one.name.split(" at ")[0] for one in result.analysis.left_out] == ["width 8"] * 3
    assert result.fit.points == 9


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"mode": "cloud"}, ValueError, "mode 'cloud' is not known; give 'local' or 'mock'"),
        ({"model_cls": 3}, TypeError, "model_cls is a int"),
        ({"compute_budgets": [-1.0]}, ValueError, "give positive numbers of FLOPs"),
        ({"compute_budgets": [10.0]}, ValueError, "does not pay for one batch"),
        ({"model_size_param": "depth"}, TypeError, "could not be made with"),
        ({"executor": "abacus"}, ValueError, "'abacus' is not available"),
    ],
)
def test_bad_arguments_are_named(changes, kind, message, tmp_path):
    with pytest.raises(kind, match=message):
        find(tmp_path / "out", **changes)
    assert not (tmp_path / "out").exists()


def test_another_model_in_the_same_directory_is_refused_and_nothing_lost(tmp_path):
    find(tmp_path)
    before = (tmp_path / "trials.csv").read_bytes()
    with pytest.raises(ValueError, match="resume=False"):
        find(tmp_path, model_cls=mlp)
    assert (tmp_path / "trials.csv").read_bytes() == before


def test_the_app_needs_a_terminal(tmp_path):
    with pytest.raises(ValueError, match="needs a terminal.*ui=False"):
        find(tmp_path, ui=True)


IN_THE_APP = """
import sys, flopsfit_tui as ff, tiny
found = ff.find_optimal(
    tiny.Net, "width", compute_budgets=[1e6, 2e6, 4e6], sizes=(4, 8, 16), mode="mock", output_dir=sys.argv[1], ui=True
)
print("trials:", [t["status"] for t in found.trials].count("finished"))
"""


@pytest.mark.slow
def test_ui_sweeps_in_the_app_and_gives_the_result(tmp_path):
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": os.path.dirname(__file__)}
    command = [sys.executable, "-c", IN_THE_APP, str(tmp_path / "sweep")]
    with subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, env=env) as process:
        os.close(theirs)
        os.set_blocking(ours, False)
        end = time.monotonic() + 300
        while process.poll() is None:
            if time.monotonic() > end:
                process.kill()
                pytest.fail("the app never ended")
            try:
                os.read(ours, 1 << 16)
            except OSError:  # nothing has come
                time.sleep(0.05)
            if (tmp_path / "sweep" / "report.md").is_file():
                os.write(ours, b"q")
        assert process.returncode == 0
        assert b"trials: 9" in process.stdout.read()
    os.close(ours)


def test_warnings_are_said_as_on_the_command_line(tmp_path, capsys):
    result = find(tmp_path, mode="mock", sizes=(64, 96, 128), compute_budgets=[1e6, 2e6, 4e6])
    said = capsys.readouterr().err
    assert result.analysis.warnings
    for warning in result.analysis.warnings:
        assert f"! {warning.code}: " in said
