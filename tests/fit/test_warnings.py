"""Each warning comes when it should, says what to do, and stays away from a clean sweep."""

from dataclasses import replace

import numpy as np
import pytest
from known_laws import HOFFMANN, noisy_sweep

from flopsfit_tui.fit import Law, diagnose_target, fit_law, hold_out
from flopsfit_tui.fit.bends import Bend
from flopsfit_tui.fit.diagnose import diagnose


def codes(warnings):
    return [warning.code for warning in warnings]


def message(warnings, code):
    (found,) = [warning.message for warning in warnings if warning.code == code]
    return found


def test_a_clean_sweep_has_none():
    fit = fit_law(*noisy_sweep(noise=0.002, ratio=2.0))
    assert fit.warnings == ()
    assert diagnose_target(fit, 5e20) == ()
    assert hold_out(*noisy_sweep(noise=0.002)).warnings == ()


def test_a_minimum_at_an_edge_names_the_size_to_add():
    N, D, L = noisy_sweep(noise=0.001)
    first = 6 * N * D < 1.5e18
    keep = ~first | (np.sort(N[first])[3] < N)
    text = message(fit_law(N[keep], D[keep], L[keep]).warnings, "edge_minimum")
    assert "smallest size" in text
    assert "Add a size near" in text
    assert "1e18 FLOPs" in text


def test_sizes_off_centre():
    fit = fit_law(*noisy_sweep(noise=0.001, off_centre=2.5))
    assert "Add smaller sizes" in message(fit.warnings, "off_centre")
    assert "Add larger sizes" in message(fit_law(*noisy_sweep(noise=0.001, off_centre=0.4)).warnings, "off_centre")


def test_curves_too_shallow_for_the_noise():
    assert "too shallow" in message(fit_law(*noisy_sweep(noise=0.05, ratio=1.2)).warnings, "shallow")


def test_an_exponent_at_its_bound():
    steep = Law(1.0, 1e30, 3e4, 4.0, 0.4)
    N, D = np.meshgrid(np.geomspace(1e7, 1e8, 6), np.geomspace(1e9, 1e11, 6))
    fit = fit_law(N, D, steep.loss(N, D))
    assert fit.status == "at_bound"
    assert "alpha stopped at 2.5" in message(fit.warnings, "at_bound")


def test_a_loss_without_one_of_the_terms():
    N, D = np.meshgrid(np.geomspace(1e7, 1e9, 6), np.geomspace(1e9, 1e11, 6))
    for L, missing in ((1.0 + 500 / N**0.4, "tokens"), (1.0 + 500 / D**0.4, "size")):
        fit = fit_law(N, D, L)
        assert fit.status == "at_bound"
        assert f"independent of {missing}" in message(fit.warnings, "one_term")
        assert fit.predict(1e20) is None


def test_entropy_that_cannot_be_told_from_zero():
    text = message(fit_law(*noisy_sweep(noise=0.02, law=Law(0.0, 400, 400, 0.3, 0.3))).warnings, "entropy")
    assert "is not significantly above 0" in text


def test_outliers_show_both_exponents_and_who():
    N, D, L = noisy_sweep()
    L[7] *= 1.1
    fit = fit_law(N, D, L)
    text = message(fit.warnings, "flagged")
    assert "run 8 is" in text
    assert f"{fit.exponent.value:.3f} with" in text
    assert f"{fit.exponent_without_flagged.value:.3f} without" in text
    names = [f"width {i}" for i in range(35)]
    assert "width 7 is" in message(fit_law(N, D, L, names=names).warnings, "flagged")


def test_excluded_runs_are_listed():
    N, D, L = noisy_sweep()
    L[[2, 4]] = np.nan
    assert "2 runs (3, 5) are excluded" in message(fit_law(N, D, L).warnings, "excluded")


def test_more_than_one_epoch():
    N, D, L = noisy_sweep()
    fit = fit_law(N, D, L, unique_tokens=D.max() / 2.5)
    assert "2.5 times" in message(fit.warnings, "epochs")
    assert fit_law(N, D, L, unique_tokens=D.max()).warnings == fit_law(N, D, L).warnings


