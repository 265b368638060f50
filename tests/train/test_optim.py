"""Which matrices get which rate."""

import pytest
from tiny import make

from flopsfit_tui.core.trial import Recipe
from flopsfit_tui.train.model import build_model
from flopsfit_tui.train.optim import make_optimizer
from flopsfit_tui.train.schedule import rate_factor


def rates(width, base):
    workload = make()
    model = build_model(workload, width)
    names = {p: name for name, p in model.named_parameters()}
    optimizer = make_optimizer(model, workload, Recipe(0.08, base_size=base, wider_size=base and 2 * base))
    return {names[p]: (g["peak"], g["weight_decay"]) for g in optimizer.param_groups for p in g["params"]}


def test_hidden_matrices_are_scaled_by_their_fan_in():
    at_16 = rates(16, base=8)
    assert at_16["mix.weight"] == (0.04, 0.1)  # grows on both sides
    for name in ("up.weight", "up.bias", "mix.bias", "head.weight", "head.bias"):
        assert at_16[name] == (0.08, 0.0)


def test_at_the_base_size_every_rate_is_the_base_rate():
    assert {rate for rate, _ in rates(8, base=8).values()} == {0.08}


def test_without_a_base_size_there_is_one_rate():
    found = rates(32, base=None)
    assert {rate for rate, _ in found.values()} == {0.08}
    assert found["mix.weight"][1] == 0.1
    assert found["mix.bias"][1] == 0.0


@pytest.mark.parametrize("steps", [1, 2, 3, 40, 80, 1000])
def test_the_rate_warms_up_then_falls_to_zero_and_never_is_zero(steps):
    factors = [rate_factor(i, steps, Recipe(0.1)) for i in range(steps)]
    assert all(0 < f <= 1 for f in factors)
    top = factors.index(max(factors))
    assert factors[: top + 1] == sorted(factors[: top + 1])
    assert factors[top:] == sorted(factors[top:], reverse=True)
    assert max(factors) == 1
    assert steps < 3 or factors[-1] < factors[top]  # and would be zero at the next step


def test_warm_up_is_five_per_cent_but_at_least_forty_steps():
    recipe = Recipe(0.1)
    assert rate_factor(39, 400, recipe) == 1.0
    assert rate_factor(38, 400, recipe) < 1.0
    assert rate_factor(99, 2000, recipe) == 1.0
    assert rate_factor(98, 2000, recipe) < 1.0
