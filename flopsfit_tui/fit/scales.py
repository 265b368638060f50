"""From the scale on which an error is symmetric to the original scale."""

from __future__ import annotations

import math

from flopsfit_tui.fit.law import Interval


def to_original_scale(scale: str, value: float, low: float, high: float) -> Interval:
    """An interval on "log", "logit", "loss" (stops at 0) or "plain", mapped to the original scale."""
    if scale == "log":
        return Interval(exp(value), exp(low), exp(high))
    if scale == "logit":
        return Interval(_expit(value), _expit(low), _expit(high))
    return Interval(value, max(low, 0.0) if scale == "loss" else low, high)


def exp(x: float) -> float:
    """e^x, infinite where it does not fit."""
    return math.exp(x) if x < 700 else math.inf


def _expit(x: float) -> float:
    return 1 / (1 + exp(-x))
