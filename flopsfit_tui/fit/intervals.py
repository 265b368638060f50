"""How far each number can be trusted: covariances of a fit, and intervals on the scale where each number lives.

HC3 (MacKinnon and White 1985) asks each point for its own noise and inflates its residual by 1/(1 - leverage), which
is nearly what leaving it out would do; CR3 (Bell and McCaffrey 2002) does the same for whole groups of points that
share an error. Quantiles are Student's t with as many degrees of freedom as points (groups) less five.

A positive number is transformed by its logarithm, an exponent of N_opt (between 0 and 1) by its logit, E not at all;
each interval is symmetric there and mapped back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from flopsfit_tui.fit.arrays import Array, Labels
from flopsfit_tui.fit.huber import psi
from flopsfit_tui.fit.law import Interval
from flopsfit_tui.fit.polish import Data, P, jacobian, residuals
from flopsfit_tui.fit.student import t_quantile

LEAST = 0.02  # 1 - leverage is taken no smaller: a point that alone fixes a parameter says nothing of its own noise


@dataclass(frozen=True)
class Covariance:
    """Covariance of theta = (e, a, b, alpha, beta) in centred units, and the t quantile that goes with it."""

    matrix: Array  # (5, 5)
    df: int
    level: float
    method: str

    @property
    def quantile(self) -> float:
        return t_quantile(self.level, self.df)

    def half_width(self, gradient: Array) -> float:
        """Half the interval of a number whose gradient with respect to theta is given, (5,)."""
        variance = float(gradient @ self.matrix @ gradient)
        return self.quantile * math.sqrt(variance) if variance >= 0 else math.inf


def bread(theta: Array, data: Data, delta: float) -> tuple[Array, Array, Array]:
    """Residuals (n,), Jacobian (n, 5) and the inverse of the curvature (5, 5) of the objective at a fit."""
    r = residuals(theta[None], data)[0]
    slopes = jacobian(theta[None], data)[0].T
    share = float(np.mean(np.abs(r) <= delta))  # E[psi'], a steadier estimate than each point's own 0 or 1
    scale = 1 / np.sqrt(np.maximum((slopes**2).sum(axis=0), 1e-300))
    ridge = 1e-14 * np.eye(P)  # a direction that the data do not determine gets a huge variance, not an exception
    inverse = np.linalg.inv(scale[:, None] * (slopes.T @ slopes) * scale + ridge)
    return r, slopes, scale[:, None] * inverse * scale / max(share, 1e-3)


def sandwich(theta: Array, data: Data, delta: float, groups: Labels | None, level: float) -> Covariance:
    """HC3, or CR3 when groups (n,) of whole numbers name points that share an error. Needs more than five groups."""
    r, slopes, inverse = bread(theta, data, delta)
    pull, inside = psi(r, delta), float(np.mean(np.abs(r) <= delta))
    if groups is None:
        left_out = 1 - inside * np.einsum("ij,jk,ik->i", slopes, inverse, slopes)
        scores = slopes * (pull / np.maximum(left_out, LEAST))[:, None]
    else:
        labels = np.unique(groups, return_inverse=True)[1]
        scores = np.array(
            [_group_score(slopes[labels == g], pull[labels == g], inside * inverse) for g in range(labels.max() + 1)]
        )
    half = scores @ inverse
    method = "HC3" if groups is None else "CR3"
    return Covariance(half.T @ half, max(scores.shape[0] - P, 1), level, method)


def _group_score(slopes: Array, pull: Array, inverse: Array) -> Array:
    """A group's share of the gradient (5,), its residuals inflated to what they would be had it been left out."""
    values, vectors = np.linalg.eigh(np.eye(pull.size) - slopes @ inverse @ slopes.T)
    return np.asarray(slopes.T @ (vectors @ ((vectors.T @ pull) / np.maximum(values, LEAST))))


def gauss_newton(theta: Array, data: Data, delta: float, level: float) -> Covariance:
    """The same noise at every point: Huber's (1973) covariance with his small-sample correction."""
    r, slopes, inverse = bread(theta, data, delta)
    n, inside = r.size, float(np.mean(np.abs(r) <= delta))
    correction = 1 + P / n * (1 - inside) / max(inside, 1e-3)
    variance = correction**2 * float(np.sum(psi(r, delta) ** 2)) / max(n - P, 1)
    meat = (slopes.T @ slopes) * variance
    return Covariance(inverse @ meat @ inverse, max(n - P, 1), level, "Gauss-Newton")


def positive(value: float, half: float) -> Interval:
    """value times and divided by e^half; value > 0."""
    return Interval(value, value * _exp(-half), value * _exp(half))


def fraction(value: float, half: float) -> Interval:
    """An interval inside (0, 1), symmetric in the logit by half."""
    logit = math.log(value) - math.log1p(-value)
    return Interval(value, _expit(logit - half), _expit(logit + half))


def _exp(x: float) -> float:
    return math.exp(x) if x < 700 else math.inf


def _expit(x: float) -> float:
    return 1 / (1 + _exp(-x))
