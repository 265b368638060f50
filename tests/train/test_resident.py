"""Data that lie on the device give the batches that they give from the host."""

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

from flopsfit_tui.train import resident as resident_module
from flopsfit_tui.train.data import as_source
from flopsfit_tui.train.resident import resident
from flopsfit_tui.workloads.windows import ResidentWindows, TokenWindows


def equal(ours, theirs, count=7):
    for _, mine, wanted in zip(range(count), ours, theirs, strict=False):
        assert all(a.dtype == b.dtype and torch.equal(a, b) for a, b in zip(mine, wanted, strict=True))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int64])
def test_windows_cut_on_a_device_are_the_same(kind):
    tokens = np.random.default_rng(0).integers(0, 200, 1000).astype(kind)
    tokens.flags.writeable = False  # as from a file
    windows = TokenWindows(tokens, 16, "x", limit=20)
    there = ResidentWindows(windows, "cpu")
    assert (there.samples, there.tokens_per_sample) == (20, 16)
    equal(there.batches(4, 1), windows.batches(4, 1))
    equal(there.batches_from(4, 1, 3), windows.batches_from(4, 1, 3))
    equal(there.once(8), windows.once(8))


def test_a_tensor_data_set_is_the_same():
    source = as_source(TensorDataset(torch.randn(40, 3), torch.arange(40)))
    equal(source.resident("cpu").batches(4, 1), source.batches(4, 1))
    equal(source.resident("cpu").once(8), source.once(8))
    assert source.nbytes == 40 * (3 * 4 + 8)


def test_only_what_fits_moves_and_only_once(monkeypatch):
    windows = TokenWindows(np.zeros(1000, dtype=np.uint8), 16, "x")
    assert resident(windows, "cpu") is windows
    there = resident(windows, "meta")  # stands for an accelerator
    assert there is resident(windows, "meta")
    assert next(there.batches(4, 0))[0].device.type == "meta"
    monkeypatch.setattr(resident_module, "MOST", 999)
    other = TokenWindows(np.zeros(1000, dtype=np.uint8), 16, "x")
    assert resident(other, "meta") is other
    callable_data = object()
    assert resident(callable_data, "cuda") is callable_data


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_step_on_a_gpu_draws_its_batches_there():
    windows = TokenWindows(np.arange(1000).astype(np.uint8), 16, "x")
    batch = next(resident(windows, "cuda").batches(4, 1))
    assert batch[0].is_cuda
    assert torch.equal(batch[0].cpu(), next(windows.batches(4, 1))[0])
