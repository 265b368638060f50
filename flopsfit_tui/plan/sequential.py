"""A plan whose trials are chosen one by one: where it begins, and the budgets it may use."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from flopsfit_tui.core.sizes import Setting

BEGIN_BUDGETS, BEGIN_SIZES = 4, 5  # measured: fewer give laws that mislead the first choices, more cost FLOPs
FEWEST_BUDGETS = 9  # to choose from


def budgets_to_choose_from(budgets: Sequence[float]) -> tuple[float, ...]:
    """The budgets given and, until there are nine, the geometric means of neighbours, to three digits; ascending."""
    found = sorted(budgets)
    while 1 < len(found) < FEWEST_BUDGETS:
        between = [float(f"{math.sqrt(a * b):.3g}") for a, b in pairwise(found)]
        merged = sorted({*found, *between})
        if len(merged) == len(found):
            break
        found = merged
    return tuple(found)


def first_points(ladders: Mapping[float, Sequence[Setting]]) -> dict[float, tuple[Setting, ...]]:
    """Where the sweep begins: four budgets, and five sizes of each one's ladder; budgets ascending."""
    found = {}
    for budget in first_budgets(list(ladders)):
        ladder = ladders[budget]
        count = min(BEGIN_SIZES, len(ladder))
        places = sorted({round(i * (len(ladder) - 1) / max(1, count - 1)) for i in range(count)})
        found[budget] = tuple(ladder[place] for place in places)
    return found


def first_budgets(budgets: Sequence[float]) -> tuple[float, ...]:
    """Four of them, evenly spread over the lower half of their logarithms; fewer where there are no more."""
    middle = math.sqrt(budgets[0] * budgets[-1])
    low = [budget for budget in budgets if budget <= middle * 1.01]
    if len(low) < 2:  # a narrow range: begin with its lower half
        low = list(budgets[: max(2, len(budgets) // 2)])
    count = min(BEGIN_BUDGETS, len(low))
    return tuple(low[round(i * (len(low) - 1) / max(1, count - 1))] for i in range(count))
