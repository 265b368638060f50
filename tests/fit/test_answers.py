"""What follows from a fit: a size to build, a hold-out, and losses to practise on."""

import numpy as np
import pytest
from known_laws import HOFFMANN, isoflop_grid, noisy_sweep

from flopsfit_tui.fit import Law, Noise, cost_of_tokens, draw_loss, draw_losses, fit_law, hold_out, recommend


@pytest.fixture(scope="module")
def fit():
    return fit_law(*noisy_sweep())


def test_the_buildable_size_with_the_lowest_loss_is_recommended(fit):
    knob = np.arange(8, 81) * 64
    params = 0.125 * knob**3.0  # depth grows with width
    found = recommend(fit, 1e22, knob[::-1], params[::-1])
    losses = fit.law.loss(params, 1e22 / (6 * params))
    i = int(np.argmin(losses))
    assert found.choice.size == knob[i]
    assert found.choice.tokens == pytest.approx(1e22 / (6 * params[i]))
    assert (found.smaller.size, found.larger.size) == (knob[i - 1], knob[i + 1])
    assert 0 <= found.choice.excess < min(found.smaller.excess, found.larger.excess)
    assert found.smaller.excess == pytest.approx(losses[i - 1] - fit.predict(1e22).loss)
    assert found.beyond == pytest.approx(100, rel=0.01)
    assert found.at_end is None
    inside = {choice.size for choice in found.within}
    best = fit.predict(1e22)
    assert inside == set(knob[(params >= best.params_low) & (params <= best.params_high)].tolist())


def test_an_optimum_beyond_the_sizes_on_offer_is_said_so(fit):
    low, high = recommend(fit, 1e15, [1, 2], [1e9, 2e9]), recommend(fit, 1e26, [1, 2], [1e9, 2e9])
    assert (low.at_end, low.choice.size, low.smaller) == ("smallest", 1, None)
    assert (high.at_end, high.choice.size, high.larger) == ("largest", 2, None)


def test_a_recommendation_needs_sizes(fit):
    with pytest.raises(ValueError, match="at least one"):
        recommend(fit, 1e20, [], [])
    with pytest.raises(ValueError, match="positive"):
        recommend(fit, 1e20, [1], [-5.0])
    assert recommend(fit_law([], [], []), 1e20, [1], [1e6]) is None


def test_holding_out_is_fitting_without():
    N, D, L = noisy_sweep()
    held, rest = hold_out(N, D, L), fit_law(N[:28], D[:28], L[:28])
    assert held.points == 7
    assert held.budget == pytest.approx(1e20)
    predicted = np.exp(np.mean(np.log(rest.law.loss(N[28:], D[28:])) - np.log(L[28:])))
    assert held.loss_ratio.value == pytest.approx(predicted)
    assert held.loss_ratio.low < held.loss_ratio.value < held.loss_ratio.high
    assert held.params == pytest.approx(rest.predict(1e20).params)
    assert held.params_with == pytest.approx(fit_law(N, D, L).predict(1e20).params)


def test_a_hold_out_warns_about_as_often_as_it_should():
    warned = sum(bool(hold_out(*noisy_sweep(seed)).warnings) for seed in range(24))
    assert warned <= 5


def test_nothing_can_be_held_out_of_little():
    N, D, L = (values[:14] for values in noisy_sweep())
    assert hold_out(N, D, L) is None
    assert hold_out([], [], []) is None


def test_a_scattered_tenth_is_held_out(chinchilla_240):
    held = hold_out(*chinchilla_240)
    assert held.points == 24
    assert abs(held.loss_ratio.value - 1) < 0.01


@pytest.mark.parametrize(
    ("kind", "shared_by"),
    [
        ("per_point", lambda N, D: N * D + N),
        ("per_budget", lambda N, D: np.round(np.log(N * D), 6)),
        ("per_size", lambda N, D: N),
    ],
)
def test_shared_noise_is_shared(kind, shared_by):
    sizes = np.geomspace(1e7, 1e9, 8)
    N = np.tile(np.repeat(sizes, 3), 6)
    D = np.repeat(np.geomspace(1e18, 1e20, 6), 24) / (6 * N)
    noise = Noise(per_trial=0.0, **{kind: 0.1})
    off = np.log(draw_losses(HOFFMANN, N, D, noise, np.random.default_rng(0)) / HOFFMANN.loss(N, D))
    keys = shared_by(N, D)
    groups = [off[keys == key] for key in np.unique(keys)]
    assert max(np.ptp(group) for group in groups) < 1e-12
    assert np.std([group[0] for group in groups]) == pytest.approx(0.1, rel=0.8)
    tokens = np.array([1e10, 1e10, 2e10])
    one = [draw_loss(HOFFMANN, 1e8, d, noise, 3, trial=t, budget=6e18) for t, d in enumerate(tokens)]
    alone = np.log(one) - np.log(HOFFMANN.loss(1e8, tokens))
    assert alone[0] == pytest.approx(alone[1])
    assert (alone[0] == pytest.approx(alone[2])) == (kind != "per_point")


def test_trial_noise_and_divergence_have_their_size():
    N, D = (np.repeat(values, 100) for values in isoflop_grid(HOFFMANN))
    noise = Noise(per_trial=0.01, diverged=0.1, divergence=0.5)
    off = np.log(draw_losses(HOFFMANN, N, D, noise, np.random.default_rng(0)) / HOFFMANN.loss(N, D))
    far = off > 0.2
    assert far.mean() == pytest.approx(0.1, abs=0.02)
    assert off[~far].std() == pytest.approx(0.01, rel=0.1)
    assert np.median(off[far]) == pytest.approx(np.log(1.5), abs=0.01)


def test_one_trial_at_a_time_is_repeatable_and_each_is_its_own():
    ask = lambda **kw: draw_loss(HOFFMANN, 1e8, 1e10, Noise(0.01), 1, **kw)  # noqa: E731
    assert ask() == ask()
    assert len({ask(trial=t) for t in range(50)}) == 50
    many = np.log([ask(trial=t) for t in range(400)]) - np.log(HOFFMANN.loss(1e8, 1e10))
    assert many.std() == pytest.approx(0.01, rel=0.15)
    assert draw_loss(HOFFMANN, 1e8, 1e10, Noise(0.0), 1) == pytest.approx(float(HOFFMANN.loss(1e8, 1e10)))
    assert draw_loss(HOFFMANN, 1e8, 1e10, Noise(0.01), 2) != ask()


def test_the_best_sizes_of_several_budgets_at_once_are_those_of_each():
    law, budgets = Law(1.7, 400.0, 2000.0, 0.34, 0.37), np.geomspace(1e17, 1e23, 7)
    sizes = np.geomspace(1e5, 1e9, 9)
    for cost in (None, cost_of_tokens(sizes, 6 * sizes + 900 * sizes**0.5)):
        alone = [np.log(law.optimum(budget, cost).params) for budget in budgets]
        np.testing.assert_allclose(law.log_best_params(budgets, cost), alone, rtol=1e-12)
