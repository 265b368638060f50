"""What a fit says: the law, how it went, how far each number can be trusted, and what it predicts."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from flopsfit_tui.fit.arrays import Array, Mask
from flopsfit_tui.fit.cost import Cost
from flopsfit_tui.fit.law import FitWarning, Interval, Law, Optimum, positive_budget
from flopsfit_tui.fit.parabola import Parabola, PowerLaw
from flopsfit_tui.fit.quantities import EXPONENT, Centre, Quantity, optimum, parameters


class Spread(Protocol):
    """What knows how far a fit can be off: a covariance, or the refits of a bootstrap."""

    @property
    def method(self) -> str: ...

    def interval(self, quantity: Quantity, theta: Array) -> Interval: ...


@dataclass(frozen=True)
class Fit:
    """A fitted law, or the reason why there is none.

    status is "converged", "at_bound" (an exponent or a term at the edge of what is allowed), "not_converged",
    "too_few" (points) or "one_budget"; law is None for the last two. Masks and residuals have one entry per row given.
    """

    law: Law | None
    status: str
    warnings: tuple[FitWarning, ...]
    excluded: Mask  # (n,) rows not used: not finite, not positive, or no better than untrained
    flagged: Mask  # (n,) rows used, but more than 4.5 sigma off the law
    residuals: Array  # (n,) ln L - ln law, nan where excluded
    sigma: float | None  # robust noise, in log loss: 0.01 is one per cent
    delta: float | None  # where Huber's loss turned into a line, in log loss
    objective: float | None  # sum of Huber's loss over the points used
    method: str | None  # how the intervals were made: HC3, CR3, Gauss-Newton; None where there are none
    parameters: dict[str, Interval] = field(default_factory=dict)  # E, A, B, alpha, beta
    exponent: Interval | None = None  # a in N_opt ~ C^a, under C = 6ND
    exponent_without_flagged: Interval | None = None  # the same fit on the rows that are not flagged
    flops: Cost | None = None  # cost of a token used by predict, unless it is given another
    smallest_budget: float | None = None  # the least FLOPs that any point used spent
    largest_budget: float | None = None  # the most
    bounds_hit: tuple[str, ...] = ()  # which of alpha and beta are at the edge of what is allowed
    parabolas: tuple[Parabola, ...] = ()  # approach 2: one a budget
    power_laws: tuple[PowerLaw, PowerLaw] | None = None  # through their vertices: of N_opt and of D_opt
    theta: Array | None = field(default=None, repr=False)
    spread: Spread | None = field(default=None, repr=False)
    centre: Centre | None = field(default=None, repr=False)

    @property
    def points(self) -> int:
        """How many rows the fit used."""
        return int((~self.excluded).sum())

    def predict(self, C: float, flops: Cost | None = None) -> Optimum | None:
        """Best size, tokens and loss for C training FLOPs, with intervals where the data allow them.

        flops: training FLOPs per token as a function of params; None is the cost the fit was made with, else 6N.
        None when there is no law, or its loss does not depend on both size and tokens. Raises ValueError for a
        budget that is not positive.
        """
        budget = positive_budget(C)
        flops = flops or self.flops
        if self.law is None or self.law.A <= 0 or self.law.B <= 0:
            return None
        best = self.law.optimum(budget, flops)
        if self.spread is None or self.theta is None or self.centre is None:
            return best
        asked = optimum(self.centre, math.log(budget), flops)
        params, tokens, loss = (self.spread.interval(asked[name], self.theta) for name in ("params", "tokens", "loss"))
        return replace(
            best,
            params_low=params.low, params_high=params.high,
            tokens_low=tokens.low, tokens_high=tokens.high,
            loss_low=loss.low, loss_high=loss.high,
        )  # fmt: skip


def law_of(theta: Array, centre: Centre) -> Law:
    """A law in centred units (5,), in raw ones."""
    e, a, b, alpha, beta = (float(value) for value in theta)
    scale = math.exp(centre.log_loss)
    with np.errstate(over="ignore"):
        A, B = a * np.exp(alpha * centre.log_params), b * np.exp(beta * centre.log_tokens)
    return Law(E=scale * e, A=float(scale * A), B=float(scale * B), alpha=alpha, beta=beta)


def parameter_intervals(theta: Array, centre: Centre, spread: Spread | None) -> dict[str, Interval]:
    """E, A, B, alpha, beta in raw units, with intervals where there is a spread."""
    if spread is None:
        law = law_of(theta, centre)
        return {name: Interval(getattr(law, name)) for name in ("E", "A", "B", "alpha", "beta")}
    return {name: spread.interval(quantity, theta) for name, quantity in parameters(centre).items()}


def exponent_interval(theta: Array, spread: Spread | None) -> Interval:
    """a = beta / (alpha + beta)."""
    return Interval(float(theta[4] / (theta[3] + theta[4]))) if spread is None else spread.interval(EXPONENT, theta)
