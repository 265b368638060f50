"""The best size for a budget: where one more parameter and one more token would buy the same.

Everything is in logs: n = ln N, d = ln D, g(n) = ln F(e^n), and C = F(N) D gives d = ln C - g(n). At the optimum

    alpha A e^(-alpha n) = g'(n) beta B e^(-beta d),

which 6N (g' = 1) answers in closed form and a measured cost by bracketing, for many laws at once.
"""

from __future__ import annotations

import math

import numpy as np

from flopsfit_tui.fit.arrays import Array
from flopsfit_tui.fit.cost import Cost, TokenCost

LOG_SIX = math.log(6.0)
STEP = 1e-3  # in ln N, for the slope of a cost known only as a function: error of g' below 1e-7 for a smooth F
SPAN = 16.0  # the measured-cost optimum is looked for within e^16 either side of the 6N one
SCAN = 81
XTOL = 1e-13  # of ln N


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


def best_log_params(theta: Array, log_budget: float | Array, flops: Cost | None) -> tuple[Array, Array]:
    """ln N_opt and ln F there. theta: (..., 5) laws (E, A, B, alpha, beta) with A, B > 0; log_budget: ln C for all, or
    (...) one for each; both answers (...)."""
    _, a, b, alpha, beta = np.moveaxis(theta, -1, 0)
    pull = np.log(alpha * a) - np.log(beta * b)
    n = (pull + beta * (log_budget - LOG_SIX)) / (alpha + beta)
    if flops is None:
        return n, n + LOG_SIX
    n = _balanced(n, pull, alpha, beta, np.broadcast_to(log_budget, np.shape(n)), flops)
    return n, log_cost(n, flops)


def _balanced(start: Array, pull: Array, alpha: Array, beta: Array, log_budget: Array, flops: Cost) -> Array:
    """The sign change of the balance nearest to the 6N optimum: bracketed by a scan, closed in on by scipy."""
    from scipy.optimize import elementwise  # 0.3 s, and only where a cost was measured

    def balance(n: Array, pull: Array, alpha: Array, beta: Array, log_budget: Array) -> Array:
        cost, slope = log_cost_and_slope(n, flops)  # positive where a larger model is worth it
        data = np.log(np.maximum(slope, 1e-12)) - beta * (log_budget - cost)
        return np.asarray(pull - alpha * n - data)

    offsets = np.linspace(-SPAN, SPAN, SCAN).reshape((-1,) + (1,) * np.ndim(start))
    grid = start + offsets
    positive = balance(grid, pull, alpha, beta, log_budget) > 0
    falls = positive[:-1] & ~positive[1:]
    middle = np.abs(offsets[:-1] + SPAN / (SCAN - 1))
    i = np.argmin(np.where(falls, middle, np.inf), axis=0)
    low = np.take_along_axis(grid, np.expand_dims(i, 0), axis=0)[0]
    bracket = (low, low + 2 * SPAN / (SCAN - 1))
    known = (pull, alpha, beta, log_budget)
    found = elementwise.find_root(balance, bracket, args=known, tolerances={"xatol": XTOL, "xrtol": XTOL})
    return np.asarray(found.x, dtype=np.float64)
