"""Losses computed from a law give that law back, whatever its shape, budgets, grid, units and order."""

import numpy as np
import pytest
from known_laws import LAWS, isoflop_grid, noisy_sweep

from flopsfit_tui.fit import fit_law


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


@pytest.mark.parametrize("delta", [None, 1e-3, np.inf])
def test_units_and_order_do_not_matter(delta):
    N, D, L = noisy_sweep(noise=0.01)
    shuffled = np.random.default_rng(1).permutation(N.size)
    plain = fit_law(N, D, L, delta=delta)
    other = fit_law(N[shuffled] / 1e6, D[shuffled] / 1e9, L[shuffled], delta=delta)
    bits = fit_law(N, D, L / np.log(2), delta=delta)
    for name in ("alpha", "beta"):
        for end in ("value", "low", "high"):
            expected = getattr(plain.parameters[name], end)
            assert getattr(other.parameters[name], end) == pytest.approx(expected, rel=1e-6)
            assert getattr(bits.parameters[name], end) == pytest.approx(expected, rel=1e-6)
    assert pytest.approx(plain.law.E, rel=1e-6) == other.law.E
    assert pytest.approx(plain.law.A / 1e6**plain.law.alpha, rel=1e-6) == other.law.A
    assert pytest.approx(plain.law.E / np.log(2), rel=1e-6) == bits.law.E


def test_a_diverged_run_is_flagged_and_hardly_moves_the_answer():
    N, D, L = noisy_sweep()
    clean = fit_law(N, D, L)
    L[[5, 20]] *= 1.1
    fit = fit_law(N, D, L)
    assert np.flatnonzero(fit.flagged).tolist() == [5, 20]
    assert fit.exponent.low < clean.exponent.value < fit.exponent.high
    without = fit_law(np.delete(N, [5, 20]), np.delete(D, [5, 20]), np.delete(L, [5, 20]))
    assert fit.exponent_without_flagged.value == pytest.approx(without.exponent.value, rel=1e-9)


def test_unusable_runs_are_excluded_and_counted():
    N, D, L = noisy_sweep()
    clean = fit_law(np.delete(N, [3, 9, 30]), np.delete(D, [3, 9, 30]), np.delete(L, [3, 9, 30]))
    L[3], L[9], L[30] = np.nan, np.inf, 11.0
    fit = fit_law(N, D, L, untrained=10.8)
    assert np.flatnonzero(fit.excluded).tolist() == [3, 9, 30]
    assert fit.points == 32
    assert np.isnan(fit.residuals[[3, 9, 30]]).all()
    assert fit.law.alpha == pytest.approx(clean.law.alpha, rel=1e-9)


def test_noise_free_losses_outvote_diverged_ones():
    N, D, L = noisy_sweep(noise=0.0)
    L[[2, 17, 33]] *= 1.2
    assert fit_law(N, D, L).law.alpha == pytest.approx(LAWS["hoffmann"].alpha, rel=1e-6)
