"""Approach 2: a parabola a budget, what it is not believed for, and the powers through the vertices."""

from dataclasses import replace

import numpy as np
import pytest
from known_laws import BUDGETS, HOFFMANN, LAWS, isoflop_grid, noisy_sweep

from flopsfit_tui.fit import cost_of_tokens, fit_law, fit_parabolas, fit_power_laws, group_budgets
from flopsfit_tui.fit.law import Interval

SIZES = 1e8 * 2.0 ** np.arange(-3, 4)


def bowl(N, vertex=1e8, lowest=3.0, curvature=0.2):
    return lowest + curvature / 2 * np.log(N / vertex) ** 2


def test_an_exact_bowl_is_found():
    (curve,) = fit_parabolas(np.full(7, 1e19), SIZES, bowl(SIZES, 1.3e8))
    assert curve.status == "ok"
    assert curve.budget == 1e19
    assert curve.vertex.value == pytest.approx(1.3e8)
    assert (curve.loss, curve.curvature) == pytest.approx((3.0, 0.2))
    assert curve.tokens == pytest.approx(1e19 / (6 * 1.3e8))
    assert curve(SIZES) == pytest.approx(bowl(SIZES, 1.3e8))
    assert curve.lowest == 1e8
    assert (curve.smallest, curve.largest, curve.points) == (SIZES[0], SIZES[-1], 7)


def test_tokens_at_the_vertex_follow_the_measured_cost():
    cost = cost_of_tokens(SIZES, 9 * SIZES)
    (curve,) = fit_parabolas(np.full(7, 1e19), SIZES, bowl(SIZES), flops=cost)
    assert curve.tokens == pytest.approx(1e19 / 9e8)


def test_the_interval_of_a_vertex_holds_it_and_narrows_with_the_noise():
    rng = np.random.default_rng(0)
    widths, hits = [], 0
    for noise in (0.001, 0.01):
        for _ in range(40):
            (curve,) = fit_parabolas(np.full(7, 1e19), SIZES, bowl(SIZES) + noise * rng.normal(size=7))
            hits += curve.vertex.low <= 1e8 <= curve.vertex.high
            widths.append(np.log(curve.vertex.high / curve.vertex.low))
    assert hits / 80 > 0.85
    assert 5 < np.median(widths[40:]) / np.median(widths[:40]) < 20


def test_a_curve_too_shallow_for_its_noise_has_open_ends():
    noise = 0.3 * np.random.default_rng(3).normal(size=7)
    (curve,) = fit_parabolas(np.full(7, 1e19), SIZES, bowl(SIZES, curvature=0.01) + 0.1 + noise - noise.min())
    assert curve.vertex is None or curve.vertex.low is None


def test_edges_and_hills_are_reported_and_not_used():
    C = np.repeat([1e19, 2e19, 4e19, 8e19], 7)
    N = np.tile(SIZES, 4)
    L = np.concatenate([bowl(SIZES), bowl(SIZES, 1e10), 5 - bowl(SIZES), bowl(SIZES, 1.5e8)])
    curves = fit_parabolas(C, N, L)
    assert [curve.status for curve in curves] == ["ok", "edge", "opens_downwards", "ok"]
    sizes, tokens = fit_power_laws(curves)
    assert sizes.vertices == 2
    assert sizes.exponent.value == pytest.approx(np.log(1.5) / np.log(8))
    assert tokens.exponent.value == pytest.approx(1 - np.log(1.5) / np.log(8))
    assert float(sizes(1e19)) == pytest.approx(1e8)
    assert sizes.exponent.low is None
    assert fit_power_laws(curves[:2]) is None


def test_too_few_sizes():
    (curve,) = fit_parabolas([1e19] * 4, [1e8, 1e8, 2e8, 2e8], [3.0, 3.1, 2.9, 2.8])
    assert curve.status == "too_few"
    assert curve.vertex is None
    assert np.isnan(curve(1e8))
    (three,) = fit_parabolas([1e19] * 3, SIZES[2:5], bowl(SIZES[2:5]))
    assert three.vertex.value == pytest.approx(1e8)
    assert three.vertex.low is None
    assert fit_parabolas([], [], []) == []


def test_a_diverged_run_does_not_bend_a_parabola():
    L = bowl(SIZES) + 0.002 * np.random.default_rng(0).normal(size=7)
    L[5] *= 1.1
    (curve,) = fit_parabolas(np.full(7, 1e19), SIZES, L)
    assert curve.vertex.value == pytest.approx(1e8, rel=0.1)


