"""Refits of resampled data, all solved together: the second opinion on every interval.

"pairs" draws points (or whole groups) with replacement; "wild" keeps the points and flips the signs of their
residuals, each inflated by 1/(1 - leverage) (Davidson and Flachaire 2008). Intervals are percentiles. They are
narrower than HC3's on small data, and cover less: prefer them where there are many points.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from flopsfit_tui.fit.arrays import Array, Labels
from flopsfit_tui.fit.law import Interval
from flopsfit_tui.fit.leverage import leverages
from flopsfit_tui.fit.newton import Data, newton, residuals
from flopsfit_tui.fit.quantities import Quantity
from flopsfit_tui.fit.scales import to_original_scale

TOLERANCE = 1e-8  # of the objective: 1e-4 standard errors, and half the steps of full convergence
SLOPE = 1e-3  # of a refit that has settled, before its last step


@dataclass(frozen=True)
class Replicates:
    """The laws of the refits, (R, 5) in centred units, and the level of the intervals read off them."""

    theta: Array = field(repr=False)
    level: float
    method: str
    converged: float  # share of the refits

    def interval(self, quantity: Quantity, theta: Array) -> Interval:
        """The estimate at theta (5,) with percentiles of the refits; nan in a refit counts as either end."""
        with np.errstate(all="ignore"):
            values = quantity.of(self.theta)
            estimate = float(quantity.of(theta[None])[0])
        tail = (1 - self.level) / 2
        low = np.quantile(np.where(np.isnan(values), -np.inf, values), tail, method="inverted_cdf")
        high = np.quantile(np.where(np.isnan(values), np.inf, values), 1 - tail, method="inverted_cdf")
        return to_original_scale(quantity.scale, estimate, float(low), float(high))


def bootstrap(
    theta: Array,
    data: Data,
    delta: float,
    rng: np.random.Generator,
    *,
    kind: str = "pairs",
    resamples: int = 1000,
    groups: Labels | None = None,
    level: float = 0.95,
) -> Replicates:
    """Refit resampled data from a fit's own minimum.

    theta: (5,); kind: "pairs" or "wild"; groups: (n,) whole numbers from 0, resampled (or flipped) together.
    Raises ValueError for another kind.
    """
    labels = np.arange(data.x.size) if groups is None else groups
    count = int(labels.max()) + 1
    if kind == "pairs":
        drawn = rng.multinomial(count, np.full(count, 1 / count), size=resamples)
        resampled = Data(data.x, data.y, data.log_loss, drawn[:, labels] * data.weights, data.scale)
    elif kind == "wild":
        r = residuals(theta[None], data)[0]
        inflated = r / (1 - leverages(theta, data))
        signs = rng.choice([-1.0, 1.0], size=(resamples, count))[:, labels]
        resampled = Data(data.x, data.y, data.log_loss + (inflated * signs - r) * data.scale, data.weights, data.scale)
    else:
        raise ValueError(f'a bootstrap is "pairs" or "wild"; got {kind!r}')
    starts = np.broadcast_to(theta, (resamples, theta.size))
    refits = newton(starts, resampled, delta, tolerance=TOLERANCE, damping=0.0)
    return Replicates(refits.theta, level, f"{kind} bootstrap", float(refits.converged(SLOPE).mean()))
