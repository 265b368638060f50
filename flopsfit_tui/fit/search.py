"""The search: centre the data, start from the grid's valleys, refine by Newton steps, and let the noise set delta.

Where the noise follows size or tokens, it also sets the weights of the points.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from flopsfit_tui.fit.arrays import Array
from flopsfit_tui.fit.huber import adaptive_delta
from flopsfit_tui.fit.leverage import leverages
from flopsfit_tui.fit.newton import HIGHEST, LOWEST, Data, P, newton, parts, residuals
from flopsfit_tui.fit.noise import NoiseTrend, noise_trend
from flopsfit_tui.fit.quantities import Centre
from flopsfit_tui.fit.varpro import starts

NARROWER = 0.1
NOISE_FREE = 1e-7  # a delta down here is made of rounding errors, which follow no trend
NEGLIGIBLE = 1e-12  # of the loss
ROUNDS = 20  # of fitting and measuring the noise in turn; 5 to 10 settle it


@dataclass(frozen=True)
class Solution:
    """Where the search ended, in centred units."""

    theta: Array  # (5,)
    delta: float
    objective: float
    converged: bool
    trend: NoiseTrend | None = None  # how the noise follows size and tokens, where the fit weighed its points by it

    def weighed(self, data: Data) -> Data:
        """The data in the units that the search ended with."""
        return data if self.trend is None else replace(data, scale=self.trend.scale)

    @property
    def one_term(self) -> bool:
        """Whether the loss came out independent of size, or of tokens."""
        return bool((self.theta[1:3] <= 0).any())

    @property
    def bounds_hit(self) -> tuple[str, ...]:
        """Which of alpha and beta ended at the edge of what is allowed."""
        exponents = self.theta[3:]
        at = (exponents <= LOWEST[3:]) | (exponents >= HIGHEST[3:])
        return tuple(name for name, hit in zip(("alpha", "beta"), at, strict=True) if hit)


def centred(N: Array, D: Array, L: Array) -> tuple[Data, Centre]:
    """Logs about their medians, which one absurd value cannot move; all (n,), positive and finite."""
    logs = [np.log(values) for values in (N, D, L)]
    middles = [float(np.median(values)) for values in logs]
    x, y, log_loss = (values - middle for values, middle in zip(logs, middles, strict=True))
    return Data(x, y, log_loss, np.ones_like(x)), Centre(*middles)


def solve(data: Data, delta: float | None) -> Solution:
    """The lowest minimum from the grid's valleys.

    delta None: fitted and measured in turn until both agree; where the noise follows size or tokens, once more with
    points weighed by its variance.
    """
    nodes = starts(data, delta)
    width = adaptive_delta(residuals(nodes[:1], data)[0], P)
    for step in _narrowing(width, delta):
        ends = newton(nodes, data, step)
        nodes = ends.theta
    best = int(np.argmin(ends.objective))
    theta, objective, converged = ends.theta[best], float(ends.objective[best]), bool(ends.converged()[best])
    if delta is not None:
        return Solution(_drop_negligible_terms(theta, data), delta, objective, converged)
    found = _adapted(theta, data, width)
    return _weighing(found, data)


def refined(theta: Array, data: Data, delta: float | None, *, weigh: bool = True) -> Solution:
    """The minimum nearest to theta (5,), that of nearly the same data; else as solve."""
    if delta is None:
        found = _adapted(theta, data, adaptive_delta(residuals(theta[None], data)[0], P))
        return _weighing(found, data) if weigh else found
    end = newton(theta[None], data, delta)
    return Solution(
        _drop_negligible_terms(end.theta[0], data), delta, float(end.objective[0]), bool(end.converged()[0])
    )


def _weighing(found: Solution, data: Data) -> Solution:
    """The same, or once more with weights where the noise follows size or tokens."""
    if not (found.converged and found.delta > NOISE_FREE):
        return found
    size = np.abs(residuals(found.theta[None], data)[0]) / np.sqrt(1 - leverages(found.theta, data))
    trend = noise_trend(data.x, data.y, size)
    if trend is None:
        return found
    again = _adapted(found.theta, replace(data, scale=trend.scale), found.delta)
    return replace(again, trend=trend) if again.converged else found


def _adapted(theta: Array, data: Data, width: float) -> Solution:
    """From theta (5,), fitted and measured in turn until the noise and delta agree."""
    for _ in range(ROUNDS):
        again = adaptive_delta(residuals(theta[None], data)[0], P)
        if abs(again - width) <= 1e-9 * width:
            break
        width = again
        theta = newton(theta[None], data, width, limit=2, damping=0.0).theta[0]
    end = newton(theta[None], data, width, damping=0.0)
    return Solution(
        _drop_negligible_terms(end.theta[0], data), width, float(end.objective[0]), bool(end.converged()[0])
    )


def _drop_negligible_terms(theta: Array, data: Data) -> Array:
    """The same law without a term that nowhere makes a difference to the loss: rounding errors, not a size's worth."""
    u, v, q = (values[0] for values in parts(theta[None], data))
    shares = np.array([1.0, float((theta[1] * u / q).max()), float((theta[2] * v / q).max()), 1.0, 1.0])
    return np.where(shares < NEGLIGIBLE, 0.0, theta)


def _narrowing(noise: float, delta: float | None) -> list[float]:
    """The deltas to refine at, in turn: from about the noise down to a given one.

    Far below the noise Huber's loss is nearly that of least absolute residuals, all kinks: Newton's method started
    there failed on half of the sweeps tried, and on none when led down to it.
    """
    if delta is None:
        return [noise]
    steps = []
    while noise > delta:
        steps.append(noise)
        noise *= NARROWER
    return [*steps, delta]
