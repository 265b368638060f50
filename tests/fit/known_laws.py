"""Laws to draw losses from, and the grids that sweeps run."""

from __future__ import annotations

import numpy as np

from flopsfit_tui.fit import Law

LAWS = {
    "hoffmann": Law(1.69, 406.4, 410.7, 0.34, 0.28),
    "besiroglu": Law(1.8172, 482.01, 2085.43, 0.3478, 0.3658),
    "no entropy": Law(0.0, 400.0, 400.0, 0.3, 0.3),
    "equal exponents": Law(1.0, 30.0, 30.0, 0.25, 0.25),
    "alpha three times beta": Law(2.0, 1e3, 1e3, 0.6, 0.2),
    "alpha a third of beta": Law(2.0, 50.0, 1e4, 0.2, 0.6),
    "beta above one": Law(0.5, 1e4, 1e7, 0.7, 1.3),
    "shallow": Law(0.1, 10.0, 20.0, 0.12, 0.15),
}
HOFFMANN = LAWS["hoffmann"]
BUDGETS = np.geomspace(1e18, 1e20, 5)


def isoflop_grid(law, budgets=BUDGETS, off_centre=1.0, sizes=7, ratio=2**0.5):
    """N and D of a sweep: `sizes` sizes a budget, around the best one times off_centre."""
    best = np.array([law.optimum(C).params for C in budgets])
    N = np.outer(best * off_centre, ratio ** np.arange(-(sizes // 2), sizes // 2 + 1))
    return N.ravel(), (np.array(budgets)[:, None] / (6 * N)).ravel()


def noisy_sweep(seed=0, noise=0.005, law=HOFFMANN, **grid):
    """N, D and L of a sweep with so much noise in log loss."""
    N, D = isoflop_grid(law, **{"ratio": 1.7, **grid})
    return N, D, law.loss(N, D) * np.exp(noise * np.random.default_rng(seed).normal(size=N.size))
