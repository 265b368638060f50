"""AdamW with clipping in few calls trains as torch's own does."""

import copy

import pytest
import torch
from torch import nn

from flopsfit_tui.train.adamw import CpuAdamW


def models():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3))
    return model, copy.deepcopy(model)


def groups(model):
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim == 1]
    return [{"params": matrices, "weight_decay": 0.1, "lr": 0.01}, {"params": vectors, "weight_decay": 0.0, "lr": 0.02}]


def backward(model, k, scale=1.0):
    torch.manual_seed(k)
    (scale * model(torch.randn(4, 5)).square().sum()).backward()


def theirs_step(model, optimizer, clip):
    if clip:
        nn.utils.clip_grad_norm_(model.parameters(), clip)
    optimizer.step()
    optimizer.zero_grad()


@pytest.mark.parametrize("clip", [0.0, 1.0])
def test_it_trains_as_torch_does(clip):
    mine, theirs = models()
    ours, torchs = CpuAdamW(groups(mine), betas=(0.9, 0.95)), torch.optim.AdamW(groups(theirs), betas=(0.9, 0.95))
    for k in range(20):
        if k == 8:  # from a checkpoint
            saved, ours = ours.state_dict(), CpuAdamW(groups(mine), betas=(0.9, 0.95))
            ours.load_state_dict(copy.deepcopy(saved))
        for model in (mine, theirs):
            backward(model, k, 10.0 if k % 2 else 0.01)
            if k in (5, 6):  # a layer that takes no part in a step is not updated in it
                model[2].bias.grad = None
        ours.clip_and_step(clip)
        ours.zero_grad()
        theirs_step(theirs, torchs, clip)
        for a, b in zip(mine.parameters(), theirs.parameters(), strict=True):
            assert torch.allclose(a, b, atol=1e-6)
            assert a.grad is None
    steps = [int(ours.state[p]["step"]) for p in mine.parameters()]
    assert steps == [20, 20, 20, 18]


def test_a_gradient_that_is_no_number_makes_all_so():
    mine, _ = models()
    ours = CpuAdamW(groups(mine))
    backward(mine, 0)
    mine[0].bias.grad[0] = torch.nan
    ours.clip_and_step(1.0)
    assert all(p.isnan().all() for p in mine.parameters())


def calls(step):
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        step()
    return sum(event.count for event in profile.key_averages())


def test_a_step_makes_few_calls():
    mine, theirs = models()
    ours, torchs = CpuAdamW(groups(mine)), torch.optim.AdamW(groups(theirs), fused=True)
    for model in (mine, theirs):
        backward(model, 0)
    ours.clip_and_step(1.0)
    torchs.step()
    few, many = calls(lambda: ours.clip_and_step(1.0)), calls(lambda: theirs_step(theirs, torchs, 1.0))
    print(few, many)
    assert few <= 0.8 * many
