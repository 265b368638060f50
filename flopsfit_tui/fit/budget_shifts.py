"""Do whole budgets lie off the law? An F test of a shift for each budget, beside what the law and its bends can follow.

Trials of one budget share its schedule, so that an error of that schedule moves them together: the smooth bends of the
score test do not see it when it goes up and down, and intervals that take runs to be independent come out too narrow.
"""

from __future__ import annotations

import numpy as np

from flopsfit_tui.fit.arrays import Array, Labels
from flopsfit_tui.fit.bends import FEWEST, NOISE_FREE, Bend, directions
from flopsfit_tui.fit.huber import psi, robust_sigma
from flopsfit_tui.fit.newton import Data, P, jacobian, residuals
from flopsfit_tui.fit.quantiles import t_quantile

LEVEL = 0.995  # the score test's own bends leave it half a per cent of false alarms
FEWEST_BUDGETS = 3
LEAST_DF = 4  # left for the noise
ALIKE = 1e-6  # a direction that is so small a share beside the others is theirs
LEAST_P = 1e-15  # a smaller probability is this one


def budget_shifts(theta: Array, data: Data, delta: float, budgets: Labels, groups: Labels | None = None) -> Bend | None:
    """The shifts of all budgets as one Bend, whose t is that of Student's distribution with the F test's probability.

    budgets: (n,) whole numbers of the budget of each point, below 0 for none; groups: (n,) whole numbers from 0 of
    points that share an error: seeds of one place, which are averaged. None where too little is left for the noise.
    """
    pull = psi(residuals(theta[None], data)[0], delta)
    slopes = np.column_stack([jacobian(theta[None], data)[0].T, directions(theta, data)])
    names = np.unique(budgets[budgets >= 0])
    shifts = (budgets[:, None] == names).astype(np.float64) / np.reshape(data.scale, (-1, 1))
    if groups is not None:
        root = np.sqrt(np.bincount(groups))
        pull = np.bincount(groups, weights=pull) / root
        slopes, shifts = (
            np.array([np.bincount(groups, weights=column) / root for column in part.T]).T for part in (slopes, shifts)
        )
    if names.size < FEWEST_BUDGETS or pull.size < FEWEST or robust_sigma(pull, P) < NOISE_FREE:
        return None
    own, strengths, _ = np.linalg.svd(slopes / np.linalg.norm(slopes, axis=0), full_matrices=False)
    own = own[:, strengths > ALIKE]
    left = pull - own @ (own.T @ pull)
    apart = shifts - own @ (own.T @ shifts)
    across, sizes, _ = np.linalg.svd(apart, full_matrices=False)
    across = across[:, sizes > ALIKE * np.linalg.norm(shifts, axis=0).max()]
    count, df = across.shape[1], pull.size - own.shape[1] - across.shape[1]
    if not count or df < LEAST_DF:
        return None
    explained = float(((across.T @ left) ** 2).sum())
    rest = max(float(left @ left) - explained, 1e-300)
    from scipy.special import fdtrc  # only where a fit is tested: it takes 0.2 s to import

    p = max(float(fdtrc(count, df, explained / count / (rest / df))), LEAST_P)
    freedom = pull.size - P
    return Bend("budgets", t_quantile(1 - p, freedom) if p < 1 else 0.0, t_quantile(LEVEL, freedom))
