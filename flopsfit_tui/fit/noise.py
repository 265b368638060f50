"""Where the noise is larger and where it is smaller: a smooth model of its level, from the residuals of a fit.

ln s_i = ln s + z_i'c, with z the standardised ln N and ln D, and for some uses a square across budgets. c comes by
quasi-likelihood from |r| (variance HALF_NORMAL mean^2, the half-normal's). A few dozen runs know it badly: a normal
prior on each component keeps it near zero where the residuals do not insist, and a fit weighs its points by it only
where chi-square rejects equal noise at SIGNIFICANT. Measured by benchmarks/fit_coverage.py: the error of ln N_opt falls
by a quarter to a half where noise grows as N^.5 or D^.5 from 35 runs on, and does not rise at equal noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from flopsfit_tui.fit.arrays import Array

HALF_NORMAL = 0.571  # variance of |r| over its squared mean, for normal r
NORMAL_MEDIAN = 0.6744897501960817  # of |r|, in standard deviations
PRIOR = 0.5  # standard deviation of each component of c
WEAK = 1e3  # a prior that says nothing, for the test
FAR = 4.5  # robust standard deviations; what lies further off is left out of a trend
CAP = 4.0  # |r| counts as at most so many robust standard deviations: one diverged run is no noise level
ROUNDS = 20
SIGNIFICANT = 0.01
FEWEST = 16  # points for a trend
LARGEST = 10.0  # the factor by which a point's noise may differ from the typical one


@dataclass(frozen=True)
class NoiseTrend:
    """Noise that grows or falls as N^by_params D^by_tokens, and what that makes of each point."""

    by_params: float
    by_tokens: float
    middle: float  # what by_params ln N + by_tokens ln D is where the noise is typical
    scale: Array  # (n,) noise of each point by the median one

    def at(self, x: Array, y: Array) -> Array:
        """The same for any points, (k,) ln N and ln D."""
        return _bounded(self.by_params * x + self.by_tokens * y - self.middle)


def noise_trend(x: Array, y: Array, size: Array) -> NoiseTrend | None:
    """How the noise follows size and tokens; None where equal noise cannot be rejected, or the points are few.

    x, y: (n,) ln N and ln D; size: (n,) absolute residuals, inflated for leverage. Repeats of one point (equal x and
    y) are taken to share their error.
    """
    columns = np.column_stack([x, y])
    points = np.unique(columns, axis=0).shape[0]
    if points < FEWEST or not np.median(size) > 0:
        return None
    deviations = columns.std(axis=0)
    near = size <= FAR * np.median(size) / NORMAL_MEDIAN
    for _ in range(2):  # outliers say nothing of a trend; what is one depends on the trend
        z = standardised(columns)[near]
        slopes, _ = level_slopes(z, size[near], PRIOR)
        relative = size / np.exp(standardised(columns) @ slopes[1:])
        near = relative <= FAR * np.median(relative) / NORMAL_MEDIAN
    free, covariance = level_slopes(standardised(columns)[near], size[near], WEAK)
    statistic = float(free[1:] @ np.linalg.solve(covariance[1:, 1:], free[1:])) * points / size.size
    if statistic < -2 * math.log(SIGNIFICANT):  # chi-square with 2 degrees of freedom
        return None
    by_params, by_tokens = (float(c / s) for c, s in zip(slopes[1:], deviations, strict=True))
    level = by_params * x + by_tokens * y
    middle = float(np.median(level))
    return NoiseTrend(by_params, by_tokens, middle, _bounded(level - middle))


def relative_level(columns: Array, size: Array) -> Array:
    """How noisy each point is beside the median one, (n,), positive.

    columns: (n, k) what the level may follow, in any units; size: (n,) absolute residuals, inflated for leverage.
    """
    z = standardised(columns)
    slopes, _ = level_slopes(z, np.minimum(size, CAP * np.median(size) / NORMAL_MEDIAN), PRIOR)
    level = z @ slopes[1:]
    return _bounded(level - np.median(level))


def level_slopes(z: Array, size: Array, prior: float) -> tuple[Array, Array]:
    """(k + 1,) intercept and slopes of ln E|r| on z (n, k), and their covariance (k + 1, k + 1), by Fisher scoring."""
    design = np.column_stack([np.ones(len(z)), z])
    precision = np.diag([0.0] + [prior**-2] * z.shape[1])
    c = np.zeros(design.shape[1])
    c[0] = np.log(max(float(size.mean()), 1e-300))
    covariance = np.linalg.inv(design.T @ design / HALF_NORMAL + precision)
    for _ in range(ROUNDS):
        score = design.T @ (size * np.exp(-design @ c) - 1) / HALF_NORMAL - precision @ c
        step = np.clip(covariance @ score, -1.0, 1.0)
        c = c + step
        if np.abs(step).max() < 1e-9:
            break
    return np.asarray(c), np.asarray(covariance, dtype=np.float64)


def standardised(columns: Array) -> Array:
    """Columns (n, k) with mean 0 and deviation 1; a constant one is 0."""
    centred = columns - columns.mean(axis=0)
    deviation = centred.std(axis=0)
    return np.asarray(centred / np.where(deviation > 1e-12, deviation, 1.0) * (deviation > 1e-12))


def place(x: Array, y: Array) -> Array:
    """Where a run lies across its budget: ln N - ln D made orthogonal to ln N + ln D, (n,)."""
    along, across = x + y - (x + y).mean(), x - y - (x - y).mean()
    length = float(along @ along)
    return np.asarray(across - along * (float(along @ across) / length if length > 0 else 0.0))


def _bounded(level: Array) -> Array:
    return np.asarray(np.exp(np.clip(level, -math.log(LARGEST), math.log(LARGEST))))
