"""Ladders bracket the expected optimum, and a trial spends its budget to within a batch."""

import math
from itertools import pairwise

import pytest

from flopsfit_tui.core.trial import Recipe, Size
from flopsfit_tui.plan.grid import SPAN, Knob, expected_params, plan_point


def knob_of(settings):
    """Params as 12 d^2: a transformer of one layer."""
    return Knob(settings, lambda d: 12 * d * d)


@pytest.mark.parametrize("centre", [1e4, 3.3e5, 1e7])
@pytest.mark.parametrize("points", [3, 5, 7, 9])
def test_a_ladder_spans_a_factor_of_about_four_to_each_side(centre, points):
    ladder = knob_of(range(4, 4097, 4)).ladder(centre, points)
    params = [12 * d * d for d in ladder]
    assert len(set(ladder)) == points
    assert list(ladder) == sorted(ladder)
    assert centre / SPAN <= params[0] < centre / 2.2
    assert 2.2 * centre < params[-1] <= centre * SPAN


def test_a_ladder_is_even_in_log_params():
    ladder = knob_of(range(1, 4097)).ladder(1e6, 7)
    steps = [math.log(b / a) for a, b in pairwise(ladder)]
    assert max(steps) < 1.05 * min(steps)


def test_a_coarse_knob_gives_neighbours_upwards():
    assert knob_of(range(8, 200, 8)).ladder(12 * 8 * 8, 5) == (8, 16, 24, 32, 40)


def test_a_ladder_past_the_top_takes_the_largest_settings():
    assert knob_of(range(8, 81, 8)).ladder(1e9, 4) == (56, 64, 72, 80)


def test_a_knob_with_few_settings_gives_them_all():
    assert knob_of([8, 64]).ladder(3e4, 7) == (8, 64)


def test_only_what_the_search_passes_is_measured():
    asked = set()

    def params(d):
        asked.add(d)
        return 12 * d * d

    Knob(range(1, 100_001), params).ladder(1e6, 7)
    assert len(asked) < 200


def test_nearest_is_nearest_in_log():
    knob = knob_of([10, 20])  # 1200 and 4800 params; half-way in log is 2400
    assert [knob.nearest(p) for p in (1, 2390, 2410, 1e9)] == [0, 0, 1, 1]


@pytest.mark.parametrize("budget", [1e8, 1.234e9, 7.7e11])
def test_a_trial_spends_its_budget_to_within_half_a_batch(budget):
    size = Size(16, 14416, 86016.0)
    (trial,) = plan_point(budget, size, 1, 8, 64, Recipe(1e-2), "x")
    batch = 86016.0 * 64 * 8
    assert abs(trial.flops - budget) <= batch / 2
    assert trial.flops == pytest.approx(trial.tokens * size.flops_per_token)
    assert trial.tokens == trial.samples * 64 == trial.steps * 8 * 64


def test_a_budget_below_one_batch_is_refused_with_what_would_work():
    with pytest.raises(ValueError, match="does not pay for one batch of 8 at size 16"):
        plan_point(1e6, Size(16, 14416, 86016.0), 1, 8, 64, Recipe(1e-2), "x")


def test_keys_change_with_everything_that_decides_a_loss():
    size = Size(16, 14416, 86016.0)

    def key(budget=1e9, size=size, batch=8, rate=1e-2, identity="x", seed=0):
        return plan_point(budget, size, 3, batch, 64, Recipe(rate), identity)[seed].key

    changed = [
        key(budget=2e9),
        key(size=Size(20, 19920, 119040.0)),
        key(batch=16),
        key(rate=2e-2),
        key(identity="y"),
        key(seed=1),
    ]
    assert len({key(), *changed}) == 7
    assert key() == key()


def test_without_a_guess_the_optimum_is_expected_at_twenty_tokens_a_parameter():
    N = expected_params(5.76e23, None)
    assert pytest.approx(5.76e23) == 6 * N * 20 * N


@pytest.mark.parametrize("guess", [0.0, -1.0, math.nan, math.inf])
def test_a_bad_first_guess_is_refused(guess):
    with pytest.raises(ValueError, match="positive number of parameters"):
        expected_params(1e9, lambda _: guess)
