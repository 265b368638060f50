"""fit_law: losses in, a law with its intervals and warnings out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flopsfit_tui.fit.arrays import Array, Labels, Mask, usable
from flopsfit_tui.fit.bootstrap import bootstrap
from flopsfit_tui.fit.cost import Cost
from flopsfit_tui.fit.diagnose import diagnose
from flopsfit_tui.fit.huber import SMALLEST_DELTA, robust_sigma
from flopsfit_tui.fit.intervals import gauss_newton, sandwich
from flopsfit_tui.fit.law import FitWarning, Interval
from flopsfit_tui.fit.optimum import log_cost
from flopsfit_tui.fit.parabola import fit_parabolas, fit_power_laws
from flopsfit_tui.fit.polish import Data, P, residuals
from flopsfit_tui.fit.result import Fit, Spread, exponent_interval, law_of, parameter_intervals
from flopsfit_tui.fit.search import Solution, centred, solve

FEWEST = 6  # one more point than the law has parameters
FEWEST_LEVELS = 3  # sizes, and token counts: fewer do not tell a power from a constant
FEWEST_FOR_INTERVAL = 8
MANY = 30  # below this many points the wider of HC3 and Gauss-Newton is shown
FLAG = 4.5  # robust standard deviations; one in 150,000 normal residuals is further off
ONE_BUDGET = 1.25  # budgets within this factor of each other are one

Intervals = bool | Literal["hc3", "gauss-newton", "pairs", "wild"]


@dataclass(frozen=True)
class Options:
    """How to fit: what fit_law was asked, less the data."""

    delta: float | None = None
    intervals: Intervals = True
    flops: Cost | None = None
    level: float = 0.95
    resamples: int = 1000
    rng: np.random.Generator | None = None
    unique_tokens: float | None = None


def fit_law(
    N: ArrayLike,
    D: ArrayLike,
    L: ArrayLike,
    *,
    delta: float | None = None,
    intervals: Intervals = True,
    groups: ArrayLike | None = None,
    flops: Cost | None = None,
    untrained: float | None = None,
    unique_tokens: float | None = None,
    level: float = 0.95,
    resamples: int = 1000,
    rng: np.random.Generator | None = None,
    names: Sequence[str] | None = None,
) -> Fit:
    """Fit L = E + A/N^alpha + B/D^beta by Huber's loss on log residuals.

    N, D, L: params, training tokens and losses, each (n,), in any units and order.
    delta: None adapts it to the noise; a number fixes it, in log loss (Chinchilla: 1e-3); math.inf is least squares.
    intervals: True for HC3 (CR3 with groups), widened to Gauss-Newton's under 30 points; False for none; "hc3" or
    "gauss-newton" for that one alone; "pairs" or "wild" for a bootstrap of so many resamples drawn from rng (None: a
    fixed seed). level: what they should cover.
    groups: (n,) labels of points that share an error; None: rows with the same N and D, where there are several.
    flops: training FLOPs per token as a function of params, for budgets and predict; None is 6N.
    untrained: the loss before training; rows no better are excluded. unique_tokens: how many there are to train on.
    names: (n,) of the rows, for the warnings; None counts them from 1.

    Thin or odd data never raise: they give a Fit whose law is None (under 6 usable points, 3 sizes or 3 token counts,
    or all at one budget) or which has no intervals (under 8 points), with a warning. ValueError is for different
    lengths, a level outside (0, 1), a delta under 1e-8, and an unknown kind of interval.
    """
    n, d, loss = (np.asarray(values, dtype=np.float64).ravel() for values in (N, D, L))
    labels = None if groups is None else np.asarray(groups).ravel()
    options = Options(delta, intervals, flops, level, resamples, rng, unique_tokens)
    _check(n, d, loss, labels, options)
    excluded = _unusable(n, d, loss, untrained)
    keep = ~excluded
    with np.errstate(all="ignore"):  # odd data may overflow on the way; what comes out is checked
        n, d, loss, labels = n[keep], d[keep], loss[keep], None if labels is None else labels[keep]
        spent = np.exp(log_cost(np.log(n), flops) + np.log(d))
        reason = _too_thin(n, d, spent)
        fit = _no_law(reason, excluded) if reason else _fit(n, d, loss, labels, excluded, options)
        curves = tuple(fit_parabolas(spent, n, loss, flops=flops, level=level))
        fit = replace(
            fit,
            flops=flops,
            parabolas=curves,
            power_laws=fit_power_laws(list(curves), level=level),
            smallest_budget=float(spent.min()) if spent.size else None,
            largest_budget=float(spent.max()) if spent.size else None,
        )
        return replace(fit, warnings=diagnose(fit, d, unique_tokens, names))


def _fit(n: Array, d: Array, loss: Array, labels: NDArray[Any] | None, excluded: Mask, options: Options) -> Fit:
    keep = ~excluded
    data, centre = centred(n, d, loss)
    found = solve(data, options.delta)
    r = residuals(found.theta[None], data)[0]
    sigma = robust_sigma(r, P)
    off = np.abs(r) > FLAG * max(sigma, 1e-9)
    clusters = _repeats(n, d) if labels is None else np.unique(labels, return_inverse=True)[1]
    spread = _spread(found, data, clusters, options)
    return Fit(
        law=law_of(found.theta, centre),
        status=_status(found),
        warnings=(),
        excluded=excluded,
        flagged=_among_all(off, keep, False),
        residuals=_among_all(r, keep, np.nan),
        sigma=sigma,
        delta=found.delta,
        objective=found.objective,
        method=spread.method if spread else None,
        parameters=parameter_intervals(found.theta, centre, spread),
        exponent=exponent_interval(found.theta, spread),
        exponent_without_flagged=_without(off, data, clusters, options),
        bounds_hit=found.bounds_hit,
        theta=found.theta,
        spread=spread,
        centre=centre,
    )


def _check(n: Array, d: Array, loss: Array, labels: NDArray[Any] | None, options: Options) -> None:
    sizes = [n.size, d.size, loss.size] + ([] if labels is None else [labels.size])
    if len(set(sizes)) > 1:
        raise ValueError(f"N, D, L (and groups) must have one length; got {', '.join(map(str, sizes))}")
    if options.delta is not None and not options.delta >= SMALLEST_DELTA:
        raise ValueError(f"delta must be at least {SMALLEST_DELTA:g}, in log loss, e.g. 1e-3; got {options.delta!r}")
    if not 0 < options.level < 1:
        raise ValueError(f"level must lie between 0 and 1, e.g. 0.95; got {options.level!r}")
    if options.intervals not in (True, False, "hc3", "gauss-newton", "pairs", "wild"):
        choices = 'True, False, "hc3", "gauss-newton", "pairs" or "wild"'
        raise ValueError(f"intervals must be {choices}; got {options.intervals!r}")


def _unusable(n: Array, d: Array, loss: Array, untrained: float | None) -> Mask:
    with np.errstate(invalid="ignore"):
        good = usable(n, d, loss)
        if untrained is not None:
            good &= loss < untrained
    return ~good


def _too_thin(n: Array, d: Array, spent: Array) -> FitWarning | None:
    if spent.size < FEWEST:
        return FitWarning(
            "too_few", f"{spent.size} usable runs; a law needs at least {FEWEST}. Run more sizes or budgets."
        )
    if (different := np.unique(np.stack([n, d]), axis=1).shape[1]) < FEWEST:
        message = f"the usable runs are repeats of {different} points; a law needs at least {FEWEST}. Run more sizes."
        return FitWarning("too_few", message)
    for kind, values in (("sizes", n), ("token counts", d)):
        if (count := np.unique(values).size) < FEWEST_LEVELS:
            message = f"the usable runs have {count} {kind}; a law needs at least {FEWEST_LEVELS}. Run more {kind}."
            return FitWarning("too_few", message)
    if not np.ptp(np.log(spent)) > np.log(ONE_BUDGET):
        message = "all runs spent one budget: that shows a best size there, but no law across budgets. Add a budget."
        return FitWarning("one_budget", message)
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


def _spread(found: Solution, data: Data, clusters: Labels | None, options: Options) -> Spread | None:
    points = data.x.size if clusters is None else int(clusters.max()) + 1
    if not options.intervals or points < FEWEST_FOR_INTERVAL or not found.converged or found.one_term:
        return None
    theta, delta, level, kind = found.theta, found.delta, options.level, options.intervals
    if kind in ("pairs", "wild"):
        rng = options.rng or np.random.default_rng(0)
        return bootstrap(theta, data, delta, rng, kind=kind, resamples=options.resamples, groups=clusters, level=level)
    if kind == "gauss-newton":
        return gauss_newton(theta, data, delta, level)
    robust = sandwich(theta, data, delta, clusters, level)
    if kind == "hc3" or points >= MANY:
        return robust
    return robust.or_wider(gauss_newton(theta, data, delta, level))


def _without(off: Mask, data: Data, clusters: Labels | None, options: Options) -> Interval | None:
    """The exponent of a fit without the flagged rows; None when there are none, or too few are left."""
    rest = ~off
    if rest.all() or rest.sum() < FEWEST:
        return None
    kept = Data(data.x[rest], data.y[rest], data.log_loss[rest], data.weights[rest])
    found = solve(kept, options.delta)
    left = None if clusters is None else np.unique(clusters[rest], return_inverse=True)[1]
    return exponent_interval(found.theta, _spread(found, kept, left, options))


def _status(found: Solution) -> str:
    if not found.converged:
        return "not_converged"
    return "at_bound" if found.bounds_hit or found.one_term else "converged"


def _among_all(values: NDArray[Any], keep: Mask, rest: float | bool) -> NDArray[Any]:
    """Values of the rows kept, put back among all rows."""
    whole = np.full(keep.size, rest, dtype=values.dtype)
    whole[keep] = values
    return whole
