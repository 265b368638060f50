"""Intervals: their formulas against direct computation, their scales, and that they cover."""

import numpy as np
import pytest
from known_laws import HOFFMANN, LAWS, noisy_sweep
from scipy import stats

from flopsfit_tui.fit import cost_of_tokens, fit_law
from flopsfit_tui.fit.bootstrap import bootstrap
from flopsfit_tui.fit.intervals import gauss_newton, sandwich
from flopsfit_tui.fit.leverage import leverages
from flopsfit_tui.fit.newton import jacobian, residuals
from flopsfit_tui.fit.quantiles import t_quantile
from flopsfit_tui.fit.quantities import EXPONENT, optimum, parameters, value_and_gradient
from flopsfit_tui.fit.search import centred, solve


@pytest.fixture(scope="module")
def fitted():
    """A fit in centred units: theta, data, delta and centre."""
    data, centre = centred(*noisy_sweep(noise=0.01))
    found = solve(data, None)
    return found.theta, data, found.delta, centre


@pytest.mark.parametrize("df", [1, 2, 3, 4, 7, 30, 235])
@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_student_t(df, level):
    assert t_quantile(level, df) == pytest.approx(stats.t.ppf((1 + level) / 2, df), rel=1e-10)


def test_a_t_needs_freedom_and_a_level():
    with pytest.raises(ValueError, match="level"):
        t_quantile(1.0, 5)


def test_gauss_newton_is_the_textbook_covariance_for_least_squares(fitted):
    theta, data, _, _ = fitted
    theta = solve(data, np.inf).theta
    slopes, r = jacobian(theta[None], data)[0].T, residuals(theta[None], data)[0]
    textbook = np.linalg.inv(slopes.T @ slopes) * (r @ r) / (r.size - 5)
    assert gauss_newton(theta, data, np.inf, 0.95).matrices[0] == pytest.approx(textbook, rel=1e-6)


def test_hc3_is_its_formula_for_least_squares(fitted):
    _, data, _, _ = fitted
    theta = solve(data, np.inf).theta
    slopes, r = jacobian(theta[None], data)[0].T, residuals(theta[None], data)[0]
    bread = np.linalg.inv(slopes.T @ slopes)
    hat = np.diag(slopes @ bread @ slopes.T)
    formula = bread @ slopes.T @ np.diag((r / (1 - hat)) ** 2) @ slopes @ bread
    assert sandwich(theta, data, np.inf, None, 0.95).matrices[0] == pytest.approx(formula, rel=1e-6)
    assert leverages(theta, data).sum() == pytest.approx(5, rel=1e-6)


def test_groups_of_one_are_no_groups(fitted):
    theta, data, delta, _ = fitted
    alone = sandwich(theta, data, delta, np.arange(data.x.size), 0.95)
    assert alone.matrices[0] == pytest.approx(sandwich(theta, data, delta, None, 0.95).matrices[0], rel=1e-6)


def test_gradients_of_quantities(fitted):
    theta, _, _, centre = fitted
    assert value_and_gradient(EXPONENT, theta)[1] == pytest.approx([0, 0, 0, -1 / theta[3], 1 / theta[4]], rel=1e-6)
    assert value_and_gradient(parameters(centre)["A"], theta)[1] == pytest.approx(
        [0, 1 / theta[1], 0, centre.log_params, 0], rel=1e-6
    )
    size = value_and_gradient(optimum(centre, np.log(1e21), None)["params"], theta)[1]
    total = theta[3] + theta[4]
    assert size[:3] == pytest.approx([0, 1 / theta[1] / total, -1 / theta[2] / total], rel=1e-6, abs=1e-9)
    measured = cost_of_tokens([1e6, 1e9, 1e12], [6e6, 6e9, 6e12])
    assert value_and_gradient(optimum(centre, np.log(1e21), measured)["params"], theta)[1] == pytest.approx(
        size, rel=1e-4, abs=1e-6
    )


def test_each_number_keeps_to_its_scale():
    fit = fit_law(*noisy_sweep(noise=0.03))
    best = fit.predict(1e23)
    for value, low, high in (
        (best.params, best.params_low, best.params_high),
        (best.tokens, best.tokens_low, best.tokens_high),
        (best.loss, best.loss_low, best.loss_high),
        *((x.value, x.low, x.high) for name, x in fit.parameters.items() if name != "E"),
    ):
        assert 0 < low < value < high
        assert np.log(value / low) == pytest.approx(np.log(high / value), rel=1e-6)
    assert 0 < fit.exponent.low < fit.exponent.value < fit.exponent.high < 1
    assert fit.parameters["E"].low >= 0
    assert best.params_high / best.params_low == pytest.approx(best.tokens_high / best.tokens_low, rel=1e-6)


