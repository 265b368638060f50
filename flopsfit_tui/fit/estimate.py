"""fit_law: losses in, a law with its intervals and warnings out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flopsfit_tui.fit.arrays import Array, Labels, Mask
from flopsfit_tui.fit.cost import Cost
from flopsfit_tui.fit.huber import adaptive_delta, robust_sigma
from flopsfit_tui.fit.intervals import Covariance, gauss_newton, sandwich
from flopsfit_tui.fit.law import FitWarning, Interval
from flopsfit_tui.fit.optimum import log_cost
from flopsfit_tui.fit.polish import HIGHEST, LOWEST, Data, P, polish, residuals
from flopsfit_tui.fit.result import Centre, Fit, exponent_interval, parameter_intervals
from flopsfit_tui.fit.varpro import starts

FEWEST = 6  # one more point than the law has parameters
FEWEST_FOR_INTERVAL = 8
MANY = 30  # below this many points the wider of HC3 and Gauss-Newton is shown
FLAG = 4.5  # robust standard deviations; one in 150,000 normal residuals is further off
ROUNDS = 20  # of fitting and measuring the noise in turn; 5 to 10 settle it
ONE_BUDGET = 1.25  # budgets within this factor of each other are one


@dataclass(frozen=True)
class Solution:
    """Where the search ended, in centred units."""

    theta: Array  # (5,)
    delta: float
    objective: float
    converged: bool


def fit_law(
    N: ArrayLike,
    D: ArrayLike,
    L: ArrayLike,
    *,
    delta: float | None = None,
    intervals: bool = True,
    groups: ArrayLike | None = None,
    flops: Cost | None = None,
    untrained: float | None = None,
    level: float = 0.95,
) -> Fit:
    """Fit L = E + A/N^alpha + B/D^beta by Huber's loss on log residuals.

    N, D, L: params, training tokens and losses, each (n,), in any units and order. delta: None adapts it to the
    noise; a number fixes it, in log loss (Chinchilla: 1e-3); math.inf is least squares. groups: (n,) labels of points
    that share an error (None: rows with the same N and D, where there are several). flops: training FLOPs per token
    as a function of params, for predict and the budgets (None: 6N). untrained: the loss before training; rows no
    better are excluded.

    Thin or odd data never raise: they give a Fit whose law is None (under 6 usable points, or all at one budget) or
    which has no intervals (under 8), with a warning. ValueError is for different lengths, a level outside (0, 1), and
    a delta that is not positive.
    """
    n, d, loss = (np.asarray(values, dtype=np.float64).ravel() for values in (N, D, L))
    labels = None if groups is None else np.asarray(groups).ravel()
    _check(n, d, loss, labels, delta, level)
    excluded = _unusable(n, d, loss, untrained)
    keep = ~excluded
    reason = _too_thin(n[keep], d[keep], flops)
    if reason is not None:
        return _no_law(reason, excluded)
    with np.errstate(all="ignore"):  # odd data may overflow on the way; what comes out is checked
        return _fit(n, d, loss, labels, excluded, delta, intervals, flops, level)


def _fit(
    n: Array, d: Array, loss: Array, labels: NDArray[Any] | None, excluded: Mask,
    delta: float | None, intervals: bool, flops: Cost | None, level: float,
) -> Fit:  # fmt: skip
    keep = ~excluded
    data, centre = centred(n[keep], d[keep], loss[keep])
    found = solve(data, delta)
    r = residuals(found.theta[None], data)[0]
    sigma = robust_sigma(r, P)
    off = np.abs(r) > FLAG * max(sigma, 1e-9)
    clusters = _repeats(n[keep], d[keep]) if labels is None else np.unique(labels[keep], return_inverse=True)[1]
    covariance = _covariance(found, data, clusters, level) if intervals else None
    return Fit(
        law=centre.law(found.theta),
        status=_status(found),
        warnings=(),
        excluded=excluded,
        flagged=_spread(off, keep, False),
        residuals=_spread(r, keep, np.nan),
        sigma=sigma,
        delta=found.delta,
        objective=found.objective,
        method=covariance.method if covariance else None,
        parameters=parameter_intervals(found.theta, centre, covariance),
        exponent=exponent_interval(found.theta, covariance),
        exponent_without_flagged=_without(off, data, delta, clusters, level, intervals),
        flops=flops,
        largest_budget=float(np.exp((log_cost(np.log(n[keep]), flops) + np.log(d[keep])).max())),
        theta=found.theta,
        covariance=covariance,
        centre=centre,
    )


def solve(data: Data, delta: float | None) -> Solution:
    """The lowest minimum from the grid's valleys; with delta None, again as the noise becomes known."""
    nodes = starts(data, delta)
    width = adaptive_delta(residuals(nodes[:1], data)[0], P) if delta is None else delta
    ends = polish(nodes, data, width)
    best = int(np.argmin(ends.objective))
    theta, objective, converged = ends.theta[best], float(ends.objective[best]), bool(ends.converged[best])
    if delta is None:
        for _ in range(ROUNDS):
            again = adaptive_delta(residuals(theta[None], data)[0], P)
            if abs(again - width) <= 1e-9 * width:
                break
            width = again
            theta = polish(theta[None], data, width, limit=2, damping=0.0).theta[0]
        end = polish(theta[None], data, width, damping=0.0)
        theta, objective, converged = end.theta[0], float(end.objective[0]), bool(end.converged[0])
    return Solution(theta, width, objective, converged)


