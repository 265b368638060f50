"""Approach 2 of Chinchilla: a parabola in ln N for each budget. power_law.py puts a line through their vertices.

It assumes nothing across budgets, so it is the second opinion beside the law. A U made of two powers is not symmetric:
its parabola's vertex lies up to a fifth off the minimum, the more the wider the sizes, and intervals about it hold the
minimum in 36 to 75 of 100 ladders. Where a law is given, the vertex is corrected by what the law's own losses at the
same sizes would put it off, and its interval widened by half of that.

Five sizes leave two degrees of freedom for the noise. Where a curve is shallow for its noise, Fieller's interval is
bounded mostly when that noise came out too small by chance, and such intervals held the minimum in 81 of 100. So each
budget's variance, relative to its loss, is shrunk towards the mean of all (Smyth 2004), which counts as four degrees
of freedom: 91 of 100 for 4 budgets x 5 sizes at 2 % noise; at .5 % as many as before, in intervals .7 as wide.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from flopsfit_tui.fit.arrays import Array, usable
from flopsfit_tui.fit.budgets import Curve, curves, planned_curves
from flopsfit_tui.fit.cost import Cost
from flopsfit_tui.fit.extrapolation import widened
from flopsfit_tui.fit.law import Interval, Law
from flopsfit_tui.fit.optimum import log_cost
from flopsfit_tui.fit.quantiles import t_quantile
from flopsfit_tui.fit.regression import Regression, regress
from flopsfit_tui.fit.scales import exp

FEWEST_IN_BAND = 8
SHARED_DF = (
    4.0  # that the noise of all budgets counts as in each; what is estimated varies too much from 3 to 5 budgets
)
WIDENED = 0.5  # of the skew: the law's exponents, and so the skew, have errors of their own
LARGEST_SKEW = 1.0


@dataclass(frozen=True)
class Parabola:
    """loss = loss at the vertex + curvature/2 (ln N - ln vertex)^2, for one budget.

    status: "ok"; "edge" (the vertex lies outside the sizes run); "opens_downwards"; "too_few" (under 3 sizes, or
    under 8 runs in a band). Only "ok" has a vertex to believe. Bounds of None: the data do not bound it.
    """

    budget: float  # training FLOPs
    status: str
    points: int  # different (N, C) among the runs; the losses of one are averaged
    smallest: float  # params, of the sizes run
    largest: float
    lowest: float  # params of the point with the lowest loss
    band: float = 1.0  # how wide a band of compute the runs lie in, as a factor; 1 for one budget
    vertex: Interval | None = None  # params
    tokens: float | None = None  # at the vertex
    loss: float | None = None  # at the vertex
    curvature: float | None = None  # d^2 loss / d(ln N)^2
    sigma: float | None = None  # scatter of single runs about the parabola, in nats
    coefficients: tuple[float, float, float] | None = None  # loss = c0 + c1 z + c2 z^2, z = ln N - origin
    origin: float = 0.0
    sizes: int = 0  # different ones among the points
    runs: int = 0  # all of them, seeds included
    skew: float = 0.0  # ln of the factor by which the parabola's own vertex was too large; corrected in `vertex`

    def __call__(self, N: ArrayLike) -> Array:
        """Loss on the parabola at sizes N, any shape; nan where there is no parabola."""
        z = np.log(np.asarray(N, dtype=np.float64)) - self.origin
        c0, c1, c2 = self.coefficients or (math.nan,) * 3
        return np.asarray(c0 + z * (c1 + z * c2))


def fit_parabolas(
    C: ArrayLike,
    N: ArrayLike,
    L: ArrayLike,
    *,
    flops: Cost | None = None,
    level: float = 0.95,
    budgets: ArrayLike | None = None,
    law: Law | None = None,
) -> list[Parabola]:
    """One parabola a budget, by Huber's regression of L on ln N, in order of budget.

    C: FLOPs spent, N: params, L: losses, each (n,); rows that are not positive and finite are left out. flops:
    training FLOPs per token as a function of params (None: 6N), for the tokens at the vertex. budgets: (n,) the
    planned budget of each run; None finds them in C, and takes runs that lie on no IsoFLOP curve in bands of compute,
    with a term in ln C. Runs of one N and C (seeds) are averaged, and weigh as many. law: corrects the vertices
    for their skew. The vertex's interval is Fieller's, so that a curve too shallow for its noise has open ends instead
    of false ones. ValueError for different lengths.
    """
    c, n, loss = (np.asarray(values, dtype=np.float64).ravel() for values in (C, N, L))
    planned = c if budgets is None else np.asarray(budgets, dtype=np.float64).ravel()
    if not c.size == n.size == loss.size == planned.size:
        sizes = f"{c.size}, {n.size} and {loss.size}" + (f", budgets {planned.size}" if budgets is not None else "")
        raise ValueError(f"C, N and L must have one length; got {sizes}")
    with np.errstate(all="ignore"):
        good = usable(c, n, loss, planned)
        c, n, loss, planned = c[good], n[good], loss[good], planned[good]
        found = curves(c, n) if budgets is None else planned_curves(planned)
        points = [_points(c[curve.rows], n[curve.rows], loss[curve.rows]) for curve in found]
        started = [_start(curve, *here) for curve, here in zip(found, points, strict=True)]
        noise = _shared([one for one in started if one is not None])
        law = law if law is not None and law.A > 0 and law.B > 0 else None
        best = law.log_best_params(np.array([curve.budget for curve in found]), flops) if law else np.zeros(len(found))
        return [
            _parabola(curve, *here, one, noise, flops, level, law, float(middle))
            for curve, here, one, middle in zip(found, points, started, best, strict=True)
        ]


@dataclass(frozen=True)
class _Start:
    """A budget's regression, before what the others say of the noise."""

    origin: float
    design: Array
    weight: Array
    mean: float  # loss
    fit: Regression