def test_intervals_can_be_asked_for_or_not():
    N, D, L = noisy_sweep()
    none = fit_law(N, D, L, intervals=False)
    assert none.method is none.exponent.low is none.predict(1e21).params_low is None
    wide, narrow = fit_law(N, D, L, level=0.99).exponent, fit_law(N, D, L, level=0.5).exponent
    assert wide.low < narrow.low < narrow.high < wide.high


@pytest.mark.parametrize(("kind", "method"), [("hc3", "HC3"), ("gauss-newton", "Gauss-Newton")])
def test_one_kind_can_be_asked_for(kind, method):
    assert fit_law(*noisy_sweep(sizes=5), intervals=kind).method == method


def test_few_points_get_the_wider_interval():
    N, D, L = noisy_sweep(sizes=5)
    few = fit_law(N, D, L)
    assert few.method == "wider of HC3 and Gauss-Newton"
    data, centre = centred(N, D, L)
    found = solve(data, None)
    for covariance in (
        sandwich(found.theta, data, found.delta, None, 0.95),
        gauss_newton(found.theta, data, found.delta, 0.95),
    ):
        one = covariance.interval(EXPONENT, found.theta)
        assert few.exponent.low <= one.low + 1e-12
        assert few.exponent.high >= one.high - 1e-12
    assert centre.log_loss == pytest.approx(np.median(np.log(L)))


def test_seeds_of_a_point_are_one_group():
    N, D, _ = noisy_sweep()
    N, D = np.repeat(N, 3), np.repeat(D, 3)
    rng = np.random.default_rng(0)
    shared = np.repeat(rng.normal(size=35), 3) * 0.02
    L = HOFFMANN.loss(N, D) * np.exp(shared + 0.002 * rng.normal(size=N.size))
    clustered = fit_law(N, D, L)
    assert clustered.method == "CR3"
    apart = fit_law(N, D, L, groups=np.arange(N.size))
    assert np.log(clustered.exponent.high / clustered.exponent.low) > 1.3 * np.log(
        apart.exponent.high / apart.exponent.low
    )
    named = fit_law(N, D, L, groups=np.repeat([f"point {i}" for i in range(35)], 3))
    same = named.exponent
    assert (same.value, same.low, same.high) == pytest.approx(
        (clustered.exponent.value, clustered.exponent.low, clustered.exponent.high), rel=1e-9
    )  # the order of sums follows the labels


@pytest.mark.parametrize("kind", ["pairs", "wild"])
def test_bootstraps_agree_with_hc3_and_repeat(kind):
    N, D, L = noisy_sweep(noise=0.01, sizes=21, ratio=1.2)
    hc3 = fit_law(N, D, L)
    ask = lambda seed: fit_law(N, D, L, intervals=kind, resamples=600, rng=np.random.default_rng(seed))  # noqa: E731
    booted = ask(1)
    assert booted.method == f"{kind} bootstrap"
    assert booted.exponent.value == pytest.approx(hc3.exponent.value)
    widths = [x.high - x.low for x in (booted.exponent, hc3.exponent)]
    assert 0.75 < widths[0] / widths[1] < 1.25
    best = booted.predict(1e22)
    assert best.params_low < best.params < best.params_high
    assert ask(1).exponent == booted.exponent
    assert ask(2).exponent != booted.exponent


def test_a_replicate_is_the_fit_of_its_resampled_points(fitted):
    theta, data, delta, _ = fitted
    replicates = bootstrap(theta, data, delta, np.random.default_rng(7), resamples=20)
    assert replicates.converged == 1
    counts = np.random.default_rng(7).multinomial(35, np.full(35, 1 / 35), size=20)
    for i in range(20):
        rows = np.repeat(np.arange(35), counts[i])
        again = solve(type(data)(data.x[rows], data.y[rows], data.log_loss[rows], np.ones(35)), delta)
        assert replicates.theta[i] == pytest.approx(again.theta, rel=1e-3, abs=1e-3)


def test_unknown_kinds_are_refused(fitted):
    theta, data, delta, _ = fitted
    with pytest.raises(ValueError, match="pairs"):
        bootstrap(theta, data, delta, np.random.default_rng(0), kind="jackknife")
    with pytest.raises(ValueError, match="pairs"):
        fit_law(*noisy_sweep(), intervals="jackknife")


def test_intervals_cover_the_truth():
    """40 simulations of two laws; the whole study is benchmarks/fit_coverage.py. Fails by chance once in 10,000."""
    hits = []
    for name in ("besiroglu", "alpha three times beta"):
        law = LAWS[name]
        for seed in range(20):
            fit = fit_law(*noisy_sweep(seed, 0.01, law))
            best, truth = fit.predict(1e22), law.optimum(1e22)
            hits.append(fit.exponent.low <= law.exponent <= fit.exponent.high)
            hits.append(best.params_low <= truth.params <= best.params_high)
            hits.append(best.loss_low <= truth.loss <= best.loss_high)
    assert np.mean(hits) > 0.85
