"""Noise that follows size or tokens: found where it is there, and used to weigh points."""

import numpy as np
import pytest
from known_laws import HOFFMANN, isoflop_grid, noisy_sweep

from flopsfit_tui.fit import fit_law
from flopsfit_tui.fit.intervals import inside, trending
from flopsfit_tui.fit.noise import noise_trend, place, relative_level
from flopsfit_tui.fit.search import centred, solve


def growing(seed, by_size=0.5, by_tokens=0.0, **grid):
    """A sweep whose noise grows as N^by_size D^by_tokens, 0.5 % at the middle."""
    N, D = isoflop_grid(HOFFMANN, ratio=1.7, **grid)
    level = (N / np.median(N)) ** by_size * (D / np.median(D)) ** by_tokens
    return N, D, HOFFMANN.loss(N, D) * np.exp(0.005 * level * np.random.default_rng(seed).normal(size=N.size))


def test_a_trend_is_found_and_equal_noise_has_none():
    found = [fit_law(*growing(seed)).noise_trend for seed in range(8)]
    assert sum(trend is not None for trend in found) >= 7
    assert np.median([trend[0] for trend in found if trend]) == pytest.approx(0.5, abs=0.2)
    assert sum(fit_law(*noisy_sweep(seed)).noise_trend is not None for seed in range(20)) <= 2


def test_weights_bring_the_estimate_nearer():
    truth, off = np.log(HOFFMANN.optimum(1e21).params), {True: [], False: []}
    for seed in range(25):
        N, D, L = growing(seed)
        off[True].append(np.log(fit_law(N, D, L, intervals=False).predict(1e21).params) - truth)
        fixed = fit_law(N, D, L, delta=0.0068, intervals=False)  # the same delta, without weights
        off[False].append(np.log(fixed.predict(1e21).params) - truth)
    assert np.std(off[True]) < 0.85 * np.std(off[False])


def test_noise_free_losses_have_no_trend():
    assert fit_law(*noisy_sweep(noise=0.0)).noise_trend is None


def test_repeats_do_not_count_as_points():
    x, y = (np.repeat(np.log(values), 5) for values in isoflop_grid(HOFFMANN))
    size = np.abs(np.random.default_rng(1).normal(size=35)).repeat(5) * np.exp(0.12 * (x - x.mean()))
    assert noise_trend(x, y, size) is None
    once = noise_trend(x + 1e-6 * np.random.default_rng(0).normal(size=x.size), y, size)
    assert once is not None  # the same, were they runs of their own


def test_levels_follow_their_columns():
    rng = np.random.default_rng(0)
    x = rng.normal(size=4000)
    level = relative_level(x[:, None], np.abs(rng.normal(size=4000)) * np.exp(0.4 * x))
    assert np.polyfit(x, np.log(level), 1)[0] == pytest.approx(0.4, abs=0.05)
    assert relative_level(np.ones((5, 1)), np.arange(1.0, 6.0)) == pytest.approx(np.ones(5))


def test_place_is_across_budgets():
    N, D = isoflop_grid(HOFFMANN)
    w = place(np.log(N), np.log(D))
    assert w @ np.log(N * D) == pytest.approx(0, abs=1e-6)
    assert (np.diff(w.reshape(5, 7), axis=1) > 0).all()


def test_a_small_delta_counts_probabilities_not_the_five_zeros():
    data, _ = centred(*noisy_sweep(noise=0.01))
    found = solve(data, 1e-4)
    share = inside(found.theta, data, 1e-4)
    assert ((share > 0.001) & (share < 0.05)).all()
    assert set(inside(found.theta, data, 0.02).tolist()) <= {0.0, 1.0}


def test_a_fixed_delta_gets_the_wider_of_what_was_seen_and_the_trend():
    N, D, L = growing(0)
    fit = fit_law(N, D, L, delta=1e-3)
    assert fit.noise_trend is None
    assert "noise trend" in fit.method
    alone = fit_law(N, D, L, delta=1e-3, intervals="hc3").exponent
    assert fit.exponent.low <= alone.low
    data, _ = centred(*noisy_sweep())
    assert trending(solve(data, 1e-3).theta, data, 1e-3, 0.95) is None
