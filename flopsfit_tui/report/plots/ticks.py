"""Where ticks stand on an axis and what they say: ``10k``, ``31.6M``, ``3e10``, ``2.15``."""

from __future__ import annotations

import math
from collections.abc import Callable

Tick = tuple[float, str]  # a place on the axis, its label

MOST_DECIMALS = 6  # of a label
MANTISSAS = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7), (1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9))


def log_ticks(low: float, high: float, most: int, label: Callable[[float], str]) -> list[Tick]:
    """At most about `most` round numbers between two positive ones, placed at their log10."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    best: list[float] = []
    for mantissas in MANTISSAS:
        found = [m * 10.0**d for d in decades for m in mantissas if low <= m * 10.0**d <= high]
        if len(found) > most:
            break
        best = found
    if not best and high < 10 * low:  # no round number of two digits lies between them
        return [(math.log10(at), label(at)) for at, _ in linear_ticks(low, high, most - 1)]
    if not best:  # more decades than ticks
        step = math.ceil(len(decades) / max(1, most))
        best = [10.0**d for d in decades if d % step == 0 and low <= 10.0**d <= high]
    return [(math.log10(value), label(value)) for value in best]


def linear_ticks(low: float, high: float, most: int) -> list[Tick]:
    """At most about `most` round numbers between two, with as many decimals as their distance needs."""
    step = nice_step((high - low) / max(1, most))
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    shape = f".{decimals}f" if decimals <= MOST_DECIMALS else ".3g"
    return [(i * step, f"{i * step:{shape}}") for i in range(first, last + 1)]


def nice_step(least: float) -> float:
    """The smallest of 1, 2 or 5 times a power of ten that is at least `least`."""
    power = 10.0 ** math.floor(math.log10(least)) if least > 0 else 1.0
    return next((m * power for m in (1, 2, 5) if m * power >= least * (1 - 1e-9)), 10 * power)
