"""The best size if the law bends: one Gauss-Newton step of the law extended by its first four bends.

Each bend has a normal prior about none, so small that runs which do not insist leave the law as it is; where the score
test finds a misfit, they insist. The extension is

    q = E + ((A N^-alpha e^(s x^2))^g + (B D^-(beta (1 + c x)) e^(t y^2))^g)^(1/g),    g = 1 + j,

with bends s (size), t (tokens), j (joint) and c (crossed).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from flopsfit_tui.fit.arrays import Array
from flopsfit_tui.fit.bends import directions
from flopsfit_tui.fit.cost import Cost
from flopsfit_tui.fit.huber import psi
from flopsfit_tui.fit.law import Interval
from flopsfit_tui.fit.newton import Data, P, jacobian, residuals
from flopsfit_tui.fit.optimum import log_cost
from flopsfit_tui.fit.quantiles import t_quantile
from flopsfit_tui.fit.quantities import Centre

PRIORS = (0.01, 0.01, 0.1, 0.005)  # standard deviations of s / alpha, t / beta, j and c
SPAN, GRID = 3.0, 241  # the optimum is looked for within e^3 of the law's
STEP = 1e-4  # of each number, in its own standard deviations, for the gradient


@dataclass(frozen=True)
class BentLaw:
    """Law and bends (9,) in centred units, and how far they can be trusted."""

    eta: Array
    covariance: Array  # (9, 9)
    centre: Centre
    t: float  # half-width of an interval, in standard errors

    def best_size(self, budget: float, params: float, flops: Cost | None) -> Interval | None:
        """N_opt near the law's own for so many FLOPs; None where the bent law has its minimum nowhere near."""
        deviations = np.sqrt(np.maximum(np.diag(self.covariance), 0.0))
        steps = np.diag(STEP * np.maximum(deviations, 1e-12))
        etas = np.concatenate([self.eta[None], self.eta + steps, self.eta - steps])
        found = _minima(etas, math.log(budget), math.log(params), self.centre, flops)
        if not np.isfinite(found).all():
            return None
        k = self.eta.size
        gradient = (found[1 : k + 1] - found[k + 1 :]) / (2 * np.diag(steps))
        half = self.t * math.sqrt(max(float(gradient @ self.covariance @ gradient), 0.0))
        return Interval(*(math.exp(float(found[0]) + by) for by in (0.0, -half, half)))


def bend_law(theta: Array, data: Data, delta: float, centre: Centre, level: float) -> BentLaw | None:
    """The extension of a fit, one step from its minimum theta (5,); None where the step leads nowhere."""
    pull = psi(residuals(theta[None], data)[0], delta)
    columns = np.column_stack([jacobian(theta[None], data)[0].T, directions(theta, data)[:, :4]])
    variance = float(pull @ pull) / max(pull.size - P, 1)
    scales = np.array([theta[3], theta[4], 1.0, 1.0]) * np.array(PRIORS)
    precision = np.diag(np.concatenate([np.zeros(P), scales**-2.0]))
    covariance = np.linalg.pinv(columns.T @ columns / variance + precision, hermitian=True)
    eta = np.concatenate([theta, np.zeros(4)]) + covariance @ (columns.T @ pull) / variance
    if not np.isfinite(covariance).all() or (eta[1:P] <= 0).any() or not 1 + eta[7] > 0:
        return None
    return BentLaw(eta, covariance, centre, t_quantile(level, max(pull.size - P, 1)))


def _minima(etas: Array, log_budget: float, middle: float, centre: Centre, flops: Cost | None) -> Array:
    """ln N with the lowest loss for each bent law (R, 9), (R,); nan where it lies at an end of the search."""
    n = middle + np.linspace(-SPAN, SPAN, GRID)
    x, y = n - centre.log_params, log_budget - log_cost(n, flops) - centre.log_tokens
    _, a, b, alpha, beta, s, t, j, c = etas.T[:, :, None]
    g = 1 + j
    u = np.log(a) - alpha * x + s * x * x
    v = np.log(b) - beta * (1 + c * x) * y + t * y * y
    height = np.logaddexp(g * u, g * v) / g
    i = np.argmin(height, axis=1)
    inside = (i > 0) & (i < GRID - 1)
    rows, i = np.arange(len(etas)), np.clip(i, 1, GRID - 2)
    before, here, after = height[rows, i - 1], height[rows, i], height[rows, i + 1]
    shift = 0.5 * (before - after) / (before - 2 * here + after)
    return np.where(inside, n[i] + shift * (n[1] - n[0]), np.nan)
