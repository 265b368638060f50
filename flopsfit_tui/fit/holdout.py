"""Holding out the largest budget: what the fit would have said of it had it not been run."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from flopsfit_tui.fit.arrays import Array, Mask, usable
from flopsfit_tui.fit.budgets import curves
from flopsfit_tui.fit.cost import Cost
from flopsfit_tui.fit.estimate import fit_law
from flopsfit_tui.fit.huber import SMALLEST_DELTA, TUNING, robust_sigma
from flopsfit_tui.fit.law import FitWarning, Interval
from flopsfit_tui.fit.optimum import log_cost
from flopsfit_tui.fit.quantities import Quantity, mean_log_loss
from flopsfit_tui.fit.result import Fit
from flopsfit_tui.fit.scales import exp
from flopsfit_tui.fit.wording import compute

ROUNDS = 30  # of reweighting; a dozen settle it
TOP_SHARE = 0.1  # of runs that lie on no IsoFLOP curves


@dataclass(frozen=True)
class HoldOut:
    """The largest budget, predicted from the others."""

    budget: float  # training FLOPs; the least of the runs held out
    points: int  # runs held out
    loss_ratio: Interval  # predicted by measured loss, a robust mean over the runs; bounds say what noise allows
    params: float | None  # best size at that budget, predicted without it
    params_with: float | None  # the same with it
    warnings: tuple[FitWarning, ...]


def hold_out(
    N: ArrayLike,
    D: ArrayLike,
    L: ArrayLike,
    *,
    delta: float | None = None,
    flops: Cost | None = None,
    level: float = 0.95,
    whole: Fit | None = None,
    budgets: ArrayLike | None = None,
) -> HoldOut | None:
    """Fit without the largest budget and predict it; None where the rest gives no law with intervals.

    N, D, L, delta, flops, level and budgets as for fit_law; whole: the fit of all of them, where there is one already.
    Where runs lie on no IsoFLOP curves, the tenth of them that spent most is held out. The interval of the ratio has
    the fit's uncertainty and the noise of the runs held out in it; the warning "hold_out" is given where it leaves
    out 1.
    """
    n, d, loss = (np.asarray(values, dtype=np.float64).ravel() for values in (N, D, L))
    planned = None if budgets is None else np.asarray(budgets, dtype=np.float64).ravel()
    with np.errstate(all="ignore"):
        good = usable(n, d, loss)
        n, d, loss, planned = n[good], d[good], loss[good], None if planned is None else planned[good]
        if n.size == 0:
            return None
        spent = np.exp(log_cost(np.log(n), flops) + np.log(d)) if planned is None else planned
        top = _top(spent, n) if planned is None else planned == planned.max()
        rest = fit_law(n[~top], d[~top], loss[~top], delta=delta, flops=flops, level=level)
        whole = whole or fit_law(n, d, loss, delta=delta, intervals=False, flops=flops)
        if rest.spread is None or rest.theta is None or rest.centre is None:
            return None
        budget = float(spent[top].min())
        ratio = _ratio(rest, n[top], d[top], loss[top])
        before, after = rest.predict(budget), whole.predict(budget)
        sizes = (before.params if before else None, after.params if after else None)
        return HoldOut(budget, int(top.sum()), ratio, *sizes, _warnings(ratio, budget))


def _top(spent: Array, n: Array) -> Mask:
    """The runs of the largest budget, and whatever spent more; where runs lie on no curves, the top share of them."""
    found = curves(spent, n)
    if not found or found[-1].band > 1:
        return np.asarray(spent >= np.quantile(spent, 1 - TOP_SHARE))
    return np.asarray(spent >= spent[found[-1].rows].min())


def _ratio(rest: Fit, n: Array, d: Array, loss: Array) -> Interval:
    """Predicted by measured loss, a robust mean over the runs: a diverged one says nothing of the law."""
    assert rest.spread is not None
    assert rest.theta is not None
    assert rest.centre is not None
    assert rest.law is not None
    off = np.log(rest.law.loss(n, d)) - np.log(loss)
    sigma = max(rest.sigma or 0.0, robust_sigma(off - np.median(off), 1))  # their own: noise may grow with the budget
    weights = _huber_weights(off, sigma)
    measured = float(weights @ np.log(loss))
    predicted = mean_log_loss(rest.centre, np.log(n), np.log(d), weights)
    found = rest.spread.interval(Quantity(lambda theta: predicted.of(theta) - measured, "plain"), rest.theta)
    assert found.low is not None
    assert found.high is not None
    noise = 2 * sigma * math.sqrt(float(weights @ weights))
    low, high = math.hypot(found.value - found.low, noise), math.hypot(found.high - found.value, noise)
    return Interval(exp(found.value), exp(found.value - low), exp(found.value + high))


def _huber_weights(values: Array, sigma: float) -> Array:
    """The weights (n,), adding up to 1, under which the mean of values is Huber's; sigma: of their noise."""
    delta = TUNING * max(sigma, SMALLEST_DELTA)
    middle = float(np.median(values))
    weights = np.full(values.size, 1 / values.size)
    for _ in range(ROUNDS):
        weights = np.minimum(1.0, delta / np.maximum(np.abs(values - middle), 1e-300))
        weights = weights / weights.sum()
        middle = float(weights @ values)
    return np.asarray(weights)


def _warnings(ratio: Interval, budget: float) -> tuple[FitWarning, ...]:
    assert ratio.low is not None
    assert ratio.high is not None
    if ratio.low <= 1 <= ratio.high:
        return ()
    side = "above" if ratio.value > 1 else "below"
    message = (
        f"fitted without the largest budget ({compute(budget)} FLOPs), the law puts its losses "
        f"{abs(ratio.value - 1):.2%} {side} what was measured, more than noise allows: expect the same further out. "
        "Look for a recipe that changes with size or budget."
    )
    return (FitWarning("hold_out", message),)
