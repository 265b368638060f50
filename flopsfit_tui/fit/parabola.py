"""Approach 2 of Chinchilla: a parabola in ln N for each budget, and a power law through the vertices.

It assumes nothing across budgets, so it is the second opinion beside the law; it is biased when alpha and beta differ
or when sizes lie off-centre, because a U made of two powers is not symmetric.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from flopsfit_tui.fit.arrays import Array, Labels
from flopsfit_tui.fit.cost import Cost
from flopsfit_tui.fit.law import Interval
from flopsfit_tui.fit.optimum import log_cost
from flopsfit_tui.fit.student import t_quantile

TOLERANCE = 0.05  # ln C; budgets closer than this to their neighbour are one budget, spent in whole steps
WIDEST = 0.25  # ln C; a chain of neighbours longer than this is no budget but a cloud


@dataclass(frozen=True)
class Parabola:
    """loss = loss_vertex + curvature/2 (ln N - ln vertex)^2, for one budget.

    status: "ok"; "edge" (the vertex lies outside the sizes run); "opens_downwards"; "too_few" (under 3 sizes).
    Only "ok" has a vertex to believe. Bounds of None: the data do not bound it.
    """

    budget: float  # training FLOPs
    status: str
    points: int
    vertex: Interval | None  # params
    tokens: float | None  # at the vertex
    loss: float | None  # at the vertex
    curvature: float | None  # d^2 loss / d(ln N)^2
    smallest: float  # params, of the sizes run
    largest: float
    sigma: float | None  # scatter about the parabola, in nats
    coefficients: tuple[float, float, float] | None  # loss = c0 + c1 z + c2 z^2, z = ln N - origin
    origin: float

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


def group_budgets(C: ArrayLike) -> tuple[Array, Labels]:
    """The budgets (k,), increasing, and for each run the number of its own (n,), -1 where it is on no IsoFLOP curve.

    Runs belong to one budget when each is within 5 % of the next. A chain longer than 25 % is no budget.
    """
    budgets = np.asarray(C, dtype=np.float64).ravel()
    labels = np.full(budgets.size, -1)
    usable = np.flatnonzero(np.isfinite(budgets) & (budgets > 0))
    order = usable[np.argsort(budgets[usable], kind="stable")]
    logs = np.log(budgets[order])
    centres: list[float] = []
    for chain in np.split(np.arange(order.size), np.flatnonzero(np.diff(logs) > TOLERANCE) + 1):
        if chain.size and np.ptp(logs[chain]) <= WIDEST:
            labels[order[chain]] = len(centres)
            same = np.ptp(logs[chain]) < 1e-9
            centres.append(float(budgets[order[chain[0]]] if same else np.exp(np.median(logs[chain]))))
    return np.array(centres), labels


def fit_parabolas(
    C: ArrayLike, N: ArrayLike, L: ArrayLike, *, flops: Cost | None = None, level: float = 0.95
) -> list[Parabola]:
    """One parabola a budget, by least squares in (ln N, L), in order of budget.

    C: FLOPs spent, N: params, L: losses, each (n,); rows that are not positive and finite are left out. flops:
    training FLOPs per token as a function of params (None: 6N), for the tokens at the vertex. The vertex's interval is
    Fieller's, so that a curve too shallow for its noise has an open end instead of a false one. ValueError for
    different lengths.
    """
    c, n, loss = (np.asarray(values, dtype=np.float64).ravel() for values in (C, N, L))
    if not c.size == n.size == loss.size:
        raise ValueError(f"C, N and L must have one length; got {c.size}, {n.size} and {loss.size}")
    with np.errstate(invalid="ignore"):
        good = np.isfinite(c) & np.isfinite(n) & np.isfinite(loss) & (c > 0) & (n > 0) & (loss > 0)
    c, n, loss = c[good], n[good], loss[good]
    budgets, labels = group_budgets(c)
    with np.errstate(all="ignore"):
        return [
            _parabola(float(budget), n[labels == i], loss[labels == i], flops, level)
            for i, budget in enumerate(budgets)
        ]


def _parabola(budget: float, n: Array, loss: Array, flops: Cost | None, level: float) -> Parabola:
    logs = np.log(n)
    origin, smallest, largest = float(logs.mean()), float(n.min()), float(n.max())

    def answer(status: str, **known: object) -> Parabola:
        empty: dict[str, object] = dict.fromkeys(
            ("vertex", "tokens", "loss", "curvature", "sigma", "coefficients"), None
        )
        return Parabola(
            budget=budget, status=status, points=n.size, smallest=smallest, largest=largest, origin=origin,
            **{**empty, **known},  # type: ignore[arg-type]
        )  # fmt: skip

    if np.unique(n).size < 3:
        return answer("too_few")
    z = logs - origin
    design = np.column_stack([np.ones_like(z), z, z * z])
    c: Array = np.asarray(np.linalg.lstsq(design, loss, rcond=None)[0], dtype=np.float64)
    df = n.size - 3
    variance = float(((loss - design @ c) ** 2).sum()) / df if df else None
    known = {
        "curvature": 2 * float(c[2]),
        "sigma": None if variance is None else math.sqrt(variance),
        "coefficients": (float(c[0]), float(c[1]), float(c[2])),
    }
    if c[2] <= 0:
        return answer("opens_downwards", **known)
    at = -c[1] / (2 * c[2])
    low, high = (None, None)
    if variance is not None:
        low, high = _fieller(
            c, np.asarray(np.linalg.inv(design.T @ design) * variance, dtype=np.float64), t_quantile(level, df)
        )
    vertex = float(np.exp(origin + np.clip(at, -200, 200)))
    tokens = float(np.exp(math.log(budget) - log_cost(np.array(math.log(vertex)), flops)))
    inside = z.min() <= at <= z.max()
    return answer(
        "ok" if inside else "edge",
        vertex=Interval(vertex, _size(low, origin), _size(high, origin)),
        tokens=tokens,
        loss=float(c[0] + at * (c[1] + at * c[2])),
        **known,
    )


def _fieller(c: Array, covariance: Array, t: float) -> tuple[float | None, float | None]:
    """All z at which a slope of c1 + 2 c2 z = 0 cannot be ruled out; None for an end that does not exist."""
    v11, v12, v22 = covariance[1, 1], 2 * covariance[1, 2], 4 * covariance[2, 2]
    slope = 2 * c[2]
    a, b, k = slope**2 - t * t * v22, c[1] * slope - t * t * v12, c[1] ** 2 - t * t * v11
    if a <= 0:  # the curvature itself may be zero
        return None, None
    root = math.sqrt(max(b * b - a * k, 0.0))
    return (-b - root) / a, (-b + root) / a


def _size(z: float | None, origin: float) -> float | None:
    return None if z is None else math.exp(min(max(origin + z, -700), 700))


def fit_power_laws(parabolas: list[Parabola], *, level: float = 0.95) -> tuple[PowerLaw, PowerLaw] | None:
    """N_opt and D_opt as powers of C through the vertices that are "ok": (N's, D's), or None with under two of them.

    Least squares in logs, all vertices alike; the exponents have an interval from three vertices on.
    """
    good = [p for p in parabolas if p.status == "ok" and p.vertex is not None and p.tokens is not None]
    if len(good) < 2:
        return None
    log_c = np.log([p.budget for p in good])
    sizes = np.log([p.vertex.value for p in good if p.vertex is not None])
    tokens = np.log([p.tokens for p in good if p.tokens is not None])
    return _power_law(log_c, sizes, level), _power_law(log_c, tokens, level)


def _power_law(log_c: Array, y: Array, level: float) -> PowerLaw:
    x = log_c - log_c.mean()
    slope = float((x @ y) / (x @ x))
    df = y.size - 2
    half = None
    if df > 0:
        residual = y - y.mean() - slope * x
        half = t_quantile(level, df) * math.sqrt(float(residual @ residual) / df / float(x @ x))
    bounds = (None, None) if half is None else (slope - half, slope + half)
    return PowerLaw(math.exp(float(y.mean()) - slope * float(log_c.mean())), Interval(slope, *bounds), y.size)
