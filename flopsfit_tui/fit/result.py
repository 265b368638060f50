"""What a fit says: the law, how it went, how far each number can be trusted, and what it predicts."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from flopsfit_tui.fit.arrays import Array, Mask
from flopsfit_tui.fit.cost import Cost
from flopsfit_tui.fit.intervals import Covariance, fraction, positive
from flopsfit_tui.fit.law import FitWarning, Interval, Law, Optimum, positive_budget
from flopsfit_tui.fit.optimum import slope_of_cost


@dataclass(frozen=True)
class Centre:
    """Where the fit put its origin: medians of ln N, ln D and ln L over the points it used."""

    log_params: float
    log_tokens: float
    log_loss: float

    def law(self, theta: Array) -> Law:
        e, a, b, alpha, beta = (float(value) for value in theta)
        scale = math.exp(self.log_loss)
        A, B = a * math.exp(alpha * self.log_params), b * math.exp(beta * self.log_tokens)
        return Law(E=scale * e, A=scale * A, B=scale * B, alpha=alpha, beta=beta)


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
    largest_budget: float | None = None  # the most FLOPs that any point used spent
    theta: Array | None = field(default=None, repr=False)
    covariance: Covariance | None = field(default=None, repr=False)
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
        if self.covariance is None or self.theta is None or self.centre is None:
            return best
        slope_n, slope_d, slope_l = _slopes(self.theta, self.centre, best, flops)
        params = positive(best.params, self.covariance.half_width(slope_n))
        tokens = positive(best.tokens, self.covariance.half_width(slope_d))
        loss = positive(best.loss, self.covariance.half_width(slope_l))
        return replace(
            best,
            params_low=params.low, params_high=params.high,
            tokens_low=tokens.low, tokens_high=tokens.high,
            loss_low=loss.low, loss_high=loss.high,
        )  # fmt: skip


def _slopes(theta: Array, centre: Centre, best: Optimum, flops: Cost | None) -> tuple[Array, Array, Array]:
    """d ln N_opt, d ln D_opt and d ln L_opt by d theta, each (5,): the optimum's balance, differentiated."""
    e, a, b, alpha, beta = theta
    n, d = math.log(best.params) - centre.log_params, math.log(best.tokens) - centre.log_tokens
    g1, g2 = (float(value) for value in slope_of_cost(np.array(math.log(best.params)), flops))
    balance = np.array([0.0, 1 / a, -1 / b, 1 / alpha - n, -1 / beta + d])  # of ln(marginal gain of N / of D)
    slope_n = balance / (alpha + beta * g1 + g2 / g1)
    u, v = math.exp(-alpha * n), math.exp(-beta * d)
    slope_l = np.array([1.0, u, v, -a * n * u, -b * d * v]) / (e + a * u + b * v)  # N, D fixed: the loss is flat there
    return slope_n, -g1 * slope_n, slope_l


def parameter_intervals(theta: Array, centre: Centre, covariance: Covariance | None) -> dict[str, Interval]:
    """E, A, B, alpha, beta in raw units, with intervals; E's is cut off at 0."""
    law = centre.law(theta)
    names = ("E", "A", "B", "alpha", "beta")
    if covariance is None:
        return {name: Interval(getattr(law, name)) for name in names}
    _, a, b, alpha, beta = theta
    unit = np.eye(5)
    width = covariance.half_width(unit[0]) * math.exp(centre.log_loss)
    logs = {
        "A": unit[1] / max(a, 1e-300) + unit[3] * centre.log_params,
        "B": unit[2] / max(b, 1e-300) + unit[4] * centre.log_tokens,
        "alpha": unit[3] / alpha,
        "beta": unit[4] / beta,
    }
    found = {"E": Interval(law.E, max(law.E - width, 0.0), law.E + width)}
    for name, gradient in logs.items():
        found[name] = positive(getattr(law, name), covariance.half_width(gradient))
    return found


def exponent_interval(theta: Array, covariance: Covariance | None) -> Interval:
    """a = beta / (alpha + beta), whose logit is ln beta - ln alpha."""
    alpha, beta = float(theta[3]), float(theta[4])
    value = beta / (alpha + beta)
    if covariance is None:
        return Interval(value)
    return fraction(value, covariance.half_width(np.array([0, 0, 0, -1 / alpha, 1 / beta])))
