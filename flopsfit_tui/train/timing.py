"""Timing a few steps before a sweep, on held-out batches.

What trials draw from the training data stays exactly what they report.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch

from flopsfit_tui.core.sizes import Setting
from flopsfit_tui.core.trial import Recipe
from flopsfit_tui.core.workload import Workload
from flopsfit_tui.plan.compiled import CompileTiming
from flopsfit_tui.train.data import batch_length
from flopsfit_tui.train.device import pick_device
from flopsfit_tui.train.training import Training

ROUNDS, STEPS = 5, 4  # of each side in turn: 20 steps


class HeldOut:
    """Held-out batches again and again, in the place of training data."""

    def __init__(self, source: Any) -> None:
        self._source, self.tokens_per_sample = source, source.tokens_per_sample
        self.drawn = 0  # samples; a small or a loader's batch is not of the size asked for

    def batches(self, batch_size: int, seed: int) -> Iterator[tuple[Any, Any]]:  # noqa: ARG002 - they are not shuffled
        """Endless."""
        while True:
            for batch in self._source.once(batch_size):
                self.drawn += batch_length(batch)
                yield batch


def time_compiled(workload: Workload, size: Setting, batch_size: int, recipe: Recipe, device: str) -> CompileTiming:
    """Compile one size, then time 20 steps of it beside 20 of the model as it is written, in turn.

    On a CPU seconds of the processor are counted, which other load moves little.
    """
    device = pick_device(device)
    data = replace(workload, dataset=HeldOut(workload.val_dataset))
    written, compiled = (Training(data, size, batch_size, 0, recipe, device) for _ in range(2))
    seconds = compiled.compile()
    assert compiled.compiled is not None
    ratios = []
    for side in (written, compiled):
        side.step(1e-3)
    for _ in range(ROUNDS):
        first, second = (_seconds(side, device) for side in (written, compiled))
        ratios.append(first / second)
    if problem := compiled.compiled.problem:
        return CompileTiming(size, seconds, problem=problem)
    return CompileTiming(size, seconds, statistics.median(ratios))


def _seconds(training: Training, device: str) -> float:
    clock: Callable[[], float] = time.process_time if device == "cpu" else time.perf_counter
    _wait(device)
    began = clock()
    for _ in range(STEPS):
        training.step(1e-3)
    _wait(device)
    return clock() - began


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