def test_vertices_are_corrected_for_the_skew_of_two_powers():
    steep = LAWS["alpha three times beta"]
    N, D = isoflop_grid(steep, ratio=2.0)
    truth = np.log([steep.optimum(C).params for C in BUDGETS])
    plain, corrected = fit_parabolas(6 * N * D, N, steep.loss(N, D)), fit_law(N, D, steep.loss(N, D)).parabolas
    raw, right = (np.log([curve.vertex.value for curve in curves]) - truth for curves in (plain, corrected))
    assert np.abs(raw).min() > 0.1
    assert right == pytest.approx(np.zeros(5), abs=1e-5)
    assert [curve.skew for curve in corrected] == pytest.approx(raw, abs=1e-5)
    for one, other in zip(plain, corrected, strict=True):
        assert other.loss == pytest.approx(float(other(other.vertex.value)))  # the dot lies on the curve
        assert one.coefficients == other.coefficients


def test_corrected_intervals_hold_the_minimum():
    hits = []
    for seed in range(12):
        law = LAWS["alpha a third of beta"]
        fit = fit_law(*noisy_sweep(seed, 0.003, law, ratio=2.0))
        hits += [c.vertex.low <= law.optimum(c.budget).params <= c.vertex.high for c in fit.parabolas if c.vertex.low]
    assert np.mean(hits) > 0.85


def test_noise_is_shared_by_budgets_so_that_bounded_intervals_of_few_sizes_hold_the_minimum():
    rng, hits = np.random.default_rng(11), []
    for i in range(300):
        law = list(LAWS.values())[i % len(LAWS)]
        C = np.repeat(1e18 * np.geomspace(1, 100, 4), 5)
        N = np.array([law.optimum(c).params for c in C]) * np.tile(1.7 ** np.arange(-2.0, 3.0), 4)
        L = law.loss(N, C / (6 * N)) * np.exp(0.02 * rng.normal(size=20))
        for curve in fit_parabolas(C, N, L, law=law):
            if curve.status == "ok" and curve.vertex.high is not None:
                hits.append(curve.vertex.low <= law.optimum(curve.budget).params <= curve.vertex.high)
    assert len(hits) > 200
    assert np.mean(hits) > 0.87


def test_one_budget_keeps_its_own_noise():
    N, rng = np.geomspace(1e7, 1e9, 5), np.random.default_rng(2)
    L = bowl(N, curvature=0.4) * np.exp(0.005 * rng.normal(size=5))
    (alone,) = fit_parabolas(np.full(5, 1e18), N, L)
    noisy = bowl(N) + 0.1 * np.array([1, -1, 1, -1, 1])
    first, _ = fit_parabolas(np.repeat([1e18, 1e20], 5), np.tile(N, 2), np.append(L, noisy))
    assert first.vertex.value == alone.vertex.value
    assert first.vertex.high is None or first.vertex.high > alone.vertex.high
    again, _ = fit_parabolas(np.repeat([1e18, 1e20], 5), np.tile(N, 2), np.tile(L, 2))
    assert again.vertex.high < alone.vertex.high  # twice the degrees of freedom


def noisy_curves():
    N, D, L = noisy_sweep(noise=0.003)
    return 6 * N * D, N, L


def test_a_power_law_says_how_far_its_line_is_known():
    sizes, _ = fit_law(*noisy_sweep(noise=0.003)).power_laws
    near, far = sizes.at(1e19), sizes.at(1e22)
    assert near.low < near.value < near.high
    assert np.log(far.high / far.low) > 2 * np.log(near.high / near.low)
    assert near.value == pytest.approx(float(sizes(1e19)))
    known = replace(sizes, scatter=None).at(1e19)  # by the vertices' intervals alone
    weight = (
        1 / 5
        + (np.log(1e19) - np.mean(sizes.log_budgets))
        * (np.array(sizes.log_budgets) - np.mean(sizes.log_budgets))
        / np.var(sizes.log_budgets)
        / 5
    )
    assert np.log(known.high / known.value) == pytest.approx(np.sqrt((weight**2) @ np.square(sizes.half_widths)))
    assert replace(sizes, scatter=None, half_widths=(None,) * 5).at(1e19).low is None


