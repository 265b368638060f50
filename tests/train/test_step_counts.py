"""What a step costs where a count stands for time: kernels, and reads that make a GPU wait for itself."""

from collections import Counter

import pytest
import torch
from tiny import make
from torch.utils._python_dispatch import TorchDispatchMode

from flopsfit_tui.core.events import TrialProgress
from flopsfit_tui.core.trial import RateRule, Recipe, Trial
from flopsfit_tui.train import loop, optim
from flopsfit_tui.train import training as training_module
from flopsfit_tui.train.ready import fill_defaults
from flopsfit_tui.train.training import Training
from flopsfit_tui.workloads import resolve

STEPS = 3


class Kernels(TorchDispatchMode):
    """Every operator that is dispatched, by its name."""

    def __init__(self):
        super().__init__()
        self.found = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.found[func.overloadpacket.__name__] += 1
        return func(*args, **(kwargs or {}))


def training_of(name, width=16):
    workload = fill_defaults(resolve(name))
    rate = workload.learning_rate
    peak = rate.peak if isinstance(rate, RateRule) else rate
    return Training(workload, width, workload.batch_size, 0, Recipe(peak, 32, 64), "cpu")


VIEWS = {  # operators that compute nothing
    *("view", "t", "detach", "transpose", "unbind", "expand", "permute", "alias", "unsqueeze", "_unsafe_view"),
    *("empty", "empty_like"),
}


@pytest.mark.parametrize(("name", "syncs"), [("gpt-bytes", 3), ("vit-textures", 1)])
def test_a_step_of_a_built_in_model_makes_few_calls(name, syncs):
    """Reached are 206 and 207, of which compute 92 and 88; the reads are of clipping and of our cross-entropy, which on
    a CPU wait for nothing and are not made elsewhere."""
    training = training_of(name)
    for _ in range(STEPS):
        training.step(0.1)
    training.peek()  # drawing a batch is not the step
    with Kernels() as kernels:
        training.step(0.1)
    assert kernels.found.total() <= 212
    assert sum(count for operator, count in kernels.found.items() if operator not in VIEWS) <= 96
    assert kernels.found["_local_scalar_dense"] <= syncs


READS = "item", "cpu", "numpy", "tolist", "__bool__", "__float__", "__int__", "__index__"


def test_nothing_waits_for_the_device_between_two_progresses(monkeypatch):
    """The step as it is on a GPU, with torch's own fused AdamW and clipping, and all that a trial does around it."""
    monkeypatch.setattr(optim, "CpuAdamW", lambda groups, **more: torch.optim.AdamW(groups, fused=True, **more))
    monkeypatch.setattr(training_module, "CpuAdamW", type(None))
    monkeypatch.setattr(loop, "PROGRESS_SECONDS", 1e9)
    read = []
    for name in READS:
        plain = getattr(torch.Tensor, name)
        monkeypatch.setattr(
            torch.Tensor, name, lambda self, *args, _name=name, _plain=plain: read.append(_name) or _plain(self, *args)
        )
    workload = fill_defaults(make())
    trial = Trial("reads", 1.0, 8, 1, 800, 800, 100, 8, 0, 1.0, 1e-2)
    reads = {}
    with Kernels() as kernels:
        for event in loop.train_trial(workload, trial, Recipe(1e-2), "cpu"):
            if isinstance(event, TrialProgress):
                reads[event.step] = len(read), kernels.found["_local_scalar_dense"]
    assert list(reads) == [1, 100]
    assert reads[100][0] - reads[1][0] <= 1  # of the progress itself
    assert reads[100][1] - reads[1][1] <= 1
