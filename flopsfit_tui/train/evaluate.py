"""The loss on the held-out data."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from typing import Any

import torch
from torch import nn

from flopsfit_tui.core.workload import Workload
from flopsfit_tui.train.data import batch_length, cut, join
from flopsfit_tui.train.loss import Form, batch_loss
from flopsfit_tui.train.model import to_device
from flopsfit_tui.train.resident import resident

EVAL_BATCH = 64


def autocast(device: str) -> AbstractContextManager[Any]:
    """Mixed precision where it pays: bfloat16 on CUDA; on a CPU it was 1.4 to 2.2 times slower."""
    return torch.autocast("cuda", dtype=torch.bfloat16) if device == "cuda" else nullcontext()


def evaluating(
    model: nn.Module, workload: Workload, device: str, form: Form, batch_size: int
) -> Generator[None, None, float]:
    """Mean loss over the held-out data, in smaller batches where memory is short; stands still after each batch.

    A loss that depends on its batch's size is taken in batches of the training size.
    """
    size = batch_size if form.reduction == "batch" else EVAL_BATCH
    while True:
        try:
            return (yield from _losses(model, workload, device, form, None, size))
        except torch.OutOfMemoryError:
            if size == 1 or form.reduction == "batch":
                raise
            size //= 2


def evaluate(
    model: nn.Module, workload: Workload, device: str, form: Form, batches: int | None = None, size: int = EVAL_BATCH
) -> float:
    """Mean loss over the held-out data (or its first few batches), every sample weighing the same."""
    evaluation = _losses(model, workload, device, form, batches, size)
    while True:
        try:
            next(evaluation)
        except StopIteration as done:
            loss: float = done.value
            return loss


def _losses(
    model: nn.Module, workload: Workload, device: str, form: Form, batches: int | None, size: int
) -> Generator[None, None, float]:
    model.eval()
    total = samples = 0.0
    data = resident(workload.val_dataset, device).once(size)
    for batch in islice(regroup(data, size) if form.reduction == "batch" else data, batches):
        with torch.no_grad(), autocast(device):
            loss = batch_loss(workload, model, to_device(batch, device), form)
        total += batch_length(batch[1]) * float(loss)
        samples += batch_length(batch[1])
        yield
    return total / samples


def regroup(batches: Iterable[tuple[Any, Any]], size: int) -> Iterator[tuple[Any, Any]]:
    """The same samples in batches of exactly `size`; the last few that fill none are left out.

    Where there are fewer samples than that in all, they are one batch.
    """
    left: tuple[Any, Any] | None = None
    given = False
    for batch in batches:
        left = batch if left is None else join(left, batch)
        while left is not None and batch_length(left[1]) >= size:
            yield cut(left, 0, size)
            given = True
            left = cut(left, size, None) if batch_length(left[1]) > size else None
    if left is not None and not given:
        yield left
