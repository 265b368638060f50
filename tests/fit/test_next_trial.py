"""The next trial is the one whose information narrows the optimum most for what it costs."""

import math

import numpy as np
import pytest
from known_laws import HOFFMANN

from flopsfit_tui.fit import fit_law
from flopsfit_tui.fit.next_trial import interval_factor, next_trials

TARGET = 1e22


def runs(noise=0.005, seed=0, budgets=(1e18, 3e18, 1e19, 3e19)):
    C = np.repeat(budgets, 5)
    N = np.concatenate([HOFFMANN.optimum(c).params * 3 ** np.linspace(-1, 1, 5) for c in budgets])
    D = C / (6 * N)
    return N, D, HOFFMANN.loss(N, D) * np.exp(noise * np.random.default_rng(seed).normal(size=N.size))


def candidates():
    C = np.repeat([1e18, 1e19, 1e20], 9)
    N = np.concatenate([HOFFMANN.optimum(c).params * 5 ** np.linspace(-1, 1, 9) for c in (1e18, 1e19, 1e20)])
    return N, C / (6 * N), C


def test_the_promise_is_what_a_fit_with_the_trial_gives_on_average():
    N, D, L = runs()
    fit = fit_law(N, D, L, intervals="gauss-newton")
    n, d, C = candidates()
    (best,) = next_trials(fit, N, D, TARGET, n, d, C)
    assert best.before == pytest.approx(interval_factor(fit, TARGET))
    assert 1 < best.after < best.before
    widths = []
    for seed in range(40):
        rng = np.random.default_rng(100 + seed)
        more = fit.law.loss(n[best.index], d[best.index]) * math.exp(fit.sigma * rng.normal())
        again = fit_law(
            np.append(N, n[best.index]), np.append(D, d[best.index]), np.append(L, more), intervals="gauss-newton"
        )
        widths.append(math.log(interval_factor(again, TARGET)))
    assert np.mean(widths) == pytest.approx(math.log(best.after), rel=0.15)


def test_no_other_candidate_gives_more_for_its_price():
    N, D, L = runs()
    fit = fit_law(N, D, L)
    n, d, C = candidates()
    (best,) = next_trials(fit, N, D, TARGET, n, d, C)
    each = [next_trials(fit, N, D, TARGET, n[i : i + 1], d[i : i + 1], C[i : i + 1])[0] for i in range(n.size)]
    worth = [(math.log(e.before) ** 2 - math.log(e.after) ** 2) / price for e, price in zip(each, C, strict=True)]
    assert best.index == int(np.argmax(worth))


def test_several_are_chosen_each_given_those_before_it():
    N, D, L = runs()
    fit = fit_law(N, D, L)
    found = next_trials(fit, N, D, TARGET, *candidates(), count=4)
    assert [round(a.after, 9) for a in found[:-1]] == [round(b.before, 9) for b in found[1:]]
    assert all(a.after < a.before for a in found)
    n, d, C = candidates()
    often = next_trials(fit, N, D, TARGET, n, d, C, count=4, repeats=[9] * 27)
    assert len({trial.index for trial in often}) >= len({trial.index for trial in found})
    first = found[0].index
    taken = [9 if i == first else 0 for i in range(27)]
    assert next_trials(fit, N, D, TARGET, n, d, C, repeats=taken)[0].index != first  # a new place comes first


def test_a_dearer_price_changes_the_choice():
    N, D, L = runs()
    fit = fit_law(N, D, L)
    n, d, C = candidates()
    (cheap,) = next_trials(fit, N, D, TARGET, n, d, C)
    prices = C.copy()
    prices[cheap.index] *= 1e6
    assert next_trials(fit, N, D, TARGET, n, d, prices)[0].index != cheap.index


def test_without_a_law_nothing_is_proposed():
    n, d, C = candidates()
    fit = fit_law(n[:3], d[:3], np.ones(3))
    assert interval_factor(fit, TARGET) == math.inf
    assert next_trials(fit, n[:3], d[:3], TARGET, n, d, C) == []
