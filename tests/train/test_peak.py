"""The peak that model FLOPs utilisation is taken against."""

import math
from dataclasses import replace

import pytest
import torch

from flopsfit_tui.core.events import TrialEnded
from flopsfit_tui.core.trial import Outcome
from flopsfit_tui.train import peak
from flopsfit_tui.train.peak import peak_flops, with_peak

ENDED = TrialEnded("k", Outcome("finished", 10, 80, 5120, 3e9, loss=1.0, seconds=2.0, device="cpu"))


def test_it_is_measured_once_and_draws_no_random_number(monkeypatch):
    monkeypatch.setattr(peak, "_PEAKS", {})
    monkeypatch.setattr(peak, "SECONDS", 0.0)
    before = torch.get_rng_state()
    found = peak_flops("cpu")
    assert 1e8 < found < 1e13  # FLOP/s, not GFLOP/s
    assert peak_flops("cpu") == found
    assert torch.equal(torch.get_rng_state(), before)


def test_utilisation_is_flops_by_seconds_by_peak(monkeypatch):
    monkeypatch.setattr(peak, "_PEAKS", {("cpu", torch.get_num_threads()): 6e9})
    assert with_peak(ENDED).outcome.mfu == pytest.approx(0.25)


def test_what_is_not_known_is_not_made_up(monkeypatch):
    assert math.isnan(ENDED.outcome.mfu)
    failed = TrialEnded("k", Outcome("failed", error="broken"))
    assert with_peak(failed) == failed

    def full(device):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(peak, "peak_flops", full)
    assert with_peak(ENDED) == ENDED
    assert math.isnan(replace(ENDED.outcome, seconds=0.0, peak_flops=6e9).mfu)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_is_faster_than_a_core():
    assert peak_flops("cuda") > peak_flops("cpu")
