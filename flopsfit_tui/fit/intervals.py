"""How far each number can be trusted: covariances of a fit, and the intervals that follow from them.

HC3 (MacKinnon and White 1985) asks each point for its own noise and inflates its residual by 1/(1 - leverage), which
is nearly what leaving it out would do; CR3 (Bell and McCaffrey 2002) does the same for whole groups of points that
share an error. Quantiles are Student's t with as many degrees of freedom as points (groups) less five. Each interval
is symmetric on the scale of its quantity (quantities.py) and mapped back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from flopsfit_tui.fit.arrays import Array, Labels
from flopsfit_tui.fit.huber import psi
from flopsfit_tui.fit.law import Interval
from flopsfit_tui.fit.polish import Data, P, jacobian, residuals
from flopsfit_tui.fit.quantities import Quantity, value_and_gradient
from flopsfit_tui.fit.scales import back
from flopsfit_tui.fit.student import t_quantile

LEAST = 0.02  # 1 - leverage is taken no smaller: a point that alone fixes a parameter says nothing of its own noise


@dataclass(frozen=True)
class Covariance:
    """Covariance of theta = (e, a, b, alpha, beta) in centred units.

    Where there are several estimates of it, each number gets the widest of its intervals.
    """

    matrices: tuple[Array, ...]  # (5, 5) each
    df: int
    level: float
    method: str

    def interval(self, quantity: Quantity, theta: Array) -> Interval:
        """The number at theta (5,), with an interval symmetric on its own scale, by the delta method."""
        with np.errstate(all="ignore"):
            value, slope = value_and_gradient(quantity, theta)
            variance = max(float(slope @ matrix @ slope) for matrix in self.matrices)
        half = t_quantile(self.level, self.df) * math.sqrt(variance) if variance >= 0 else math.inf  # nan too
        return back(quantity.scale, value, value - half, value + half)

    def or_wider(self, other: Covariance) -> Covariance:
        """Of this covariance and another one, the one that is wider, number by number."""
        df, method = min(self.df, other.df), f"wider of {self.method} and {other.method}"
        return Covariance(self.matrices + other.matrices, df, self.level, method)


def sandwich(theta: Array, data: Data, delta: float, groups: Labels | None, level: float) -> Covariance:
    """HC3, or CR3 when groups (n,) of whole numbers from 0 name points that share an error. Needs over five groups."""
    pull = psi(residuals(theta[None], data)[0], delta)
    slopes, inverse = _curvature(theta, data)
    if groups is None:
        scores = slopes * (pull / (1 - leverages(theta, data)))[:, None]
    else:
        members = [groups == g for g in range(int(groups.max()) + 1)]
        scores = np.array([_group_score(slopes[rows], pull[rows], inverse) for rows in members])
    half = scores @ inverse / _share(theta, data, delta)
    method = "HC3" if groups is None else "CR3"
    return Covariance((half.T @ half,), max(scores.shape[0] - P, 1), level, method)


def gauss_newton(theta: Array, data: Data, delta: float, level: float) -> Covariance:
    """The same noise at every point: Huber's (1973) covariance with his small-sample correction."""
    pull = psi(residuals(theta[None], data)[0], delta)
    _, inverse = _curvature(theta, data)
    share, n = _share(theta, data, delta), pull.size
    correction = (1 + P / n * (1 - share) / share) / share
    variance = correction**2 * float(pull @ pull) / max(n - P, 1)
    return Covariance((inverse * variance,), max(n - P, 1), level, "Gauss-Newton")


def leverages(theta: Array, data: Data) -> Array:
    """How much of each point's own residual the fit follows, (n,), at most 1 - LEAST."""
    slopes, inverse = _curvature(theta, data)
    return np.asarray(np.minimum(np.einsum("ij,jk,ik->i", slopes, inverse, slopes), 1 - LEAST))


def _curvature(theta: Array, data: Data) -> tuple[Array, Array]:
    """The Jacobian J (n, 5) of the log of the law, and the inverse of J'J (5, 5)."""
    slopes = jacobian(theta[None], data)[0].T
    length = np.sqrt((slopes**2).sum(axis=0))
    scale = 1 / np.where(length > 1e-12, length, 1.0)
    ridge = 1e-14 * np.eye(P)  # a direction that the data do not determine gets a huge variance, not an exception
    inverse = np.linalg.inv(scale[:, None] * (slopes.T @ slopes) * scale + ridge)
    return slopes, scale[:, None] * inverse * scale


def _share(theta: Array, data: Data, delta: float) -> float:
    """E[psi'], the share of residuals within delta: steadier over few points than each one's own 0 or 1.

    Measured on 35 points, it brings HC3 from 0.93 to 0.96 of its nominal 0.95.
    """
    return max(float(np.mean(np.abs(residuals(theta[None], data)[0]) <= delta)), 1e-3)


def _group_score(slopes: Array, pull: Array, inverse: Array) -> Array:
    """A group's share of the gradient (5,), its residuals inflated to what they would be had it been left out."""
    values, vectors = np.linalg.eigh(np.eye(pull.size) - slopes @ inverse @ slopes.T)
    return np.asarray(slopes.T @ (vectors @ ((vectors.T @ pull) / np.maximum(values, LEAST))))
