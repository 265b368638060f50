"""The score test: silent where the law is true, and names the bend where it is not."""

import numpy as np
import pytest
from known_laws import HOFFMANN, LAWS, isoflop_grid, noisy_sweep

from flopsfit_tui.fit import fit_law
from flopsfit_tui.fit.bends import BENDS, MEANING, Bend, directions
from flopsfit_tui.fit.newton import Data, parts
from flopsfit_tui.fit.noise import place
from flopsfit_tui.fit.search import centred

DENSE = {"budgets": np.geomspace(1e18, 1e21, 8), "sizes": 9}


def bent(seed, bend, noise=0.005, **grid):
    N, D = isoflop_grid(HOFFMANN, ratio=1.7, **{**DENSE, **grid})
    L = HOFFMANN.loss(N, D) * np.exp(bend(N, D) + noise * np.random.default_rng(seed).normal(size=N.size))
    return fit_law(N, D, L)


def test_a_true_law_is_left_alone():
    alarms = [fit_law(*noisy_sweep(seed, law=LAWS["besiroglu"])).misfit is not None for seed in range(40)]
    assert sum(alarms) <= 5


@pytest.mark.parametrize(
    ("bend", "names"),
    [
        (lambda N, D: 0.004 * np.log(N / 1e9) ** 2, {"size"}),
        (lambda N, D: 0.004 * np.log(D / 2e10) ** 2, {"tokens"}),
        (lambda N, D: 0.004 * place(np.log(N), np.log(D)) ** 3, {"ends", "joint", "crossed"}),
    ],
)
def test_a_bend_is_found_and_named(bend, names):
    fits = [bent(seed, bend) for seed in range(5)]
    assert all(fit.misfit for fit in fits)
    assert sum(fit.misfit.name in names for fit in fits) >= 4
    (text,) = {w.message for w in fits[0].warnings if w.code == "misfit"}
    assert "do not follow this law" in text
    assert text.endswith(".")


def test_terms_that_interact_are_found():
    def power_mean(N, D, g=1.3):
        u, v = HOFFMANN.A / N**HOFFMANN.alpha, HOFFMANN.B / D**HOFFMANN.beta
        return np.log((HOFFMANN.E + (u**g + v**g) ** (1 / g)) / (HOFFMANN.E + u + v))

    assert bent(0, power_mean).misfit.name in ("joint", "crossed")


def test_directions_are_derivatives():
    data, _ = centred(*noisy_sweep())
    theta = np.array([0.5, 0.3, 0.25, 0.31, 0.42])
    e, a, b, alpha, beta = theta
    x, y, h = data.x, data.y, 1e-5
    laws = (
        lambda s: e + a * np.exp(-alpha * x + s * x * x) + b * np.exp(-beta * y),
        lambda s: e + a * np.exp(-alpha * x) + b * np.exp(-beta * y + s * y * y),
        lambda s: e + ((a * np.exp(-alpha * x)) ** (1 + s) + (b * np.exp(-beta * y)) ** (1 + s)) ** (1 / (1 + s)),
        lambda s: e + a * np.exp(-alpha * x) + b * np.exp(-beta * (1 + s * x) * y),
        lambda s: parts(theta[None], data)[2][0] * np.exp(s * place(x, y) ** 3),
    )
    numeric = [(np.log(law(h)) - np.log(law(-h))) / (2 * h) for law in laws]
    assert directions(theta, data) == pytest.approx(np.array(numeric).T, rel=1e-5, abs=1e-6)
    halved = Data(data.x, data.y, data.log_loss, data.weights, np.full(x.size, 2.0))
    assert directions(theta, halved) == pytest.approx(directions(theta, data) / 2)


@pytest.mark.parametrize("name", BENDS)
def test_every_bend_has_words_for_both_signs(name):
    up, down = (Bend(name, t, 2.0).meaning for t in (3.0, -3.0))
    assert up != down
    assert not set("{|}") & set(up + down)
    assert set(MEANING) == {*BENDS, "budgets"}


def test_shifts_of_whole_budgets_are_found_and_named():
    N, D = isoflop_grid(HOFFMANN, ratio=1.7, **DENSE)
    C = 6 * N * D
    shifts = dict(zip(np.unique(C.round(-15)), 0.02 * np.array([1, -1, 1, -1, 0, 1, -1, 0]), strict=True))
    off = np.array([shifts[c] for c in C.round(-15)])
    rng = np.random.default_rng(3)
    fits = [fit_law(N, D, HOFFMANN.loss(N, D) * np.exp(off + 0.004 * rng.normal(size=N.size))) for _ in range(5)]
    assert [fit.misfit.name for fit in fits] == ["budgets"] * 5
    (text,) = {w.message for w in fits[0].warnings if w.code == "misfit"}
    assert "whole budgets lie off the law" in text
    assert "{" not in text


def test_shifts_are_tested_on_seeds_as_on_points():
    N, D = (np.tile(values, 3) for values in isoflop_grid(HOFFMANN, ratio=1.7, **DENSE))
    alarms = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        own = np.tile(0.005 * rng.normal(size=N.size // 3), 3)  # shared by the seeds of a point
        fit = fit_law(N, D, HOFFMANN.loss(N, D) * np.exp(own + 0.001 * rng.normal(size=N.size)))
        alarms += next(bend for bend in fit.bends if bend.name == "budgets").found
    assert alarms <= 2


def test_too_few_or_noise_free_runs_are_not_tested():
    assert fit_law(*(values[::4] for values in noisy_sweep())).bends == ()
    assert fit_law(*noisy_sweep(noise=0.0)).misfit is None
