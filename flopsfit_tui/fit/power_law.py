"""Approach 2's second half: N_opt and D_opt as powers of C, through the vertices of the parabolas."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from flopsfit_tui.fit.arrays import Array
from flopsfit_tui.fit.law import Interval
from flopsfit_tui.fit.parabola import Parabola
from flopsfit_tui.fit.quantiles import t_quantile
from flopsfit_tui.fit.scales import exp


@dataclass(frozen=True)
class PowerLaw:
    """value = scale * C^exponent, through the vertices that can be believed."""

    scale: float
    exponent: Interval
    vertices: int
    log_budgets: tuple[float, ...] = ()  # of the vertices
    half_widths: tuple[float | None, ...] = ()  # of their intervals, in logs
    scatter: float | None = None  # half-width, in logs, of one vertex about the line; None with two vertices

    def __call__(self, C: ArrayLike) -> Array:
        return np.asarray(self.scale * np.asarray(C, dtype=np.float64) ** self.exponent.value)

    def at(self, C: float) -> Interval:
        """The value at a budget, with the wider of what the vertices' intervals and their scatter allow."""
        half = _half_width(np.array(self.log_budgets), math.log(C), self.half_widths, self.scatter)
        value = float(self(C))
        return Interval(value) if half is None else Interval(value, value * exp(-half), value * exp(half))


def fit_power_laws(parabolas: Sequence[Parabola], *, level: float = 0.95) -> tuple[PowerLaw, PowerLaw] | None:
    """N_opt and D_opt as powers of C through the vertices that are "ok": (N's, D's), or None with under two of them.

    Least squares in logs, all vertices alike; the exponents have an interval from three vertices on: the wider of what
    the scatter about the line and the vertices' own intervals allow.
    """
    good = [p for p in parabolas if p.status == "ok" and p.vertex and p.tokens]
    if len(good) < 2:
        return None
    vertices = [(p.budget, p.vertex.value, p.tokens) for p in good if p.vertex]
    halves = tuple(_half(p.vertex) for p in good)
    log_c, sizes, tokens = np.log(np.array(vertices)).T
    return _power_law(log_c, sizes, halves, level), _power_law(log_c, tokens, halves, level)


def _half(vertex: Interval | None) -> float | None:
    bounded = vertex is not None and vertex.low is not None and vertex.high is not None
    if vertex is None or not bounded or not (vertex.low or 0) > 0 or not (vertex.high or math.inf) < math.inf:
        return None
    return math.log((vertex.high or 1.0) / (vertex.low or 1.0)) / 2


def _filled(halves: tuple[float | None, ...]) -> Array | None:
    """Half-widths of the vertices' intervals, in logs; one without ends counts as the widest. None where all have none.

    The scatter of a few vertices is small by chance now and then; one that its own losses do not bound makes the line
    no surer than the others do.
    """
    widest = max((half for half in halves if half is not None), default=None)
    return None if widest is None else np.array([widest if half is None else half for half in halves])


def _power_law(log_c: Array, y: Array, halves: tuple[float | None, ...], level: float) -> PowerLaw:
    x = log_c - log_c.mean()
    slope = float((x @ y) / (x @ x))
    residual = y - y.mean() - slope * x
    df = y.size - 2
    scatter = t_quantile(level, df) * math.sqrt(float(residual @ residual) / df) if df > 0 else None
    exponent = Interval(slope)
    if scatter is not None:
        half = scatter / math.sqrt(float(x @ x))
        if (own := _filled(halves)) is not None:
            half = max(half, math.sqrt(float((x**2) @ own**2)) / float(x @ x))
        exponent = Interval(slope, slope - half, slope + half)
    scale = exp(float(y.mean()) - slope * float(log_c.mean()))
    return PowerLaw(scale, exponent, y.size, tuple(float(one) for one in log_c), halves, scatter)


def _half_width(
    log_c: Array, log_budget: float, halves: tuple[float | None, ...], scatter: float | None
) -> float | None:
    """Of the line at a budget, in logs; None where neither the vertices nor their scatter say."""
    if log_c.size < 2:
        return None
    x = log_c - log_c.mean()
    share = 1 / x.size + (log_budget - log_c.mean()) * x / float(x @ x)  # of each vertex in the line there
    found = []
    if (own := _filled(halves)) is not None:
        found.append(math.sqrt(float(share**2 @ own**2)))
    if scatter is not None:
        found.append(scatter * math.sqrt(float(share @ share)))
    return max(found) if found else None
