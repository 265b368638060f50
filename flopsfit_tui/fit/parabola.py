"""Approach 2 of Chinchilla: a parabola in ln N for each budget, and a power law through the vertices.

It assumes nothing across budgets, so it is the second opinion beside the law; it is biased when alpha and beta differ
or when sizes lie off-centre, because a U made of two powers is not symmetric.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from flopsfit_tui.fit.arrays import Array, usable
from flopsfit_tui.fit.budgets import Curve, curves
from flopsfit_tui.fit.cost import Cost
from flopsfit_tui.fit.law import Interval
from flopsfit_tui.fit.optimum import log_cost
from flopsfit_tui.fit.regression import Regression, regress
from flopsfit_tui.fit.scales import exp
from flopsfit_tui.fit.student import t_quantile

FEWEST_IN_BAND = 8


@dataclass(frozen=True)
class Parabola:
    """loss = loss at the vertex + curvature/2 (ln N - ln vertex)^2, for one budget.

    status: "ok"; "edge" (the vertex lies outside the sizes run); "opens_downwards"; "too_few" (under 3 sizes, or
    under 8 runs in a band). Only "ok" has a vertex to believe. Bounds of None: the data do not bound it.
    """

    budget: float  # training FLOPs
    status: str
    points: int
    smallest: float  # params, of the sizes run
    largest: float
    lowest: float  # params of the run with the lowest loss
    band: float = 1.0  # how wide a band of compute the runs lie in, as a factor; 1 for one budget
    vertex: Interval | None = None  # params
    tokens: float | None = None  # at the vertex
    loss: float | None = None  # at the vertex
    curvature: float | None = None  # d^2 loss / d(ln N)^2
    sigma: float | None = None  # scatter about the parabola, in nats
    coefficients: tuple[float, float, float] | None = None  # loss = c0 + c1 z + c2 z^2, z = ln N - origin
    origin: float = 0.0
    sizes: int = 0  # different ones among the points

    def __call__(self, N: ArrayLike) -> Array:
        """Loss on the parabola at sizes N, any shape; nan where there is no parabola."""
        z = np.log(np.asarray(N, dtype=np.float64)) - self.origin
        c0, c1, c2 = self.coefficients or (math.nan,) * 3
        return np.asarray(c0 + z * (c1 + z * c2))


@dataclass(frozen=True)
class PowerLaw:
    """value = scale * C^exponent, through the vertices that can be believed."""

    scale: float
    exponent: Interval
    vertices: int

    def __call__(self, C: ArrayLike) -> Array:
        return np.asarray(self.scale * np.asarray(C, dtype=np.float64) ** self.exponent.value)


def fit_parabolas(
    C: ArrayLike, N: ArrayLike, L: ArrayLike, *, flops: Cost | None = None, level: float = 0.95
) -> list[Parabola]:
    """One parabola a budget, by Huber's regression of L on ln N, in order of budget.

    C: FLOPs spent, N: params, L: losses, each (n,); rows that are not positive and finite are left out. flops:
    training FLOPs per token as a function of params (None: 6N), for the tokens at the vertex. Runs that lie on no
    IsoFLOP curve are taken in bands of compute, with a term in ln C. The vertex's interval is Fieller's, so that a
    curve too shallow for its noise has open ends instead of false ones. ValueError for different lengths.
    """
    c, n, loss = (np.asarray(values, dtype=np.float64).ravel() for values in (C, N, L))
    if not c.size == n.size == loss.size:
        raise ValueError(f"C, N and L must have one length; got {c.size}, {n.size} and {loss.size}")
    with np.errstate(all="ignore"):
        good = usable(c, n, loss)
        c, n, loss = c[good], n[good], loss[good]
        return [
            replace(_parabola(curve, c, n, loss, flops, level), sizes=np.unique(n[curve.rows]).size)
            for curve in curves(c, n)
        ]


def _parabola(curve: Curve, c: Array, n: Array, loss: Array, flops: Cost | None, level: float) -> Parabola:
    c, n, loss = c[curve.rows], n[curve.rows], loss[curve.rows]
    seen = (n.size, float(n.min()), float(n.max()), float(n[np.argmin(loss)]), curve.band)
    banded = curve.band > 1
    if np.unique(n).size < 3 or (banded and n.size < FEWEST_IN_BAND):
        return Parabola(curve.budget, "too_few", *seen)
    origin = float(np.log(n).mean())
    z = np.log(n) - origin
    columns = [np.ones_like(z), z, z * z] + ([np.log(c / curve.budget)] if banded else [])
    fit = regress(np.column_stack(columns), loss)
    c0, c1, c2 = (float(value) for value in fit.coefficients[:3])
    drawn = (2 * c2, fit.sigma, (c0, c1, c2), origin)
    if not c2 > 0:
        return Parabola(curve.budget, "opens_downwards", *seen, None, None, None, *drawn)
    at = -c1 / (2 * c2)
    log_vertex = origin + float(np.clip(at, -200, 200))
    vertex = Interval(math.exp(log_vertex), *_fieller(fit, origin, level))
    tokens = float(np.exp(math.log(curve.budget) - log_cost(np.array(log_vertex), flops)))
    status = "ok" if z.min() <= at <= z.max() else "edge"
    return Parabola(curve.budget, status, *seen, vertex, tokens, c0 + at * (c1 + at * c2), *drawn)


def _fieller(fit: Regression, origin: float, level: float) -> tuple[float | None, float | None]:
    """All sizes at which a slope c1 + 2 c2 z of zero cannot be ruled out; None, None when they have an open end."""
    if fit.covariance is None:
        return None, None
    t2 = t_quantile(level, fit.df) ** 2
    c1, slope = fit.coefficients[1], 2 * fit.coefficients[2]
    v11, v12, v22 = fit.covariance[1, 1], 2 * fit.covariance[1, 2], 4 * fit.covariance[2, 2]
    a, b, k = slope**2 - t2 * v22, c1 * slope - t2 * v12, c1**2 - t2 * v11
    if not a > 0:  # the curvature itself may be zero
        return None, None
    root = math.sqrt(max(b * b - a * k, 0.0))
    return exp(origin + (-b - root) / a), exp(origin + (-b + root) / a)


def fit_power_laws(parabolas: Sequence[Parabola], *, level: float = 0.95) -> tuple[PowerLaw, PowerLaw] | None:
    """N_opt and D_opt as powers of C through the vertices that are "ok": (N's, D's), or None with under two of them.

    Least squares in logs, all vertices alike; the exponents have an interval from three vertices on.
    """
    good = [(p.budget, p.vertex.value, p.tokens) for p in parabolas if p.status == "ok" and p.vertex and p.tokens]
    if len(good) < 2:
        return None
    log_c, sizes, tokens = np.log(np.array(good)).T
    return _power_law(log_c, sizes, level), _power_law(log_c, tokens, level)


def _power_law(log_c: Array, y: Array, level: float) -> PowerLaw:
    x = log_c - log_c.mean()
    slope = float((x @ y) / (x @ x))
    residual = y - y.mean() - slope * x
    df = y.size - 2
    exponent = Interval(slope)
    if df > 0:
        half = t_quantile(level, df) * math.sqrt(float(residual @ residual) / df / float(x @ x))
        exponent = Interval(slope, slope - half, slope + half)
    return PowerLaw(exp(float(y.mean()) - slope * float(log_c.mean())), exponent, y.size)
