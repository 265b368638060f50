"""Runs that lie oddly: on chains of compute, at one budget, with bounds at infinity. No crash, and no warning lost."""

from dataclasses import replace

import numpy as np
import pytest

from flopsfit_tui.fit import Law, diagnose_target, fit_law, fit_parabolas, hold_out
from flopsfit_tui.fit import diagnose as diagnosing

LAW = Law(1.69, 406.4, 410.7, 0.34, 0.28)


def noisy(N, D, seed=0):
    return LAW.loss(N, D) * np.exp(0.005 * np.random.default_rng(seed).normal(size=N.size))


def ladder(budgets, sizes=6):
    c = np.repeat(np.asarray(budgets), sizes)
    n = np.sqrt(c / 120) * np.tile(np.geomspace(0.25, 4, sizes), len(budgets))
    return n, c / 6 / n


def test_a_chain_of_compute_is_held_out_by_its_largest_runs():
    c = 1e19 * 1.04 ** np.arange(12)
    n = np.geomspace(1e8, 2e9, 12)[np.random.default_rng(0).permutation(12)]
    held = hold_out(n, c / 6 / n, noisy(n, c / 6 / n))
    assert held is None or held.budget == pytest.approx(c[-held.points :].min())


def test_many_runs_at_one_budget_are_one_curve():
    n = np.repeat([1e8, 2e8], 12)
    assert hold_out(n, 1e19 / 6 / n, noisy(n, 1e19 / 6 / n)) is None


def test_nothing_larger_than_what_is_held_out_stays_in_the_fit():
    c = np.r_[np.repeat([1e18, 3e18, 1e19], 6), 1e20 * 1.045 ** np.arange(5)]
    n = np.r_[ladder([1e18, 3e18, 1e19])[0], 1e9 * np.geomspace(0.3, 3, 5)]
    c[-1] = 1e21  # on no curve, beyond the last one
    held = hold_out(n, c / 6 / n, noisy(n, c / 6 / n))
    assert held is not None
    assert held.points == np.count_nonzero(c >= held.budget * 0.999)


def test_bounds_of_zero_and_infinity_are_warned_of(monkeypatch):
    n, d = ladder([1e18, 1e19, 1e20])
    fit = fit_law(n, d, noisy(n, d))
    best = fit.predict(3e20)
    monkeypatch.setattr(type(fit), "predict", lambda *_: replace(best, params_low=0.0, params_high=np.inf))
    found = [w for w in diagnose_target(fit, 3e20) if w.code == "wide_interval"]
    assert len(found) == 1
    assert "do not bound" in found[0].message


@pytest.mark.parametrize("seeds", [1, 3])
def test_seeds_do_not_move_the_size_that_an_edge_asks_for(seeds):
    n, _ = ladder([1e18])
    small = np.tile(n[:4] * 0.05, seeds)
    loss = np.tile(LAW.loss(n[:4] * 0.05, 1e18 / 6 / (n[:4] * 0.05)), seeds)
    (curve,) = fit_parabolas(np.full(small.size, 1e18), small, loss)
    assert (curve.sizes, curve.points, curve.runs) == (4, 4, 4 * seeds)
    step = small[1] / small[0]
    assert diagnosing.short(curve.largest * step) in diagnosing._edge(curve, "at 1e18 FLOPs", low_end=False)


def test_repeats_are_not_points():
    n, d = np.repeat([1e8, 3e8, 1e9, 2e9], 3), np.repeat([1e10, 3e9, 1e10, 1e9], 3)
    fit = fit_law(n, d, noisy(n, d))
    assert fit.law is None
    assert "repeats of 4 points" in fit.warnings[0].message
