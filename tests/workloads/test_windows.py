"""Tokens cut into windows without loss."""

import numpy as np
import pytest
import torch

from flopsfit_tui.workloads.windows import TokenWindows


def windows(n=10 * 8 + 5, T=8):
    return TokenWindows(np.arange(n, dtype=np.uint8), T, "test")


def test_targets_are_one_token_ahead():
    x, y = next(windows().batches(4, seed=0))
    assert x.shape == y.shape == (4, 8)
    assert x.dtype == torch.int64
    assert torch.equal(y, x + 1)


def test_an_epoch_sees_every_window_once_and_the_next_another_order():
    source = windows()
    batches = source.batches(3, seed=1)
    starts = [int(x[0]) for _ in range(6) for x in next(batches)[0]]
    phase = starts[0] % 8
    same_phase = [s for s in starts[:10] if s % 8 == phase]
    assert len(set(same_phase)) == len(same_phase) >= 9
    again = source.batches(3, seed=1)
    assert [int(x[0]) for _ in range(6) for x in next(again)[0]] == starts
    other = source.batches(3, seed=2)
    assert [int(x[0]) for _ in range(6) for x in next(other)[0]] != starts


def test_once_is_fixed_and_evenly_spread():
    source = TokenWindows(np.zeros(8 * 100 + 1, dtype=np.uint8), 8, "test", limit=10)
    assert source.samples == 10
    assert sum(len(x) for x, _ in source.once(4)) == 10
    assert sum(len(x) for x, _ in windows().once(64)) == windows().samples == 10


def test_too_little_text_is_refused():
    with pytest.raises(ValueError, match="less than one batch"):
        next(windows(n=20).batches(8, seed=0))
