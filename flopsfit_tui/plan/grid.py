"""Budgets x measured sizes -> Plan: for each budget a ladder of sizes centred where the optimum is expected.

The ladder spans a factor of about 4 to each side in N, so that the minimum lies well inside and the parabola through it
is nearly symmetric; Chinchilla's own grids span as much (arXiv 2203.15556, figure 3).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flopsfit_tui.core.trial import Recipe, Size, Trial, content_hash

SPAN = 4.0  # the ladder reaches from N0 / SPAN to N0 * SPAN


@dataclass(frozen=True)
class Knob:
    """The settings that a model can be built with, and a measurement of each, made when first asked for.

    `settings` ascend, and params grow with them. `measure` raises ValueError for a setting that the model refuses.
    """

    settings: Sequence[int]
    measure: Callable[[int], Size]

    def nearest(self, params: float) -> int:
        """Index of the setting whose N is nearest to `params` in log N; measures only what the search passes."""
        above = bisect_left(self.settings, params, key=lambda size: self.measure(size).params)
        if above == len(self.settings):
            return above - 1
        if above == 0:
            return 0
        low, high = (self.measure(self.settings[i]).params for i in (above - 1, above))
        return above - 1 if params * params < low * high else above

    def ladder(self, centre: float, points: int, span: float = SPAN) -> tuple[int, ...]:
        """`points` settings about evenly spaced in log N from centre/span to centre*span, all different.

        Where the settings are coarser than that, neighbours are taken, upwards at the small end: then the ladder is as
        wide as the knob allows. Fewer come back only when the knob has fewer.
        """
        points = min(points, len(self.settings))
        steps = [2 * i / (points - 1) - 1 if points > 1 else 0.0 for i in range(points)]
        chosen: list[int] = []
        for step in steps:
            index = self.nearest(centre * span**step)
            chosen.append(max(index, chosen[-1] + 1) if chosen else index)
        surplus = chosen[-1] - (len(self.settings) - 1)
        if surplus > 0:  # ran over the top: push back down, still all different
            top = len(self.settings) - 1
            for i in reversed(range(points)):
                chosen[i] = min(chosen[i], top - (points - 1 - i))
        return tuple(self.settings[i] for i in chosen)


def expected_params(budget: float, first_guess: Callable[[float], float] | None) -> float:
    """Where the optimum is expected: the workload's own guess, else D = 20 N under C = 6 N D (arXiv 2203.15556)."""
    guess = first_guess(budget) if first_guess else math.sqrt(budget / 120)
    if not (math.isfinite(guess) and guess > 0):
        raise ValueError(f"first_guess({budget:g}) gave {guess!r}; it must give a positive number of parameters")
    return float(guess)


def plan_point(
    budget: float,
    size: Size,
    seeds: int,
    batch_size: int,
    tokens_per_sample: int,
    recipe: Recipe,
    identity: str,
) -> list[Trial]:
    """The trials of one point: the whole number of batches whose FLOPs are nearest to the budget.

    Raises ValueError when the budget does not pay for one batch.
    """
    flops_per_batch = size.flops_per_token * tokens_per_sample * batch_size
    if budget < flops_per_batch:
        raise ValueError(
            f"budget {budget:g} does not pay for one batch of {batch_size} at size {size.size}, which costs "
            f"{flops_per_batch:.3g} FLOPs; give a larger budget, a smaller batch or smaller sizes"
        )
    steps = round(budget / flops_per_batch)
    samples = steps * batch_size
    shared: dict[str, Any] = {
        "budget": budget,
        "size": size.size,
        "params": size.params,
        "tokens": samples * tokens_per_sample,
        "samples": samples,
        "steps": steps,
        "batch_size": batch_size,
        "flops": steps * flops_per_batch,
        "learning_rate": recipe.learning_rate,
    }
    return [
        Trial(key=content_hash({**shared, "seed": seed, "identity": identity}), seed=seed, **shared)
        for seed in range(seeds)
    ]
