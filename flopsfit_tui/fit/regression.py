"""Linear regression under Huber's loss, so that one diverged run does not bend a parabola."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from flopsfit_tui.fit.arrays import Array
from flopsfit_tui.fit.huber import adaptive_delta, psi

ROUNDS = 30


@dataclass(frozen=True)
class Regression:
    coefficients: Array  # (p,)
    covariance: Array | None  # (p, p); None without a degree of freedom to spare
    sigma: float | None  # of the noise, in units of y
    df: int


def regress(design: Array, y: Array) -> Regression:
    """y (n,) on the columns of design (n, p), n >= p, by reweighted least squares; delta is 1.345 robust sigma."""
    n, p = design.shape
    coefficients = _solve(design, y)
    if n <= p:
        return Regression(coefficients, None, None, 0)
    delta = math.inf
    for _ in range(ROUNDS if n > p + 1 else 0):
        r = y - design @ coefficients
        delta = adaptive_delta(r, p)
        weight = np.sqrt(np.minimum(1, delta / np.maximum(np.abs(r), 1e-300)))
        before, coefficients = coefficients, _solve(design * weight[:, None], y * weight)
        if np.max(np.abs(coefficients - before)) <= 1e-6 * delta:
            break
    r = y - design @ coefficients
    pull, share = psi(r, delta), max(float(np.mean(np.abs(r) <= delta)), 1e-3)
    correction = (1 + p / n * (1 - share) / share) / share
    variance = float(pull @ pull) / (n - p) * correction**2
    covariance = np.linalg.pinv(design.T @ design, hermitian=True) * variance
    return Regression(coefficients, np.asarray(covariance, dtype=np.float64), math.sqrt(variance), n - p)


def _solve(design: Array, y: Array) -> Array:
    return np.asarray(np.linalg.lstsq(design, y, rcond=None)[0], dtype=np.float64)
