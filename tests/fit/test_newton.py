"""The search: derivatives against differences, closed forms against scipy, and the minimum from anywhere."""

import numpy as np
import pytest
from known_laws import noisy_sweep
from scipy.optimize import nnls

from flopsfit_tui.fit import fit_law
from flopsfit_tui.fit.huber import adaptive_delta, psi, rho, robust_sigma
from flopsfit_tui.fit.newton import HIGHEST, LOWEST, Data, derivatives, newton, residuals
from flopsfit_tui.fit.search import centred, solve
from flopsfit_tui.fit.varpro import linear_parts

DELTA = np.array([0.02])


@pytest.fixture
def data():
    return centred(*noisy_sweep(noise=0.03))[0]


def objective(theta, data):
    return float(rho(residuals(theta[None], data), DELTA[0]).sum())


def test_gradient_and_hessian_match_differences(data):
    theta = np.array([0.4, 0.3, 0.25, 0.31, 0.42])
    gradient, newton, _ = (found[0] for found in derivatives(theta[None], data, DELTA))
    h = 1e-6
    ends = [(theta + h * unit, theta - h * unit) for unit in np.eye(5)]
    numeric = [(objective(up, data) - objective(down, data)) / (2 * h) for up, down in ends]
    assert gradient == pytest.approx(numeric, rel=1e-5, abs=1e-7)
    slopes = [
        (derivatives(up[None], data, DELTA)[0][0] - derivatives(down[None], data, DELTA)[0][0]) / (2 * h)
        for up, down in ends
    ]
    assert newton == pytest.approx(np.array(slopes), rel=1e-4, abs=1e-4)


def test_huber_is_a_square_then_a_line():
    r = np.array([-3.0, -0.5, 0.0, 0.5, 3.0])
    assert rho(r, 1.0) == pytest.approx([2.5, 0.125, 0, 0.125, 2.5])
    assert rho(r, np.inf) == pytest.approx(r**2 / 2)
    assert psi(r, 1.0).tolist() == [-1, -0.5, 0, 0.5, 1]


def test_sigma_is_that_of_the_noise_and_deaf_to_outliers():
    r = np.random.default_rng(0).normal(size=4000) * 0.01
    assert robust_sigma(r, 0) == pytest.approx(0.01, rel=0.05)
    r[:100] = 5.0
    assert robust_sigma(r, 0) == pytest.approx(0.01, rel=0.1)
    assert adaptive_delta(np.zeros(10), 5) > 0


def test_linear_parts_are_nonnegative_least_squares(data):
    rng = np.random.default_rng(2)
    alpha, beta = rng.uniform(0.01, 2.5, (2, 50))
    ours = linear_parts(alpha, beta, data)
    weight = np.exp(-data.log_loss)
    for row, a, b in zip(ours, alpha, beta, strict=True):
        columns = weight[:, None] * np.column_stack([np.ones(data.x.size), np.exp(-a * data.x), np.exp(-b * data.y)])
        theirs, length = nnls(columns, np.ones(data.x.size))
        assert np.linalg.norm(columns @ row - 1) == pytest.approx(length, rel=1e-9)
        assert row == pytest.approx(theirs, abs=1e-6)


def test_rows_are_polished_independently(data):
    starts = np.column_stack(
        [np.full(40, 0.5), np.full(40, 0.3), np.full(40, 0.2), *np.random.default_rng(0).random((2, 40))]
    )
    together = newton(starts, data, 0.01)
    for i in (0, 17, 39):
        alone = newton(starts[i : i + 1], data, 0.01)
        assert together.theta[i] == pytest.approx(alone.theta[0], rel=1e-9)


def test_bounds_hold_and_their_gradient_points_outwards():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, 30))
    data = Data(x, y, 0.1 * rng.normal(size=30) + x, np.ones(30))  # a loss that rises with size: nothing to explain
    end = newton(np.array([[0.5, 0.3, 0.3, 0.3, 0.3]]), data, np.inf)
    assert (end.theta >= LOWEST).all()
    assert (end.theta <= HIGHEST).all()
    gradient = derivatives(end.theta, data, np.array([np.inf]))[0][0]
    held = (end.theta[0] <= LOWEST) | (end.theta[0] >= HIGHEST)
    assert held.any()
    assert (gradient[end.theta[0] <= LOWEST] >= 0).all()
    assert np.abs(gradient[~held]).max() < 1e-6


@pytest.mark.parametrize(("rows", "known"), [(240, 0.0010182740178), (245, 0.00182601052307)])
def test_chinchilla_reaches_the_known_minimum(chinchilla, rows, known):
    keep = np.argsort(chinchilla[2])[:rows]
    fit = fit_law(*(values[keep] for values in chinchilla), delta=1e-3, keep_all=True)
    assert fit.status == "converged"
    assert fit.objective == pytest.approx(known, rel=1e-9)


@pytest.mark.parametrize("rows", [240, 245])
def test_every_random_start_ends_in_the_same_minimum(chinchilla, rows):
    keep = np.argsort(chinchilla[2])[:rows]
    data, _ = centred(*(values[keep] for values in chinchilla))
    rng = np.random.default_rng(0)
    exponents = rng.uniform(LOWEST[3], HIGHEST[3], (200, 2))
    starts = np.column_stack([np.exp(rng.uniform([-3, -5, -5], [1, 1, 1], (200, 3))), exponents])
    ends = newton(starts, data, 1e-3)
    assert ends.converged().all()
    assert ends.objective.max() <= solve(data, 1e-3).objective * (1 + 1e-6)


def test_chinchilla_in_millions_and_billions_and_shuffled(chinchilla_240):
    N, D, L = chinchilla_240
    order = np.random.default_rng(5).permutation(N.size)
    plain = fit_law(N, D, L, delta=1e-3)
    other = fit_law(N[order] / 1e6, D[order] / 1e9, L[order], delta=1e-3)
    for name in ("E", "alpha", "beta"):
        assert getattr(other.law, name) == pytest.approx(getattr(plain.law, name), rel=1e-6)
    assert other.predict(1e24 / 1e15).params * 1e6 == pytest.approx(plain.predict(1e24).params, rel=1e-6)


@pytest.mark.parametrize("delta", [1e-3, 1e-5, 1e-8])
def test_a_delta_far_below_the_noise_still_ends_where_the_gradient_vanishes(delta):
    for seed in range(5):
        fit = fit_law(*noisy_sweep(seed, noise=0.01), delta=delta, intervals=False)
        assert fit.status in ("converged", "at_bound")
