"""What a request means as a plan."""

from dataclasses import replace

import pytest
from tiny import make

from flopsfit_tui.core.trial import Plan, Request
from flopsfit_tui.core.workload import Workload
from flopsfit_tui.sweep.job import make_plan
from flopsfit_tui.train.model import build_model
from flopsfit_tui.train.optim import make_optimizer


def test_the_default_plan_of_gpt_bytes_is_five_budgets_by_seven_sizes():
    plan = make_plan(Request("gpt-bytes"))
    assert len(plan.budgets) == 5
    assert len(plan.trials) == 35
    for budget, expected in zip(plan.budgets, plan.expected, strict=True):
        trials = [t for t in plan.trials if t.budget == budget]
        assert min(t.params for t in trials) < expected / 2.2
        assert max(t.params for t in trials) > expected * 3
        for t in trials:
            assert abs(t.flops - budget) <= t.flops / t.steps
            assert t.flops == pytest.approx(t.tokens * plan.flops_per_token(t.size))
    assert max(s.params for s in plan.sizes) > 1.5 * 0.08 * (100 * plan.budgets[-1]) ** 0.5  # sizes to build at 100x
    assert plan.notes
    assert max(map(plan.epochs, plan.trials)) < 1


def test_sizes_and_seeds_are_taken_as_asked():
    plan = make_plan(Request(make(), budgets=(1e6, 3e6), sizes=(8, 16), seeds=3))
    assert [(t.budget, t.size, t.seed) for t in plan.trials] == [
        (c, s, seed) for c in (1e6, 3e6) for s in (8, 16) for seed in range(3)
    ]
    assert len({t.key for t in plan.trials}) == 12


def test_the_identity_is_of_everything_that_decides_a_loss():
    def identity(**changes):
        return make_plan(Request(Workload(**{**vars(make()), **changes}))).identity

    base = identity()
    assert identity() == base
    others = [
        identity(name="other"),
        identity(model_kwargs={"fail_at": 2}),
        identity(settings={"x": 1}),
        identity(learning_rate=0.02),
    ]
    assert len({base, *others}) == 5


def test_learning_rate_and_batch_size_can_be_asked_for():
    plan = make_plan(Request(make(), batch_size=16, learning_rate=0.05))
    assert {(t.batch_size, t.learning_rate) for t in plan.trials} == {(16, 0.05)}


def test_a_workload_declares_its_least_warm_up_which_is_part_of_the_keys():
    plans = [make_plan(Request(replace(make(), warmup_steps=steps), budgets=(1e7,), points=3)) for steps in (40, 100)]
    assert [plan.recipe.warmup_steps for plan in plans] == [40, 100]
    assert not {t.key for t in plans[0].trials} & {t.key for t in plans[1].trials}


def test_a_workload_declares_adamws_betas_and_decay_which_are_part_of_the_keys():
    workload = replace(make(), betas=[0.7, 0.95], weight_decay=0)
    plans = [make_plan(Request(given, budgets=(1e7,), points=3)) for given in (make(), workload)]
    assert [(plan.recipe.betas, plan.recipe.weight_decay) for plan in plans] == [((0.9, 0.95), 0.1), ((0.7, 0.95), 0)]
    assert Plan.from_json(plans[1].to_json()) == plans[1]
    assert not {t.key for t in plans[0].trials} & {t.key for t in plans[1].trials}
    optimizer = make_optimizer(build_model(workload, 16), workload, plans[1].recipe)
    assert {(group["betas"], group["weight_decay"]) for group in optimizer.param_groups} == {((0.7, 0.95), 0)}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"betas": 0.9}, r"betas=0.9 are not AdamW's; give two numbers from 0 to below 1, e.g. \(0.9, 0.95\)"),
        ({"betas": (0.9,)}, "give two numbers"),
        ({"betas": (0.9, 1.0)}, "give two numbers"),
        ({"betas": ("a", 0.9)}, "give two numbers"),
        ({"betas": (0.9, float("nan"))}, "give two numbers"),
        ({"weight_decay": -0.1}, "weight_decay=-0.1 is not AdamW's; give 0 or a positive number, e.g. 0.1"),
        ({"weight_decay": float("inf")}, "give 0 or a positive number"),
        ({"weight_decay": "0.1"}, "give 0 or a positive number"),
        ({"weight_decay": None}, "give 0 or a positive number"),
    ],
)
def test_betas_and_decays_that_adamw_cannot_take_are_refused(changes, says):
    with pytest.raises(ValueError, match=says):
        make_plan(Request(replace(make(), **changes), budgets=(1e7,), points=3))
