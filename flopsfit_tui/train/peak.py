"""What a trial's FLOPs are compared with: a matrix product on its device, with its dtype and threads.

Measured, not read off a data sheet: on a CPU none is true for one thread beside others, and on a card that is shared or
throttled a data sheet's peak is not there to be had.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace

import torch

from flopsfit_tui.core.events import TrialEnded

SECONDS = 0.15  # of measuring, once a process, device and number of threads
SIDES = {"cuda": 4096, "mps": 2048}  # of the square matrices; on a CPU 512, whose product takes a few milliseconds
_PEAKS: dict[tuple[str, int], float] = {}


def peak_flops(device: str) -> float:
    """FLOP/s of the best of several products of square matrices; measured once a process, device and thread count.

    The best, not the mean: other load makes a product slower, never faster. On CUDA the product is in bfloat16, as the
    forward pass of a trial is; elsewhere in float32.
    """
    known = device, torch.get_num_threads()
    if known not in _PEAKS:
        _PEAKS[known] = _measure(device)
    return _PEAKS[known]


def with_peak(ended: TrialEnded) -> TrialEnded:
    """The end of a trial that trained here, with the peak of its device; without where that cannot be measured."""
    outcome = ended.outcome
    if not (outcome.device and outcome.seconds > 0):
        return ended
    return replace(ended, outcome=replace(outcome, peak_flops=known_peak(outcome.device)))


def known_peak(device: str) -> float:
    """The same; NaN where it cannot be measured, such as on a card whose memory a trial has filled."""
    try:
        return peak_flops(device)
    except (RuntimeError, MemoryError):  # the trial's loss counts, not this
        return math.nan


@torch.no_grad()
def _measure(device: str) -> float:
    side = SIDES.get(device, 512)
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    matrix = torch.ones(side, side, dtype=dtype, device=device)  # the same for every value: no random number is drawn
    out = torch.empty_like(matrix)
    best, began, done = float("inf"), time.perf_counter(), 0
    while done < 4 or time.perf_counter() - began < SECONDS:
        first = time.perf_counter()
        torch.mm(matrix, matrix, out=out)
        _wait(device)
        done += 1
        if done > 1:  # the first warms up
            best = min(best, time.perf_counter() - first)
    return 2.0 * side**3 / best


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
    elif device == "mps":
        torch.mps.synchronize()
