"""The second form: derivatives, recovery, and when its losses are taken."""

import numpy as np
import pytest
from known_laws import HOFFMANN, isoflop_grid, noisy_sweep
from scipy.optimize import minimize_scalar

from flopsfit_tui.fit import fit_law
from flopsfit_tui.fit.joint import _residuals, _slopes, fit_joint
from flopsfit_tui.fit.newton import Data
from flopsfit_tui.fit.recommend import recommend
from flopsfit_tui.fit.search import centred, solve

DENSE = {"budgets": np.geomspace(1e18, 1e21, 8), "sizes": 9}


def not_adding(g, seed=0, noise=0.003):
    """Runs of the second form, and the loss it gives at any N and D."""

    def loss(N, D):
        u, v = HOFFMANN.A / N**HOFFMANN.alpha, HOFFMANN.B / D**HOFFMANN.beta
        return HOFFMANN.E + (u**g + v**g) ** (1 / g)

    N, D = isoflop_grid(HOFFMANN, ratio=1.7, **DENSE)
    return N, D, loss(N, D) * np.exp(noise * np.random.default_rng(seed).normal(size=N.size)), loss


def test_slopes_are_derivatives():
    data, _ = centred(*noisy_sweep())
    data = Data(data.x, data.y, data.log_loss, data.weights, np.linspace(0.5, 2, data.x.size))
    p, h = np.array([0.6, -1.0, -1.2, -1.1, -0.9, 0.2]), 1e-6
    numeric = [(_residuals(p - h * unit, data) - _residuals(p + h * unit, data)) / (2 * h) for unit in np.eye(6)]
    assert _slopes(p, data) == pytest.approx(np.array(numeric).T, abs=1e-8)


@pytest.mark.parametrize("g", [0.75, 1.0, 1.3])
def test_g_and_E_are_found(g):
    N, D, L, _ = not_adding(g)
    data, centre = centred(N, D, L)
    found = fit_joint(solve(data, None).theta, data, centre)
    assert found.g.low < g < found.g.high
    assert found.E.low < HOFFMANN.E < found.E.high
    assert found.sigma == pytest.approx(0.003, rel=0.4)
    assert found.loss_interval(1e9, 1e11).low < found.loss(1e9, 1e11) < found.loss_interval(1e9, 1e11).high


def test_losses_come_from_it_where_the_terms_do_not_add():
    N, D, L, loss = not_adding(1.35)
    fit, plain = fit_law(N, D, L), fit_law(N, D, L, form="additive")
    assert fit.joint is not None
    assert plain.joint is None
    best, other = fit.predict(1e23), plain.predict(1e23)
    assert best.params == other.params  # sizes stay the law's
    truth = loss(best.params, best.tokens)
    assert abs(best.loss - truth) < abs(other.loss - truth)
    assert best.loss_low < truth < best.loss_high
    assert fit_law(*noisy_sweep()).joint is None


@pytest.mark.parametrize("form", [None, "joint"])
def test_what_to_build_has_the_losses_of_the_same_form(form):
    N, D, L, _ = not_adding(1.35)
    fit = fit_law(N, D, L, form=form)
    best, sizes = fit.predict(1e23), np.geomspace(1e8, 1e13, 60)
    found = recommend(fit, 1e23, sizes.tolist(), sizes)
    chosen = found.choice
    assert chosen.loss == pytest.approx(best.loss, rel=2e-3)
    assert chosen.loss == pytest.approx(float(fit.loss(chosen.params, chosen.tokens)), rel=1e-12)
    assert abs(np.log(chosen.params / best.params)) < np.log(sizes[1] / sizes[0])
    assert 0 <= chosen.excess < 0.01


def test_sizes_come_from_it_on_demand():
    N, D, L, _ = not_adding(1.35)
    fit = fit_law(N, D, L, form="joint")
    best = fit.predict(1e22)
    lowest = minimize_scalar(
        lambda n: float(fit.joint.loss(np.exp(n), 1e22 / 6 / np.exp(n))), bracket=(19, 23), options={"xtol": 1e-10}
    )
    assert np.log(best.params) == pytest.approx(lowest.x, abs=1e-4)
    assert best.params_low < best.params < best.params_high
    assert best.loss == pytest.approx(float(fit.joint.loss(best.params, best.tokens)))


def test_an_unknown_form_is_refused():
    with pytest.raises(ValueError, match="joint"):
        fit_law(*noisy_sweep(), form="power")
