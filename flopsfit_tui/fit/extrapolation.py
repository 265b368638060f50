"""What the noise does not know: how far the law itself is off where no run has been.

Laws bend. The term is a standard deviation of ln N_opt that grows with the distance from the budgets run,

    MODEL_SD sqrt(1 + ln^2(C / C_end)),

added in quadrature to that of the noise. Its size was set on four public sweeps with their later budgets predicted from
the earlier ones (docs/method.md): the smallest at which the intervals hold nine in ten of the minima measured later,
both up to x3.4 and up to x11 beyond; leaving each sweep out in turn gives 0.06 to 0.08, and the largest is taken.
"""

from __future__ import annotations

import math

from flopsfit_tui.fit.law import Interval

MODEL_SD = 0.08
NEAR = 1.05  # a budget so close to those that were run, as a factor, was run


def distance(budget: float, smallest: float | None, largest: float | None) -> float:
    """How far a budget lies outside those that were run, as a factor; 1 among them."""
    above = budget / largest if largest else 1.0
    below = smallest / budget if smallest else 1.0
    far = max(above, below)
    return far if far > NEAR else 1.0


def model_sd(far: float) -> float:
    """Standard deviation of ln N_opt from the law's own error, at so many times the budgets run; 0 among them."""
    return MODEL_SD * math.hypot(1.0, math.log(far)) if far > 1 else 0.0


def widened(interval: Interval, by: float) -> Interval:
    """Both ends further out, in logs and in quadrature; as it is by 0, or where it bounds nothing."""
    if not by or interval.low is None or interval.high is None or not (interval.low > 0 and interval.high < math.inf):
        return interval
    middle = math.log(interval.value)
    low, high = middle - math.log(interval.low), math.log(interval.high) - middle
    return Interval(interval.value, math.exp(middle - math.hypot(low, by)), math.exp(middle + math.hypot(high, by)))
