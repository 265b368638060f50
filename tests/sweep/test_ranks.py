"""A trial that two processes train together: the loss of one, and lost, paused, stopped and resumed like any other."""

import contextlib
from dataclasses import replace

import psutil
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from flopsfit_tui.cli import main
from flopsfit_tui.core.checkpoint_files import checkpoint_path
from flopsfit_tui.core.control import Control
from flopsfit_tui.core.events import Note, SweepEnded, SweepPaused, SweepResumed, TrialEnded, TrialProgress
from flopsfit_tui.core.options import Options, check_nproc
from flopsfit_tui.core.trial import Recipe, Request
from flopsfit_tui.plan.nproc import share_batch
from flopsfit_tui.store.base import MemoryStore
from flopsfit_tui.sweep.executor import InThread
from flopsfit_tui.sweep.job import resolve
from flopsfit_tui.sweep.prepare import make_plan
from flopsfit_tui.sweep.processes import Processes
from flopsfit_tui.sweep.run import run_sweep
from flopsfit_tui.train.check_parts import check_parts


def rank(number):
    """The process of a rank, below this one."""
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it ends meanwhile
            if "flopsfit_tui.sweep.rank" in process.cmdline() and process.environ().get("RANK") == number:
                return process
    raise AssertionError(f"no rank {number}")


@pytest.mark.slow
def test_two_processes_give_the_loss_of_one_whatever_comes_between(tiny_file, tmp_path):
    one, two = (make_plan(Request(tiny_file, budgets=(2e7,), sizes=(16,), nproc=n), InThread()) for n in (1, 2))
    assert one.trials[0].key != two.trials[0].key
    (wanted,) = [e.outcome for e in run_sweep(one, tiny_file, InThread(), MemoryStore()) if isinstance(e, TrialEnded)]
    executor, control, store = Processes(1), Control(), MemoryStore()
    place, done, said = checkpoint_path(tmp_path, two.trials[0].key), [], []

    def sweep(control):
        return run_sweep(
            two, tiny_file, executor, store, control, device="cpu", checkpoints=tmp_path, checkpoint_seconds=0.2
        )

    for event in sweep(control):
        said += [event.message] if isinstance(event, Note) else []
        if isinstance(event, TrialProgress):
            if not done and place.exists():
                rank("1").kill()
                done.append("killed")
            elif done == ["killed"] and any("goes on from step" in message for message in said):
                control.pause()
                done.append("paused")
            elif done[-1:] == ["resumed"]:
                control.stop()
        elif isinstance(event, SweepPaused):
            assert executor.poll(0.3) == []  # nothing comes while they stand
            control.resume()
        elif isinstance(event, SweepResumed):
            done.append("resumed")
    assert done == ["killed", "paused", "resumed"]
    assert any("(rank 1) ended without a word" in message for message in said)
    assert place.exists()
    *_, end = ended = list(sweep(Control()))
    executor.close()
    assert end == SweepEnded("done")
    (outcome,) = [event.outcome for event in ended if isinstance(event, TrialEnded)]
    assert outcome.loss == pytest.approx(wanted.loss, rel=1e-4), outcome.error
    spent = "steps", "samples", "tokens", "flops"
    assert [getattr(outcome, name) for name in spent] == [getattr(wanted, name) for name in spent]
    assert not place.exists()


class Mixing(nn.Module):
    """Looks at the other samples of its batch as it trains."""

    def __init__(self, width, kind):
        super().__init__()
        self.up, self.head, self.kind = nn.Linear(8, width), nn.Linear(width, 4), kind
        nn.init.zeros_(self.head.weight)
        self.norm = nn.BatchNorm1d(width) if kind == "norm" else nn.Identity()
        self.drop = nn.Dropout(0.1)
        self.register_buffer("seen", torch.zeros(width))

    def forward(self, x):
        y = self.norm(torch.relu(self.up(x)))
        if self.kind == "mean" and self.training:
            y = y - y.mean(0)
        if self.kind == "buffer":
            self.seen += y.detach().mean(0)
        if self.kind == "dropout":
            y = self.drop(y)
        return self.head(y)


@pytest.mark.parametrize(
    ("kind", "says"), [("norm", "its BatchNorm1d mixes"), ("mean", ""), ("buffer", "its buffer 'seen' depends")]
)
def test_a_model_whose_samples_are_not_independent_is_refused(kind, says, tiny_file):
    workload = replace(resolve(tiny_file), model_cls=Mixing, model_kwargs={"kind": kind})
    batch = next(iter(workload.dataset.batches(8, 0)))
    with pytest.raises(ValueError, match=f"samples of a batch are not independent.*{says}.*leave --nproc"):
        check_parts(workload, 16, Recipe(1e-2), "cpu", batch, 2)


@pytest.mark.parametrize("kind", ["plain", "dropout"])
def test_one_whose_samples_are_may_be_trained_in_parts_and_nothing_is_changed(kind, tiny_file):
    workload = replace(resolve(tiny_file), model_cls=Mixing, model_kwargs={"kind": kind})
    batch, before = next(iter(workload.dataset.batches(8, 0))), torch.get_rng_state()
    check_parts(workload, 16, Recipe(1e-2), "cpu", batch, 4)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_loss_that_is_a_sum_may_be_too(tiny_file):
    workload = replace(resolve(tiny_file), loss_fn=lambda y, t: F.cross_entropy(y, t, reduction="sum"))
    batch = next(iter(workload.dataset.batches(8, 0)))
    check_parts(workload, 16, Recipe(1e-2, reduction="sum"), "cpu", batch, 2)


def test_what_has_no_equal_parts_is_refused_in_one_sentence():
    recipe = Recipe(1e-2)
    assert share_batch(recipe, 1, 7) == (recipe, [])
    shared, (note,) = share_batch(recipe, 2, 8)
    assert shared.nproc == 2
    assert "2 processes, with 4 of a batch's 8 samples" in note
    assert shared.content != recipe.content
    assert "nproc" not in recipe.content  # keys of one process are what they were
    with pytest.raises(ValueError, match="a batch of 8 samples has no 3 equal parts.*give nproc_per_trial 1, 2, 4, 8"):
        share_batch(recipe, 3, 8)
    with pytest.raises(ValueError, match="no mean over the samples"):
        share_batch(replace(recipe, reduction="batch"), 2, 8)
    with pytest.raises(ValueError, match="a simulated workload trains nothing"):
        share_batch(recipe, 2, 8, simulated=True)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"executor": "thread"}, "use processes, ray or slurm"),
        ({"device": "mps"}, "is one accelerator"),
        ({"executor": "ray"}, "a trial has 1 CPUs; give --cpus-per-trial 2 or more"),
        ({"executor": "slurm", "cpus_per_trial": 2.0, "gpus_per_trial": 1.0}, "give --gpus-per-trial 2"),
    ],
)
def test_an_executor_that_cannot_is_refused(options, says):
    with pytest.raises(ValueError, match=says):
        check_nproc(Options(Request("gpt-bytes", nproc=2), **options))


def test_the_command_line_says_so(capsys, tiny_file):
    assert main(["plan", tiny_file, "--nproc-per-trial", "2", "--executor", "thread"]) == 2
    assert "executor 'thread' trains in this process" in capsys.readouterr().err
