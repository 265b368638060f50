"""Does one peak learning rate suit every size? Five rates at the smallest and the middle size, for a little compute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flopsfit_tui.core.trial import Outcome, Plan
from flopsfit_tui.plan.grid import plan_point

FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)  # of the planned peak rate
SHARE = 0.25  # of the smallest budget


def tune_plan(plan: Plan) -> Plan:
    """Ten short trials from a plan: its smallest and its middle size, each at five rates around the planned one."""
    ladder = plan.ladder(plan.budgets[0])
    chosen = dict.fromkeys([ladder[0], ladder[len(ladder) // 2]])
    sizes = [next(s for s in plan.sizes if s.size == size) for size in chosen]
    batch_size, budget = plan.trials[0].batch_size, SHARE * plan.budgets[0]
    trials = []
    for factor in FACTORS:
        recipe = replace(plan.recipe, learning_rate=plan.recipe.learning_rate * factor)
        for size in sizes:
            trials += plan_point(budget, size, 1, batch_size, plan.tokens_per_sample, recipe, plan.identity)
    return replace(plan, budgets=(budget,), expected=plan.expected[:1], trials=tuple(trials))


def best_rates(plan: Plan, outcomes: Mapping[str, Outcome]) -> dict[Any, float]:
    """The rate of the lowest loss at each size; sizes at which nothing finished are left out."""
    best: dict[Any, tuple[float, float]] = {}
    for trial in plan.trials:
        outcome = outcomes.get(trial.key)
        if outcome and outcome.status == "finished":
            best[trial.size] = min(best.get(trial.size, (float("inf"), 0.0)), (outcome.loss, trial.learning_rate))
    return {size: best[size][1] for size in plan.settings(best)}
