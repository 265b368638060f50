"""The law's own error: none among the budgets run, growing beyond them, and apart from the noise."""

import math

import pytest
from known_laws import noisy_sweep

from flopsfit_tui.fit import Interval, fit_law
from flopsfit_tui.fit.extrapolation import MODEL_SD, distance, model_sd, widened


def test_distance_is_a_factor_on_both_sides():
    assert distance(1e19, 1e18, 1e20) == distance(1.04e20, 1e18, 1e20) == 1
    assert distance(1e21, 1e18, 1e20) == distance(1e17, 1e18, 1e20) == pytest.approx(10)
    assert distance(5.0, None, None) == 1


def test_the_error_grows_with_distance():
    assert model_sd(1.0) == 0
    assert model_sd(10.0) == pytest.approx(MODEL_SD * math.sqrt(1 + math.log(10) ** 2))


def test_widening_is_in_quadrature_and_leaves_open_ends_alone():
    wide = widened(Interval(10.0, 10 / math.e**3, 10 * math.e**3), 4.0)
    assert math.log(wide.high / 10) == pytest.approx(5)
    assert wide.low * wide.high == pytest.approx(100)
    for open_end in (Interval(1.0), Interval(1.0, 0.0, 2.0), Interval(1.0, 0.5, math.inf)):
        assert widened(open_end, 1.0) == open_end


def test_predictions_beyond_the_budgets_have_both_intervals():
    fit = fit_law(*noisy_sweep())
    inside, beyond = fit.predict(1e19), fit.predict(1e21)
    assert (inside.params_low, inside.params_high) == (inside.params_noise_low, inside.params_noise_high)
    noise = math.log(beyond.params_noise_high / beyond.params_noise_low) / 2
    both = math.log(beyond.params_high / beyond.params_low) / 2
    assert both == pytest.approx(math.hypot(noise, 1.96 * model_sd(10.0)), rel=1e-3)
    assert beyond.tokens_high / beyond.tokens_low == pytest.approx(beyond.params_high / beyond.params_low)
