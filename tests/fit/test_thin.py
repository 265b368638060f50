"""Thin and odd data: front ends refit after every trial, from the first one on, and nothing raises."""

import numpy as np
import pytest
from known_laws import noisy_sweep

from flopsfit_tui.fit import cost_of_tokens, diagnose_target, fit_law, hold_out, recommend

STATUSES = {"converged", "at_bound", "not_converged", "too_few", "one_budget"}


def ask_everything(fit):
    assert fit.status in STATUSES
    assert (fit.law is None) == (fit.status in ("too_few", "one_budget"))
    assert fit.law is not None or fit.warnings
    for C in (1.0, 1e21, 1e40):
        best = fit.predict(C)
        assert best is None or best.params > 0
        diagnose_target(fit, C)
        recommend(fit, C, [8, 16, 24], [1e6, 1e8, 1e9])


@pytest.mark.parametrize("order", ["as planned", "shuffled"])
def test_a_sweep_as_it_comes_in(order):
    N, D, L = noisy_sweep(noise=0.01)
    rows = {
        "as planned": np.arange(35),
        "shuffled": np.random.default_rng(1).permutation(35),
    }[order]
    cost = cost_of_tokens(N[:7], 6 * N[:7] + 900 * N[:7] ** 0.5)
    for count in (*range(9), *range(9, 36, 4)):
        seen = rows[:count]
        ask_everything(fit_law(N[seen], D[seen], L[seen], flops=cost))
    assert fit_law(N[rows], D[rows], L[rows]).status == "converged"


@pytest.mark.parametrize("seed", range(25))
def test_odd_data(seed):
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 36))
    N, D, L = (values[rng.integers(0, 35, count)] for values in noisy_sweep(noise=float(rng.choice([0, 0.01, 1, 10]))))
    for column in (N, D, L):
        if rng.random() < 0.4:
            column[rng.integers(count)] = rng.choice([np.nan, np.inf, -np.inf, -1, 0, 1e-300, 1e300, 5])
    groups = rng.integers(0, 9, count) if rng.random() < 0.3 else None
    delta = rng.choice([None, 1e-3, np.inf])
    ask_everything(fit_law(N, D, L, groups=groups, delta=delta))
    hold_out(N, D, L)


@pytest.mark.parametrize("constant", ["N", "D", "L", "everything"])
def test_columns_without_variety(constant):
    N, D, L = noisy_sweep()
    for name, column in (("N", N), ("D", D), ("L", L)):
        if constant in (name, "everything"):
            column[:] = column[0]
    ask_everything(fit_law(N, D, L))


def test_malformed_input_is_refused():
    N, D, L = noisy_sweep()
    with pytest.raises(ValueError, match="one length; got 35, 34, 35"):
        fit_law(N, D[1:], L)
    with pytest.raises(ValueError, match="one length"):
        fit_law(N, D, L, groups=[1, 2])
    with pytest.raises(ValueError, match="delta"):
        fit_law(N, D, L, delta=0.0)
    with pytest.raises(ValueError, match="level"):
        fit_law(N, D, L, level=95)