def centred(N: Array, D: Array, L: Array) -> tuple[Data, Centre]:
    logs = [np.log(values) for values in (N, D, L)]
    means = [float(np.median(values)) for values in logs]
    x, y, log_loss = (values - mean for values, mean in zip(logs, means, strict=True))
    return Data(x, y, log_loss, np.ones_like(x)), Centre(*means)


def _check(n: Array, d: Array, loss: Array, labels: NDArray[Any] | None, delta: float | None, level: float) -> None:
    sizes = [n.size, d.size, loss.size] + ([] if labels is None else [labels.size])
    if len(set(sizes)) > 1:
        raise ValueError(f"N, D, L (and groups) must have one length; got {', '.join(map(str, sizes))}")
    if delta is not None and not delta > 0:
        raise ValueError(f"delta must be positive, in log loss, e.g. 1e-3; got {delta!r}")
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, e.g. 0.95; got {level!r}")


def _unusable(n: Array, d: Array, loss: Array, untrained: float | None) -> Mask:
    with np.errstate(invalid="ignore"):
        good = np.isfinite(n) & np.isfinite(d) & np.isfinite(loss) & (n > 0) & (d > 0) & (loss > 0)
        if untrained is not None:
            good &= loss < untrained
    return ~good


def _too_thin(n: Array, d: Array, flops: Cost | None) -> FitWarning | None:
    if n.size < FEWEST:
        return FitWarning("too_few", f"{n.size} usable runs; a law needs at least {FEWEST}. Run more sizes.")
    budgets = log_cost(np.log(n), flops) + np.log(d)
    if np.ptp(budgets) <= np.log(ONE_BUDGET):
        return FitWarning(
            "one_budget",
            "all runs spent one budget: it shows a best size there, but no law across budgets. Add a budget.",
        )
    return None


def _no_law(reason: FitWarning, excluded: Mask) -> Fit:
    nothing = np.full(excluded.size, np.nan)
    flagged = np.zeros(excluded.size, dtype=bool)
    return Fit(None, reason.code, (reason,), excluded, flagged, nothing, None, None, None, None)


def _repeats(n: Array, d: Array) -> Labels | None:
    """Labels of the points that were run more than once, (n,); None when none was."""
    _, labels = np.unique(np.column_stack([n, d]), axis=0, return_inverse=True)
    labels = labels.ravel()
    return labels if labels.max() + 1 < n.size else None


def _covariance(found: Solution, data: Data, clusters: Labels | None, level: float) -> Covariance | None:
    points = data.x.size if clusters is None else int(clusters.max()) + 1
    if points < FEWEST_FOR_INTERVAL or not found.converged or (found.theta[1:3] <= 0).any():
        return None
    robust = sandwich(found.theta, data, found.delta, clusters, level)
    if clusters is not None or points >= MANY:
        return robust
    plain = gauss_newton(found.theta, data, found.delta, level)
    alpha, beta = found.theta[3:]
    of_exponent = np.array([0, 0, 0, -1 / alpha, 1 / beta])
    return plain if plain.half_width(of_exponent) > robust.half_width(of_exponent) else robust


def _without(
    off: Mask, data: Data, delta: float | None, clusters: Labels | None, level: float, intervals: bool
) -> Interval | None:
    if not off.any() or (~off).sum() < FEWEST:
        return None
    rest = Data(data.x[~off], data.y[~off], data.log_loss[~off], data.weights[~off])
    found = solve(rest, delta)
    left = None if clusters is None else np.unique(clusters[~off], return_inverse=True)[1]
    return exponent_interval(found.theta, _covariance(found, rest, left, level) if intervals else None)


def _status(found: Solution) -> str:
    if not found.converged:
        return "not_converged"
    edge = (found.theta[3:] <= LOWEST[3:]) | (found.theta[3:] >= HIGHEST[3:])
    return "at_bound" if edge.any() or (found.theta[1:3] <= 0).any() else "converged"


def _spread(values: NDArray[Any], keep: Mask, rest: float | bool) -> NDArray[Any]:
    """Values of the rows kept, put back among all rows."""
    whole = np.full(keep.size, rest, dtype=values.dtype)
    whole[keep] = values
    return whole
