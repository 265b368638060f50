"""Which runs do not belong to the law that the others follow: diverged, mistyped, or cut short.

A run is flagged where it lies more than 4.5 robust standard deviations off the law of the runs that are not flagged;
one in 150,000 normal errors is further off. Starting from a fit of all of them, both are found in turn, so that neither
several outliers nor noise that grows with size hides what is flagged, or flags what is not.
"""

from __future__ import annotations

import numpy as np

from flopsfit_tui.fit.arrays import Array, Mask
from flopsfit_tui.fit.huber import robust_sigma
from flopsfit_tui.fit.newton import Data, P, residuals
from flopsfit_tui.fit.search import Solution, refined

FLAG = 4.5  # robust standard deviations
SMALLEST_SIGMA = 1e-9
MOST = 0.12  # of the runs; where more are flagged, it is the law that does not describe them
FEW = 2  # so many may be outliers of any number
ROUNDS = 6


def far_off(found: Solution, data: Data, among: Mask | None = None) -> Mask:
    """Which points of the data lie further off the law than noise explains, (n,).

    among: (n,) the points that the law was fitted to, whose noise counts; None is all.
    """
    scale = found.trend.at(data.x, data.y) if found.trend else 1.0
    r = residuals(found.theta[None], data)[0] / scale
    sigma = robust_sigma(r if among is None else r[among], P)
    return np.asarray(np.abs(r) > FLAG * max(sigma, SMALLEST_SIGMA))


def outliers(theta: Array, data: Data, delta: float | None, fewest: int) -> Mask:
    """The points to leave out, (n,); none where too many are flagged, or fewer than `fewest` points were left.

    theta: (5,) a fit of all of them.
    """
    nothing = np.zeros(data.x.size, dtype=bool)
    found = refined(theta, data, delta, weigh=False)
    off = far_off(found, data)
    for _ in range(ROUNDS):
        if not found.converged or off.sum() > max(FEW, MOST * off.size) or (~off).sum() < fewest:
            return nothing
        found = refined(found.theta, data.take(~off), delta)
        again = far_off(found, data, ~off)
        if (again == off).all():
            break
        off = again
    return off if off.sum() <= max(FEW, MOST * off.size) and (~off).sum() >= fewest else nothing
