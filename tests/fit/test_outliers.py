"""Runs far off the law: left out where they move the answer, kept where they do not, and never in silence."""

import numpy as np
import pytest
from known_laws import HOFFMANN, isoflop_grid, noisy_sweep

from flopsfit_tui.fit import fit_law, hold_out

FAR = [7, 8, 16, 17]


def with_far_runs(seed=0):
    """A sweep of 63 whose largest two models at the two smallest budgets are 30 % off."""
    N, D, L = noisy_sweep(seed, sizes=9, budgets=np.geomspace(1e18, 1e20, 7))
    L[FAR] *= 1.3
    return N, D, L


def test_runs_that_move_the_exponent_are_left_out_and_said():
    N, D, L = with_far_runs()
    fit = fit_law(N, D, L)
    rest = fit_law(np.delete(N, FAR), np.delete(D, FAR), np.delete(L, FAR))
    assert np.flatnonzero(fit.outliers).tolist() == FAR
    assert fit.law == rest.law
    assert fit.points == 59
    assert (fit.residuals[FAR] > 0.2).all()
    text = {w.code: w.message for w in fit.warnings}["outliers"]
    assert "4 runs (8, 9, 17, 18) are" in text
    assert "--keep-all" in text
    kept = fit_law(N, D, L, keep_all=True)
    assert not kept.outliers.any()
    assert kept.law == fit.with_outliers.law
    assert not fit.exponent.low <= kept.exponent.value <= fit.exponent.high


def test_runs_that_do_not_move_it_stay():
    N, D, L = noisy_sweep()
    L[17] *= 1.02
    fit = fit_law(N, D, L)
    assert fit.points == 35
    assert fit.with_outliers is None


def test_noise_that_grows_is_not_taken_for_outliers():
    N, D = isoflop_grid(HOFFMANN, np.geomspace(1e18, 1e21, 8), sizes=9, ratio=1.5)
    for seed in range(5):
        noise = 0.005 * (N / np.median(N)) ** 0.5 * np.random.default_rng(seed).normal(size=N.size)
        assert fit_law(N, D, HOFFMANN.loss(N, D) * np.exp(noise)).points == N.size


def test_many_far_runs_are_the_law_s_fault_not_theirs():
    N, D, L = noisy_sweep()
    L[:7] *= 1.2
    assert fit_law(N, D, L).points == 35


@pytest.mark.parametrize("rows", [[3, 9], np.isin(np.arange(35), [3, 9]), (9.0, 3.0)])
def test_rows_can_be_left_out_by_hand(rows):
    N, D, L = noisy_sweep()
    fit = fit_law(N, D, L, leave_out=rows)
    assert np.flatnonzero(fit.left_out).tolist() == [3, 9]
    assert fit.law == fit_law(np.delete(N, [3, 9]), np.delete(D, [3, 9]), np.delete(L, [3, 9])).law
    assert np.isfinite(fit.residuals).all()


@pytest.mark.parametrize(
    ("rows", "message"), [([35], "from 0 to 34"), ([-1], "got -1"), ([True] * 3, "one entry a row")]
)
def test_rows_that_are_not_there_are_refused(rows, message):
    with pytest.raises(ValueError, match=message):
        fit_law(*noisy_sweep(), leave_out=rows)


def test_a_diverged_run_at_the_top_does_not_alarm_the_hold_out():
    alarms = 0
    for seed in range(20):
        N, D, L = noisy_sweep(seed)
        L[30] *= 1.15
        alarms += bool(hold_out(N, D, L).warnings)
    assert alarms <= 3
