"""Which of two answers leads where the law and the parabolas disagree.

They are compared where it matters, in N at ten times the largest budget run, under one cost. The law leads as long as
the score test finds nothing wrong with it: it uses every run. Where the test says that the runs do not follow it, and
the two lie further apart than one of their intervals allows, the parabolas lead: they assume nothing across sizes.
Where the test had fired on the earlier budgets of a public sweep, parabolas predicted later minima about as well as
the law, or better (benchmarks/later_budgets.py).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flopsfit_tui.fit.result import Fit

BEYOND = 10.0
FEWEST = 4  # vertices, for parabolas to lead


@dataclass(frozen=True)
class Comparison:
    """N_opt by both methods at one budget, and whether their intervals, by noise alone, leave room for both."""

    budget: float
    law: float
    parabolas: float
    disagree: bool  # each lies outside the other's interval
    apart: bool  # one lies outside the other's


def compare(fit: Fit) -> Comparison | None:
    """Both answers at ten times the largest budget; None where one of them, or its interval, is missing."""
    if fit.power_laws is None or fit.largest_budget is None or fit.status == "not_converged":
        return None
    budget = BEYOND * fit.largest_budget
    ours, theirs = fit.predict(budget, method="law"), fit.power_laws[0].at(budget)
    if ours is None or ours.params_noise_low is None or ours.params_noise_high is None or theirs.low is None:
        return None
    if theirs.high is None or not (theirs.low > 0 and theirs.high < math.inf):
        return None
    theirs_ends = (theirs.low, theirs.high)
    halves = [math.log(high / low) / 2 for low, high in ((ours.params_noise_low, ours.params_noise_high), theirs_ends)]
    gap = abs(math.log(ours.params / theirs.value))
    return Comparison(budget, ours.params, theirs.value, gap > max(halves), gap > min(halves))


def leading(fit: Fit) -> str:
    """ "law" or "parabolas"."""
    if fit.misfit is None or fit.power_laws is None or fit.power_laws[0].vertices < FEWEST:
        return "law"
    found = compare(fit)
    return "parabolas" if found and found.apart else "law"