def test_a_vertex_without_ends_makes_a_line_no_surer_than_the_others_do():
    curves = [p for p in fit_parabolas(*noisy_curves()) if p.status == "ok"]
    straight = [
        replace(
            p,
            vertex=Interval(1e8 * (p.budget / 1e18) ** 0.5, *(1e8 * (p.budget / 1e18) ** 0.5 * f for f in (0.8, 1.25))),
        )
        for p in curves
    ]  # by chance their scatter is nothing
    bounded, _ = fit_power_laws(straight)
    some, _ = fit_power_laws([replace(straight[0], vertex=Interval(straight[0].vertex.value)), *straight[1:]])
    for line in (bounded, some):
        assert line.exponent.high - line.exponent.low > 0.05
        assert line.at(1e22).high > 1.2 * line.at(1e22).value


def test_power_laws_of_a_sweep():
    N, D, L = noisy_sweep(ratio=1.3)
    sizes, tokens = fit_power_laws(fit_parabolas(6 * N * D, N, L))
    assert sizes.exponent.low < HOFFMANN.exponent < sizes.exponent.high
    assert sizes.exponent.value + tokens.exponent.value == pytest.approx(1)
    assert float(sizes(1e19) * tokens(1e19)) == pytest.approx(1e19 / 6, rel=1e-6)


def test_budgets_spent_in_whole_steps_are_one_budget():
    C = np.array([1e18, 1.01e18, 0.99e18, 3e18, 3.02e18, np.nan, -1.0])
    budgets, labels = group_budgets(C)
    assert budgets.tolist() == [1e18, pytest.approx(3.01e18)]
    assert labels.tolist() == [0, 0, 0, 1, 1, -1, -1]


def test_runs_on_no_curves_are_taken_in_bands():
    rng = np.random.default_rng(0)
    C = np.exp(rng.uniform(np.log(BUDGETS[0]), np.log(BUDGETS[-1]), 150))
    N = np.array([HOFFMANN.optimum(c).params for c in C]) * np.exp(rng.uniform(-1, 1, 150))
    L = HOFFMANN.loss(N, C / (6 * N)) * np.exp(0.002 * rng.normal(size=150))
    curves = fit_parabolas(C, N, L)
    assert all(1.3 < curve.band < 1.9 for curve in curves)
    assert sum(curve.points for curve in curves) == 150
    assert fit_power_laws(curves)[0].exponent.value == pytest.approx(HOFFMANN.exponent, abs=0.04)


def test_chinchilla_by_parabolas(chinchilla_240):
    fit = fit_law(*chinchilla_240)
    sizes, _ = fit.power_laws
    assert sizes.exponent.value == pytest.approx(0.50, abs=0.02)  # Hoffmann et al. say 0.49 for approach 2
    assert sizes.exponent.low < fit_law(*chinchilla_240, delta=1e-3).exponent.value < sizes.exponent.high


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="one length"):
        fit_parabolas([1e18], [1e6, 2e6], [3.0])


def test_seeds_are_averaged_before_a_parabola_and_weigh_as_many():
    n = np.geomspace(2e7, 5e8, 7)
    losses = bowl(n) * np.exp(0.01 * np.random.default_rng(1).normal(size=(3, n.size)))
    C = np.full(n.size, 1e18)
    (means,) = fit_parabolas(C, n, losses.mean(axis=0))
    (runs,) = fit_parabolas(np.tile(C, 3), np.tile(n, 3), losses.ravel())
    assert (runs.points, runs.runs, means.runs) == (7, 21, 7)
    assert runs.vertex.value == pytest.approx(means.vertex.value, rel=1e-9)
    assert (runs.vertex.low, runs.vertex.high) == pytest.approx((means.vertex.low, means.vertex.high), rel=1e-6)
    (more,) = fit_parabolas(np.append(C, C[:1]), np.append(n, n[:1]), np.append(losses[0], losses[0, :1]))
    (once,) = fit_parabolas(C, n, losses[0])
    assert more.vertex.value != once.vertex.value  # a point run twice weighs as two


def test_planned_budgets_decide_which_runs_share_a_curve():
    n = np.geomspace(2e7, 5e8, 5)
    planned = np.repeat([1e18, 1.04e18], 5)
    spent = planned * np.tile([1.0, 0.99, 1.01, 1.0, 0.98], 2)
    found = fit_parabolas(spent, np.tile(n, 2), np.tile(bowl(n), 2), budgets=planned)
    assert [curve.budget for curve in found] == [1e18, 1.04e18]
    assert len(fit_parabolas(spent, np.tile(n, 2), np.tile(bowl(n), 2))) == 1
    with pytest.raises(ValueError, match="budgets 3"):
        fit_parabolas(spent, np.tile(n, 2), np.tile(bowl(n), 2), budgets=planned[:3])
