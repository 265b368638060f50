"""The best size for a budget: where one more parameter and one more token would buy the same.

Everything is in logs: n = ln N, d = ln D, g(n) = ln F(e^n), and C = F(N) D gives d = ln C - g(n). At the optimum

    alpha A e^(-alpha n) = g'(n) beta B e^(-beta d),

which 6N (g' = 1) answers in closed form and a measured cost by bisection, for many laws at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from flopsfit_tui.fit.arrays import Array
from flopsfit_tui.fit.cost import Cost, TokenCost

LOG_SIX = math.log(6.0)
STEP = 1e-3  # in ln N, for the slope of a cost known only as a function: error of g' below 1e-7 for a smooth F
SPAN = 16.0  # the measured-cost optimum is looked for within e^16 either side of the 6N one
SCAN = 81


def log_cost(n: Array, flops: Cost | None) -> Array:
    """ln F at ln N = n, any shape."""
    if flops is None:
        return n + LOG_SIX
    if isinstance(flops, TokenCost):
        return flops.log_cost(n)
    return np.log(np.asarray(flops(np.exp(n)), dtype=np.float64))


def log_cost_and_slope(n: Array, flops: Cost) -> tuple[Array, Array]:
    """ln F and its derivative with respect to ln N, at ln N = n, any shape."""
    if isinstance(flops, TokenCost):
        return flops.log_cost_and_slope(n)
    below, here, above = log_cost(np.stack([n - STEP, n, n + STEP]), flops)
    return here, (above - below) / (2 * STEP)


def best_log_params(theta: Array, log_budget: float, flops: Cost | None) -> tuple[Array, Array]:
    """ln N_opt and ln F there. theta: (..., 5) laws (E, A, B, alpha, beta) with A, B > 0; both answers (...)."""
    _, a, b, alpha, beta = np.moveaxis(theta, -1, 0)
    pull = np.log(alpha * a) - np.log(beta * b)
    n = (pull + beta * (log_budget - LOG_SIX)) / (alpha + beta)
    if flops is None:
        return n, n + LOG_SIX
    n = _bisect(n, pull, alpha, beta, log_budget, flops)
    return n, log_cost(n, flops)


def _bisect(start: Array, pull: Array, alpha: Array, beta: Array, log_budget: float, flops: Cost) -> Array:
    """The sign change of the balance nearest to the 6N optimum, found by scanning, then by false position."""

    def balance(n: Array) -> Array:  # positive where a larger model is still worth it
        cost, slope = log_cost_and_slope(n, flops)
        data = np.log(np.maximum(slope, 1e-12)) - beta * (log_budget - cost)
        return np.asarray(pull - alpha * n - data)

    offsets = np.linspace(-SPAN, SPAN, SCAN).reshape((-1,) + (1,) * np.ndim(start))
    grid = start + offsets
    positive = balance(grid) > 0
    falls = positive[:-1] & ~positive[1:]
    middle = np.abs(offsets[:-1] + SPAN / (SCAN - 1))
    i = np.argmin(np.where(falls, middle, np.inf), axis=0)
    low = np.take_along_axis(grid, np.expand_dims(i, 0), axis=0)[0]
    high = low + 2 * SPAN / (SCAN - 1)
    return _root(balance, low, high)


def _root(f: Callable[[Array], Array], low: Array, high: Array) -> Array:
    """Where f falls through zero between low and high, to rounding: false position with the Illinois halving."""
    f_low, f_high = f(low), f(high)
    x = np.full_like(low, np.nan)  # so that the first step, which may be to the middle, is not taken for the last
    for _ in range(60):
        before = x
        with np.errstate(invalid="ignore", divide="ignore"):
            x = (low * f_high - high * f_low) / (f_high - f_low)
        x = np.where((x > low) & (x < high), x, (low + high) / 2)
        here = f(x)
        up = here > 0
        f_low, f_high = np.where(up, here, f_low / 2), np.where(up, f_high / 2, here)
        low, high = np.where(up, x, low), np.where(up, high, x)
        if np.all(np.abs(x - before) <= 1e-12 * np.maximum(1.0, np.abs(x))):
            break
    return np.asarray(x)
