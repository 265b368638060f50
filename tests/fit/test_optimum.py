"""The best size for a budget, under 6N and under a measured cost."""

import numpy as np
import pytest
from known_laws import HOFFMANN, LAWS, noisy_sweep
from scipy.optimize import minimize_scalar

from flopsfit_tui.fit import Law, cost_of_tokens, fit_law


def brute_force(law, C, flops):
    """ln N_opt by minimising the loss itself."""
    loss = lambda n: law.loss(np.exp(n), C / flops(np.exp(n)))  # noqa: E731
    coarse = np.linspace(np.log(1e2), np.log(1e16), 4000)
    n = coarse[np.argmin([loss(x) for x in coarse])]
    return minimize_scalar(loss, bounds=(n - 0.02, n + 0.02), method="bounded", options={"xatol": 1e-12}).x


def transformer(N):
    """FLOPs per token of a body that costs 6N and a context that costs as the width."""
    return 6 * N + 900 * N**0.5


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("flops", [None, transformer])
def test_the_optimum_is_where_the_loss_is_lowest(name, flops):
    law = LAWS[name]
    for C in (1e13, 1e21):
        best = law.optimum(C, flops)
        cost = flops or (lambda N: 6 * N)
        assert np.log(best.params) == pytest.approx(brute_force(law, C, cost), abs=3e-4)
        assert best.tokens * cost(best.params) == pytest.approx(C)
        assert best.tokens_per_param == pytest.approx(best.tokens / best.params)
        assert best.loss == pytest.approx(float(law.loss(best.params, best.tokens)))


def test_six_n_as_a_function_is_six_n():
    ours, given = HOFFMANN.optimum(1e21), HOFFMANN.optimum(1e21, lambda N: 6 * N)
    assert given.params == pytest.approx(ours.params, rel=1e-9)
    grown = HOFFMANN.optimum(1e23).params / ours.params
    assert np.log(grown) / np.log(100) == pytest.approx(HOFFMANN.exponent)


def test_a_measured_cost_of_six_n_gives_the_closed_form_at_every_budget():
    law, N = Law(1.8172, 482.01, 2085.43, 0.3478, 0.3658), np.geomspace(1e7, 1e10, 40)
    cost = cost_of_tokens(N, 6 * N)
    for C in np.geomspace(1e15, 1e25, 400):  # at some of them rounding puts the root on either side of its start
        assert law.optimum(C, cost).params == pytest.approx(law.optimum(C).params, rel=1e-9)


def test_a_measured_cost_goes_through_its_pairs_and_stays_close_between_them():
    N = 1e6 * 1.7 ** np.arange(7)
    cost = cost_of_tokens(N, transformer(N))
    assert cost(N) == pytest.approx(transformer(N))
    between = np.geomspace(N[0], N[-1], 500)
    assert cost(between) == pytest.approx(transformer(between), rel=1e-3)
    assert cost(100 * N[-1]) == pytest.approx(transformer(100 * N[-1]), rel=0.01)
    assert (np.diff(cost(np.geomspace(1e3, 1e12, 2000))) > 0).all()
    for C in (1e15, 1e17):
        exact = HOFFMANN.optimum(C, transformer)
        assert HOFFMANN.optimum(C, cost).params == pytest.approx(exact.params, rel=0.01)


def test_one_measured_pair_is_proportional_to_size_and_repeats_are_averaged():
    assert cost_of_tokens([1e6], [9e6])(np.array([1e3, 1e9])) == pytest.approx([9e3, 9e9])
    assert cost_of_tokens([1e6, 1e6], [4e6, 9e6])(1e6) == pytest.approx(6e6)


@pytest.mark.parametrize(("N", "flops"), [([], []), ([1e6], [1e6, 2e6]), ([1e6, -1], [1, 1]), ([1e6], [np.nan])])
def test_a_cost_needs_positive_pairs(N, flops):
    with pytest.raises(ValueError, match="sizes"):
        cost_of_tokens(N, flops)


@pytest.mark.parametrize("C", [0, -1e18, np.nan, np.inf])
def test_a_budget_is_a_positive_number(C):
    fit = fit_law(*noisy_sweep())
    for ask in (HOFFMANN.optimum, fit.predict):
        with pytest.raises(ValueError, match="positive number of FLOPs"):
            ask(C)


def test_a_law_without_one_of_its_terms_has_no_optimum():
    with pytest.raises(ValueError, match="no best size"):
        Law(1.0, 0.0, 10.0, 0.3, 0.3).optimum(1e18)


def test_prediction_uses_the_cost_it_was_fitted_with():
    N, D, L = noisy_sweep()
    given, fitted = fit_law(N, D, L).predict(1e21, transformer), fit_law(N, D, L, flops=transformer).predict(1e21)
    for name in ("params", "params_noise_low", "tokens_noise_high", "loss_low"):  # the distance is in other FLOPs
        assert getattr(given, name) == getattr(fitted, name)


def test_bounds_that_bound_nothing_are_not_given():
    """A small CNN, all of whose sizes lie above the best one: its exponents run away, its losses go to zero."""
    params = np.array([
        [4266, 6778, 9866, 14536, 26576, 38800, 57320],
        [8250, 11626, 17770, 32400, 47610, 70160, 105160],
        [14536, 21328, 32400, 57320, 86778, 128328, 192586],
    ])  # fmt: skip
    tokens = np.array([
        [17216, 10944, 7584, 5184, 2848, 1952, 1344],
        [30112, 21504, 14176, 7840, 5344, 3648, 2432],
        [51840, 35520, 23520, 13376, 8864, 6016, 4000],
    ])  # fmt: skip
    losses = np.array([
        [0.917, 1.103, 1.265, 1.477, 1.878, 2.133, 2.239],
        [0.350, 0.620, 0.804, 1.084, 1.294, 1.532, 1.883],
        [0.049, 0.117, 0.234, 0.555, 0.850, 1.106, 1.374],
    ])  # fmt: skip
    fit = fit_law(params.ravel(), tokens.ravel(), losses.ravel())
    found = fit.predict(1e11)
    assert found.loss_low is None
    assert found.loss_high is None
    for name in ("A", "B", "alpha", "beta"):
        interval = fit.parameters[name]
        assert interval.low is None or interval.high < 1e6 * interval.low