def test_methods_that_disagree_are_compared_in_size_at_the_target():
    fit = fit_law(*noisy_sweep(noise=0.002))
    sizes, tokens = fit.power_laws
    for by, expected in ((0.05, False), (1.0, True)):
        moved = replace(sizes, scale=sizes.scale * np.exp(by))
        found = diagnose(replace(fit, warnings=(), power_laws=(moved, tokens)), np.ones(35))
        assert ("methods_disagree" in codes(found)) == expected
    text = message(found, "methods_disagree")
    assert "at 1e21 FLOPs" in text
    assert "The law leads" in text


def test_parabolas_lead_where_the_runs_do_not_follow_the_law():
    fit = fit_law(*noisy_sweep(noise=0.002))
    sizes, tokens = fit.power_laws
    moved = replace(sizes, scale=sizes.scale * np.e)
    bent = replace(fit, power_laws=(moved, tokens), bends=(Bend("size", 5.0, 2.7),))
    assert (fit.leading, bent.leading) == ("law", "parabolas")
    best = bent.predict(1e21)
    assert best.method == "parabolas"
    assert best.params == pytest.approx(float(moved(1e21)))
    assert best.params * best.tokens * 6 == pytest.approx(1e21)
    assert best.params_low < best.params_noise_low < best.params < best.params_noise_high < best.params_high
    assert best.loss_low < best.loss < best.loss_high
    assert bent.leading_exponent == moved.exponent
    assert bent.predict(1e21, method="law") == fit.predict(1e21)
    assert "The parabolas lead" in message(diagnose(replace(bent, warnings=()), np.ones(35)), "methods_disagree")
    assert replace(bent, power_laws=(replace(moved, vertices=3), tokens)).leading == "law"


def test_chinchilla_leaves_its_outliers_out_and_agrees_with_what_was_published(chinchilla):
    assert "methods_disagree" in codes(fit_law(*chinchilla, keep_all=True).warnings)
    fit = fit_law(*chinchilla)
    for exponent in (fit.exponent, fit.leading_exponent):
        assert exponent.value == pytest.approx(0.513, abs=0.03)  # Besiroglu et al. 2024
    assert fit.with_outliers.exponent.value == pytest.approx(0.57, abs=0.01)
    assert fit.points == 245 - fit.outliers.sum() == 245 - fit.left_out.sum()
    assert f"from {fit.exponent.value:.3f} to {fit.with_outliers.exponent.value:.3f}" in message(
        fit.warnings, "outliers"
    )


def test_a_target_far_out_and_wide_open():
    fit = fit_law(*noisy_sweep(noise=0.02))
    found = diagnose_target(fit, 1e23)
    assert codes(found) == ["far_target", "wide_interval"]
    assert "beyond the largest budget run" in message(found, "far_target")
    assert "below the smallest budget run" in message(diagnose_target(fit, 1e15), "far_target")


def test_a_largest_budget_that_the_others_do_not_foresee():
    N, D, L = noisy_sweep(noise=0.002)
    L[28:] *= 1.05
    held = hold_out(N, D, L)
    assert codes(held.warnings) == ["hold_out"]
    assert "below what was measured" in held.warnings[0].message
    assert held.loss_ratio.value < 1 / 1.02


@pytest.mark.parametrize("count", [0, 1, 5])
def test_few_runs_say_so(count):
    N, D, L = (values[:count] for values in noisy_sweep())
    assert codes(fit_law(N, D, L).warnings)[0] == "too_few"


def test_one_budget_says_so():
    N, D, L = (values[:7] for values in noisy_sweep())
    fit = fit_law(N, D, L)
    assert codes(fit.warnings)[0] == "one_budget"
    assert fit.law is None
    assert fit.parabolas[0].vertex.value == pytest.approx(HOFFMANN.optimum(1e18).params, rel=0.3)


def test_seven_points_have_no_interval():
    N, D, L = (values[[0, 1, 3, 5, 7, 10, 13]] for values in noisy_sweep(noise=0.001))
    fit = fit_law(N, D, L)
    assert fit.law is not None
    assert fit.exponent.low is None
    assert "no_interval" in codes(fit.warnings) or fit.status == "at_bound"
