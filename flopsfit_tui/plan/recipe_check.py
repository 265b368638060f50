"""The trials that tell how good a recipe is: three peak rates at the corners and the middle of a plan.

They take at most a quarter of the plan's FLOPs, and so often leave out its largest budgets. The two corners of the
smallest budget, which cost next to nothing, have three seeds: they tell the noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from flopsfit_tui.core.sizes import Setting
from flopsfit_tui.core.trial import Plan, Trial
from flopsfit_tui.core.units import format_flops
from flopsfit_tui.plan.grid import plan_point
from flopsfit_tui.plan.rates import EACH

SHARE = 0.25  # of the plan's FLOPs
REPEATS = 3  # seeds at the corners of the smallest budget
FOLDER = "recipe"  # of a check, in the sweep's directory


@dataclass(frozen=True)
class _Point:
    budget: float
    size: Setting
    seeds: int
    rates: tuple[float, ...] = EACH

    @property
    def flops(self) -> float:
        return self.budget * self.seeds * len(self.rates)


def check_plan(plan: Plan) -> Plan:
    """The check of a plan's recipe as a plan of its own; its trials at the planned rate are those of the sweep."""
    points = _points(plan)
    batch_size, sizes = plan.trials[0].batch_size, {s.size: s for s in plan.sizes}
    trials: list[Trial] = []
    for point in points:
        args = (batch_size, plan.tokens_per_sample, plan.recipe, plan.identity, point.rates)
        trials += plan_point(point.budget, sizes[point.size], point.seeds, *args)
    share = sum(t.flops for t in trials) / plan.total_flops
    count = sum(len(p.rates) > 1 for p in points)
    note = f"recipe check: three peak rates at {count} points, {share:.0%} of the sweep's FLOPs"
    used = {point.budget for point in points}
    missing = [budget for budget in plan.budgets if budget > max(used)]
    if missing and not plan.goal:
        note += f"; budgets above {format_flops(max(used))} would take more than a quarter and are not looked at"
    budgets = tuple(sorted({*plan.budgets, *used}))
    guess = dict(zip(plan.budgets, plan.expected, strict=True))
    expected = tuple(guess.get(budget, plan.expected[0]) for budget in budgets)
    return replace(
        plan, budgets=budgets, expected=expected, trials=tuple(trials), notes=(*plan.notes, note), rates=EACH,
        checks_recipe=True, goal=None, added=(), left_out=(),
    )  # fmt: skip


def _points(plan: Plan) -> list[_Point]:
    """Corners, middle, and at the planned rate alone the middles of both budgets; else what a quarter pays for."""
    run = [budget for budget in plan.budgets if plan.ladder(budget)]
    seeds, most = 1 + max(t.seed for t in plan.trials), SHARE * plan.total_flops
    low = run[0]
    for high in reversed(run[1:]):
        between = min(run, key=lambda b: abs(math.log(b / math.sqrt(low * high))))
        repeats = max(seeds, REPEATS)
        points = [
            *(_Point(low, size, repeats) for size in _ends(plan, low)),
            _Point(between, _middle(plan, between), seeds),
            *(_Point(high, size, seeds) for size in _ends(plan, high)),
        ]
        alone = [_Point(budget, _middle(plan, budget), 1, (1.0,)) for budget in (low, high)]
        points += [p for p in alone if (p.budget, p.size) not in {(q.budget, q.size) for q in points}]
        if sum(p.flops for p in points) <= most:
            return points
    sizes = dict.fromkeys([*_ends(plan, low), _middle(plan, low)])
    cost = sum(_Point(1.0, size, REPEATS).flops for size in sizes)
    budget = float(f"{min(low, most / cost):.3g}")
    return [_Point(budget, size, REPEATS) for size in sizes]


def _ends(plan: Plan, budget: float) -> tuple[Setting, ...]:
    ladder = plan.ladder(budget)
    return tuple(dict.fromkeys([ladder[0], ladder[-1]]))


def _middle(plan: Plan, budget: float) -> Setting:
    ladder = plan.ladder(budget)
    return ladder[len(ladder) // 2]
