"""A sweep made up of a known law, for every test that needs outcomes."""

from __future__ import annotations

import math

from flopsfit_tui.core.trial import Outcome, Plan, Recipe, Size, Trial


def law(params, tokens):
    return 1.7 + 400 / params**0.34 + 410 / tokens**0.28


def make_plan(budgets=(1e15, 1e16, 1e17), points=5, seeds=1):
    sizes, trials = {}, []
    for budget in budgets:
        centre = math.sqrt(budget / 120)
        for i in range(points):
            params = round(centre * 4 ** (2 * i / max(1, points - 1) - 1))
            sizes[params] = Size(params, params, 6.0 * params)
            tokens = round(budget / (6 * params))
            for seed in range(seeds):
                key = f"{budget:g}-{params}-{seed}"
                trials.append(Trial(key, budget, params, params, tokens, tokens, 100, 8, seed, budget, 1e-3))
    expected = tuple(math.sqrt(budget / 120) for budget in budgets)
    measured = tuple(sizes[key] for key in sorted(sizes))
    return Plan("w", "id", "width", "tokens", 1, None, Recipe(1e-3), tuple(budgets), expected, measured, tuple(trials))


def outcomes(plan, count=None):
    return {
        t.key: Outcome("finished", t.steps, t.samples, t.tokens, t.flops, law(t.params, t.tokens) + 0.01 * t.seed)
        for t in plan.trials[:count]
    }
