"""The example scripts as modules of the installed package."""

import runpy
import socket
import sys

import pytest
import torch
from torch.utils.data import TensorDataset

from flopsfit_tui.examples import VisionTransformer, example_vit_cifar
from flopsfit_tui.workloads import cifar10, tinystories


@pytest.fixture
def no_network(monkeypatch):
    def refused(*_, **__):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", refused)
    monkeypatch.setattr(cifar10, "read", refused)
    monkeypatch.setattr(tinystories, "read_texts", refused)


def run_as_main(name, monkeypatch):
    """What python -m does."""
    monkeypatch.delitem(sys.modules, f"flopsfit_tui.examples.{name}", raising=False)
    runpy.run_module(f"flopsfit_tui.examples.{name}", run_name="__main__")


@pytest.mark.parametrize("name", ["example_vit_cifar", "example_programmatic"])
def test_the_examples_run_as_modules_without_a_network(name, no_network, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [name, "--output-dir", str(tmp_path), "--budgets", "1e14", "1e15"])
    run_as_main(name, monkeypatch)
    out = capsys.readouterr().out
    assert "| Compute Budget | Optimal N |" in out
    assert "at 1e+17 FLOPs" in out
    assert len(list((tmp_path / "plots").glob("*.png"))) == 4


@pytest.mark.parametrize("name", ["example_vit_cifar", "example_programmatic"])
def test_real_data_that_cannot_be_had_are_one_sentence(name, tmp_path, monkeypatch, capsys):
    def no_network(*_):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "argv", [name, "--real", "--output-dir", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as ended:
        run_as_main(name, monkeypatch)
    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: ")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_vit_example_trains_when_told(tmp_path, monkeypatch, capsys):
    images = TensorDataset(torch.randn(64, 3, 32, 32), torch.randint(0, 10, (64,)))
    monkeypatch.setattr(example_vit_cifar, "CIFAR10Dataset", lambda train: images)
    monkeypatch.setattr(
        example_vit_cifar, "make_vit_factory", lambda: lambda embed_dim: VisionTransformer(embed_dim, 32, 16, 10, 1, 2)
    )
    trained = example_vit_cifar.run(True, str(tmp_path), compute_budgets=[2e8])
    assert {row["device"] for row in trained.trials if row["status"] == "finished"} <= {"cpu", "cuda:0", "mps"}
    assert any(row["status"] == "finished" for row in trained.trials)
