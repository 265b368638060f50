"""Can a model be trained on parts of a batch? Only where its training loss is a mean over independent samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from flopsfit_tui.core.sizes import Setting
from flopsfit_tui.core.trial import Recipe
from flopsfit_tui.core.workload import Workload
from flopsfit_tui.train.data import batch_length, cut
from flopsfit_tui.train.isolation import LossState
from flopsfit_tui.train.loss import batch_loss
from flopsfit_tui.train.model import build_to_train, to_device
from flopsfit_tui.train.random_state import random_state, seed_generators, set_random_state

SAME = 1e-3  # relative difference at which two gradients count as equal


def check_parts(workload: Workload, size: Setting, recipe: Recipe, device: str, batch: Any, count: int) -> None:
    """Raise ValueError where the gradient of a batch is not the mean of its `count` parts', or parts change buffers
    differently.

    Tried with a few samples a part and on a model of its own: training goes on as if this had not been.
    """
    each = max(1, min(2, batch_length(batch) // count))
    batch = to_device(cut(batch, 0, each * count), device)
    before, loss_state = random_state(device), LossState(workload.loss_fn)
    try:
        seed_generators(0)
        tried = _Tried(workload, build_to_train(workload, size, device), recipe)
        whole = tried.gradient(batch, 0)
        noise = 4 * _distance(whole, tried.gradient(batch, 1))  # of a model that draws random numbers
        mean, apart = [torch.zeros_like(g) for g in whole], ""
        for i in range(count):
            torch._foreach_add_(mean, tried.gradient(cut(batch, i * each, (i + 1) * each), 0), alpha=1 / count)
            apart = apart or tried.changed_otherwise()
    finally:
        loss_state.restore()
        set_random_state(before)
    why = _batch_norm(tried.model) or (apart and f"its buffer {apart!r} depends on them")
    zeros = [torch.zeros_like(g) for g in whole]
    if why or not _distance(mean, whole) <= max(SAME * _distance(whole, zeros), noise):
        raise ValueError(
            f"the samples of a batch are not independent in this model's training loss{why and f' ({why})'}, so "
            f"{count} processes with a part of it each would train another model; leave --nproc-per-trial out"
        )


def _batch_norm(model: nn.Module) -> str:
    kinds = [type(m).__name__ for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    return f"its {kinds[0]} mixes them" if kinds else ""


def _distance(a: Sequence[Tensor], b: Sequence[Tensor]) -> float:
    return math.sqrt(sum(float((x - y).double().square().sum()) for x, y in zip(a, b, strict=True)))


class _Tried:
    """Takes gradients of a model, always from the same buffers."""

    def __init__(self, workload: Workload, model: nn.Module, recipe: Recipe) -> None:
        self._workload, self.model, self._recipe = workload, model, recipe
        self._before = {name: buffer.clone() for name, buffer in model.named_buffers()}
        self._first: dict[str, Tensor] = {}  # buffers after the first part

    def gradient(self, batch: Any, seed: int) -> list[Tensor]:
        """Of the loss by every parameter."""
        with torch.no_grad():
            for name, buffer in self.model.named_buffers():
                buffer.copy_(self._before[name])
        self.model.zero_grad(set_to_none=True)
        seed_generators(seed)
        batch_loss(self._workload, self.model, batch, self._recipe).backward()  # type: ignore[no-untyped-call]
        return [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in self.model.parameters()]

    def changed_otherwise(self) -> str:
        """The first buffer that this part has left otherwise than the first part did; "" for none."""
        now = {name: buffer.clone() for name, buffer in self.model.named_buffers()}
        self._first = self._first or now
        return next((name for name, buffer in now.items() if not torch.equal(buffer, self._first[name])), "")
