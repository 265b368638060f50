"""Losses computed from a law give that law back, whatever its shape, budgets and grid."""

import numpy as np
import pytest

from flopsfit_tui.fit import Law, fit_law

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


def isoflop_grid(law, budgets, off_centre=1.0, sizes=7, ratio=2**0.5):
    """N and D of a sweep: `sizes` sizes a budget, around the best one times off_centre."""
    best = np.array([law.optimum(C).params for C in budgets])
    N = np.outer(best * off_centre, ratio ** np.arange(-(sizes // 2), sizes // 2 + 1))
    return N.ravel(), (np.array(budgets)[:, None] / (6 * N)).ravel()


@pytest.mark.parametrize("off_centre", [1.0, 1.6, 1 / 1.6])
@pytest.mark.parametrize("smallest", [1e10, 1e17, 1e24])
@pytest.mark.parametrize("name", LAWS)
def test_noise_free_losses_give_their_law_back(name, smallest, off_centre):
    law = LAWS[name]
    N, D = isoflop_grid(law, smallest * 2.0 ** np.arange(5), off_centre)
    fit = fit_law(N, D, law.loss(N, D))
    found, target = fit.law, 100 * 16 * smallest
    assert fit.status == "converged"
    assert found.alpha == pytest.approx(law.alpha, rel=1e-7)
    assert found.beta == pytest.approx(law.beta, rel=1e-7)
    for term in "EAB":
        assert getattr(found, term) == pytest.approx(getattr(law, term), rel=1e-5, abs=1e-5)
    assert abs(np.log(found.optimum(target).params / law.optimum(target).params)) < 1e-5