@dataclass(frozen=True)
class _Noise:
    """Of all budgets together."""

    variance: float  # of a run, relative to the square of its loss
    df: int

    def at(self, one: _Start) -> tuple[Array | None, int]:
        """The covariance of a budget's coefficients, and its degrees of freedom."""
        own, df, covariance = one.fit.sigma, one.fit.df, one.fit.covariance
        if own is None or covariance is None or not own > 0:
            return covariance, df
        variance = (SHARED_DF * self.variance * one.mean**2 + df * own**2) / (SHARED_DF + df)
        return covariance * (variance / own**2), int(min(SHARED_DF + df, self.df))


def _shared(started: list[_Start]) -> _Noise:
    known = [(one.fit.df, (one.fit.sigma / one.mean) ** 2) for one in started if one.fit.sigma is not None]
    df = sum(df for df, _ in known)
    return _Noise(sum(df * variance for df, variance in known) / df if df else 0.0, df)


def _points(c: Array, n: Array, loss: Array) -> tuple[Array, Array, Array, Array]:
    """C, N, mean loss and number of runs of each different (N, C), by N."""
    pairs, which = np.unique(np.column_stack([n, c]), axis=0, return_inverse=True)
    runs = np.bincount(which.ravel()).astype(np.float64)
    return pairs[:, 1], pairs[:, 0], np.bincount(which.ravel(), loss) / runs, runs


def _start(curve: Curve, c: Array, n: Array, loss: Array, runs: Array) -> _Start | None:
    """None for too few runs."""
    banded = curve.band > 1
    if np.unique(n).size < 3 or (banded and n.size < FEWEST_IN_BAND):
        return None
    origin = float(np.average(np.log(n), weights=runs))
    z = np.log(n) - origin
    columns = [np.ones_like(z), z, z * z] + ([np.log(c / curve.budget)] if banded else [])
    weight = np.sqrt(runs)
    design = np.column_stack(columns) * weight[:, None]
    return _Start(origin, design, weight, float(np.average(loss, weights=runs)), regress(design, loss * weight))


def _parabola(
    curve: Curve,
    c: Array,
    n: Array,
    loss: Array,
    runs: Array,
    one: _Start | None,
    noise: _Noise,
    flops: Cost | None,
    level: float,
    law: Law | None,
    best: float,  # ln N_opt by the law
) -> Parabola:
    seen = (n.size, float(n.min()), float(n.max()), float(n[np.argmin(loss)]), curve.band)
    made = Parabola(curve.budget, "too_few", *seen, sizes=np.unique(n).size, runs=int(runs.sum()))
    if one is None:
        return made
    c0, c1, c2 = (float(value) for value in one.fit.coefficients[:3])
    made = replace(
        made,
        status="opens_downwards",
        curvature=2 * c2,
        sigma=one.fit.sigma,
        coefficients=(c0, c1, c2),
        origin=one.origin,
    )
    if not c2 > 0:
        return made
    skew = 0.0
    if law is not None:
        expected = np.atleast_1d(law.loss(n, c / np.exp(log_cost(np.log(n), flops))))
        skew = _skew(one.design, expected * one.weight, best - one.origin)
    at = -c1 / (2 * c2) - skew
    log_vertex = one.origin + float(np.clip(at, -200, 200))
    bounds = _fieller(one.fit.coefficients, *noise.at(one), one.origin - skew, level)
    vertex = widened(Interval(math.exp(log_vertex), *bounds), WIDENED * skew)
    tokens = float(np.exp(math.log(curve.budget) - log_cost(np.array(log_vertex), flops)))
    status = "ok" if np.log(n.min()) <= one.origin + at <= np.log(n.max()) else "edge"
    return replace(made, status=status, vertex=vertex, tokens=tokens, loss=c0 + at * (c1 + at * c2), skew=skew)


def _skew(design: Array, losses: Array, at: float) -> float:
    """How far above its minimum, at `at`, a parabola through noise-free losses has its vertex, in ln N.

    0 where they have no vertex, or one so far off that the law does not describe this curve.
    """
    c = np.linalg.lstsq(design, losses, rcond=None)[0]
    skew = float(-c[1] / (2 * c[2])) - at if c[2] > 0 else math.nan
    return skew if abs(skew) <= LARGEST_SKEW else 0.0


def _fieller(
    coefficients: Array, covariance: Array | None, df: int, origin: float, level: float
) -> tuple[float | None, float | None]:
    """All sizes at which a slope c1 + 2 c2 z of zero cannot be ruled out; None, None when they have an open end."""
    if covariance is None:
        return None, None
    t2 = t_quantile(level, df) ** 2
    c1, slope = coefficients[1], 2 * coefficients[2]
    v11, v12, v22 = covariance[1, 1], 2 * covariance[1, 2], 4 * covariance[2, 2]
    a, b, k = slope**2 - t2 * v22, c1 * slope - t2 * v12, c1**2 - t2 * v11
    if not a > 0:  # the curvature itself may be zero
        return None, None
    root = math.sqrt(max(b * b - a * k, 0.0))
    return exp(origin + (-b - root) / a), exp(origin + (-b + root) / a)
