"""From the scale on which an error is symmetric back to the scale that people read."""

from __future__ import annotations

import math

from flopsfit_tui.fit.law import Interval


def back(scale: str, value: float, low: float, high: float) -> Interval:
    """An interval on "log", "logit" or "plain", mapped back; plain numbers are losses and stop at 0."""
    if scale == "log":
        return Interval(_exp(value), _exp(low), _exp(high))
    if scale == "logit":
        return Interval(_expit(value), _expit(low), _expit(high))
    return Interval(value, max(low, 0.0), high)


def _exp(x: float) -> float:
    return math.exp(x) if x < 700 else math.inf


def _expit(x: float) -> float:
    return 1 / (1 + _exp(-x))
