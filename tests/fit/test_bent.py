"""The band if the law bends: only where the score test fires, and its minimum is that of the bent law."""

import numpy as np
import pytest
from known_laws import HOFFMANN, isoflop_grid, noisy_sweep

from flopsfit_tui.fit import cost_of_tokens, fit_law
from flopsfit_tui.fit.bent import BentLaw, _minima, bend_law
from flopsfit_tui.fit.search import centred, solve


def bending(seed=0, strength=0.02):
    """A dense sweep whose size term bends."""
    N, D = isoflop_grid(HOFFMANN, np.geomspace(1e18, 1e21, 8), sizes=9, ratio=1.7)
    u, v = HOFFMANN.A / N**HOFFMANN.alpha, HOFFMANN.B / D**HOFFMANN.beta
    loss = HOFFMANN.E + u * np.exp(strength * np.log(N / 5e8) ** 2) + v
    return N, D, loss * np.exp(0.003 * np.random.default_rng(seed).normal(size=N.size))


def test_a_true_law_has_no_band():
    fit = fit_law(*noisy_sweep())
    assert fit.bent is None
    assert fit.predict(1e21).params_bent_low is None


def test_a_bend_is_followed_to_where_the_minimum_really_is():
    C = 1e22

    def truth():
        n = np.linspace(np.log(1e8), np.log(1e12), 40001)
        u = HOFFMANN.A * np.exp(-HOFFMANN.alpha * n + 0.02 * (n - np.log(5e8)) ** 2)
        v = HOFFMANN.B * (C / 6 / np.exp(n)) ** -HOFFMANN.beta
        return float(n[np.argmin(u + v)])

    nearer = 0
    for seed in range(5):
        fit = fit_law(*bending(seed))
        best = fit.predict(C, method="law")
        assert fit.bent is not None
        middle = np.log(best.params_bent_low * best.params_bent_high) / 2
        nearer += abs(middle - truth()) < abs(np.log(best.params) - truth())
        assert best.params_bent_low < best.params_bent_high
    assert nearer >= 4


def test_an_unbent_law_keeps_its_minimum():
    data, centre = centred(*noisy_sweep())
    theta = solve(data, None).theta
    for flops in (None, cost_of_tokens([1e6, 1e9, 1e12], [6e6, 6e9, 6e12])):
        found = _minima(np.concatenate([theta, np.zeros(4)])[None], np.log(1e21), 20.0, centre, flops)
        fit = fit_law(*noisy_sweep())
        assert found[0] == pytest.approx(np.log(fit.predict(1e21).params), abs=1e-3)
    far = _minima(np.concatenate([theta, np.zeros(4)])[None], np.log(1e21), 40.0, centre, None)
    assert np.isnan(far[0])


def test_runs_that_do_not_insist_leave_the_law_as_it_is():
    data, centre = centred(*noisy_sweep(noise=0.02))
    found = solve(data, None)
    bent = bend_law(found.theta, data, found.delta, centre, 0.95)
    assert isinstance(bent, BentLaw)
    assert np.abs(bent.eta[5:]).max() < 0.05
