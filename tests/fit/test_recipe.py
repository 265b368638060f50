"""What a recipe loses, measured on losses whose best rate is known."""

import math

import numpy as np
import pytest

from flopsfit_tui.fit import Law, fit_law
from flopsfit_tui.fit.recipe import RateCurve, optimum_shift, rate_losses, rate_power

STEPS = (6000, 150, 1000, 4000, 500)
BENDS = (0.012, 0.03, 0.025, 0.02, 0.03)
PLANNED = math.log(0.016)


def curves(best, rng=None, noise=0.0, seeds=(3, 3, 1, 1, 1)):
    """Log losses at each point, whose best rate lies `best` (ln) from the planned one."""
    made = []
    for steps, bend, at, count in zip(STEPS, BENDS, best, seeds, strict=True):
        x = np.tile(math.log(2) * np.array([-1, 0, 1]), count)
        y = bend * (x - at) ** 2 + 0.7 + (noise * rng.normal(size=x.size) if rng else 0.0)
        made.append(RateCurve(x, y, math.log(steps), PLANNED))
    return made


def test_without_noise_everything_is_found():
    best = [0.2, -0.5, 0.0, 0.6, 0.1]
    losses, noise = rate_losses(curves(best))
    assert noise == pytest.approx(0.0, abs=1e-12)
    for lost, bend, at in zip(losses, BENDS, best, strict=True):
        assert lost.lost == pytest.approx(bend * at**2, abs=1e-8)
        assert lost.best == pytest.approx(at, abs=1e-6)
        assert not lost.beyond


def test_what_is_lost_is_unbiased_and_its_error_true():
    rng, errors, claims = np.random.default_rng(1), [], 0
    best = [0.0, 0.5, 0.0, -0.3, 0.2]
    for _ in range(300):
        losses, _ = rate_losses(curves(best, rng, 0.005))
        for lost, bend, at in zip(losses, BENDS, best, strict=True):
            if lost is not None:
                errors.append((lost.lost - bend * at**2, lost.lost_error))
        good, _ = rate_losses(curves([0.0] * 5, rng, 0.005))
        claims += any(lost and lost.lost > 0.005 and lost.lost > 2 * lost.lost_error for lost in good)
    off, said = np.array(errors).T
    assert len(errors) > 1400
    assert abs(off.mean()) < 0.0004
    assert np.mean(np.abs(off) < 2 * said) > 0.88
    assert claims == 0


def test_a_power_of_the_steps_is_found_and_none_where_there_is_none():
    rng = np.random.default_rng(2)
    found, none = [], []
    for _ in range(100):
        best = [-0.2 * math.log(s / 1000) for s in STEPS]
        for into, these in ((found, curves(best, rng, 0.003)), (none, curves([0.1] * 5, rng, 0.003))):
            into.append(rate_power(these, rate_losses(these)[0]))
    assert np.mean([r.power for r in found]) == pytest.approx(-0.2, abs=0.04)
    assert max(max(r.left) for r in found) < 0.004
    assert np.mean([r.power == 0 for r in none]) > 0.9
    assert np.mean([r.log_rate for r in none]) == pytest.approx(PLANNED + 0.1, abs=0.03)


def test_a_best_rate_beyond_those_tried_is_said():
    losses, _ = rate_losses(curves([0.0, 3.0, 0.0, 0.0, 0.0]))
    assert losses[1].beyond
    assert losses[1].lost > 0.05
    assert losses[1].best == pytest.approx(1.5 * math.log(2))


def test_a_rate_that_failed_and_flat_losses():
    some = curves([0.0, 0.3, 0.0, 0.0, 0.0])
    kept = some[1].offsets < 0.5
    some[1] = RateCurve(some[1].offsets[kept], some[1].log_losses[kept], some[1].log_steps, PLANNED)
    losses, _ = rate_losses(some)
    assert losses[1].best == pytest.approx(0.3, abs=0.4)
    flat = [RateCurve(c.offsets, 0 * c.log_losses, c.log_steps, PLANNED) for c in some]
    assert rate_losses(flat)[0] == [None] * 5
    alone = RateCurve(np.array([0.0]), np.array([0.7]), 3.0, PLANNED)
    assert rate_losses([alone])[0] == [None]
    assert rate_power([alone], [None]) is None


def test_the_shift_is_that_of_a_fit_to_the_shifted_losses():
    law = Law(1.7, 400.0, 2000.0, 0.34, 0.37)
    C = np.repeat(np.geomspace(1e18, 1e20, 5), 7)
    N = np.array([law.optimum(c).params for c in C]) * np.tile(np.geomspace(0.25, 4, 7), 5)
    D, u = C / (6 * N), np.tile(np.linspace(-1, 1, 7), 5)
    fit = fit_law(N, D, law.loss(N, D))
    excess = 1e-4 * (u + u**2)
    shift, weights = optimum_shift(fit, 1e21, N, D, excess)
    moved = fit_law(N, D, law.loss(N, D) * np.exp(excess), delta=10.0)
    true = math.log(moved.predict(1e21).params / fit.predict(1e21).params)
    assert shift == pytest.approx(true, rel=0.05)
    assert shift == pytest.approx(float(weights @ excess))
    assert optimum_shift(fit_law(N[:3], D[:3], law.loss(N, D)[:3]), 1e21, N, D, excess) is None
