"""The law L = E + A/N^alpha + B/D^beta, and where it puts the best size for a budget."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from flopsfit_tui.fit.arrays import Array
from flopsfit_tui.fit.cost import Cost
from flopsfit_tui.fit.optimum import best_log_params


@dataclass(frozen=True)
class Interval:
    """A value with its interval; low and high are None when the data are too few to say."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class FitWarning:
    """Something to know before believing a fit: a code that never changes, and a sentence that says what to do."""

    code: str
    message: str


@dataclass(frozen=True)
class Optimum:
    """The best size and tokens for a budget. Bounds are None when there is no interval.

    Beyond the budgets that were run, the bounds of params and tokens include the error of the law itself; those of the
    noise alone, which more runs there can narrow, stand beside them.
    """

    budget: float  # training FLOPs
    params: float
    params_low: float | None
    params_high: float | None
    tokens: float
    tokens_low: float | None
    tokens_high: float | None
    tokens_per_param: float
    loss: float
    loss_low: float | None
    loss_high: float | None
    params_noise_low: float | None = None
    params_noise_high: float | None = None
    tokens_noise_low: float | None = None
    tokens_noise_high: float | None = None
    params_bent_low: float | None = None  # if the law bends as the runs do that do not follow it
    params_bent_high: float | None = None
    method: str = "law"  # or "parabolas", where they lead


@dataclass(frozen=True)
class Law:
    """L(N, D) = E + A/N^alpha + B/D^beta, in raw units of N (params), D (tokens) and L (nats per token)."""

    E: float
    A: float
    B: float
    alpha: float
    beta: float

    def loss(self, N: ArrayLike, D: ArrayLike) -> Array:
        """Loss at sizes N and tokens D, broadcast against each other; a numpy scalar for two numbers."""
        n, d = np.log(np.asarray(N, dtype=np.float64)), np.log(np.asarray(D, dtype=np.float64))
        with np.errstate(over="ignore"):
            value = self.E + np.exp(_log(self.A) - self.alpha * n) + np.exp(_log(self.B) - self.beta * d)
        return np.asarray(value, dtype=np.float64)[()]

    @property
    def exponent(self) -> float:
        """a in N_opt ~ C^a under C = 6ND: beta / (alpha + beta)."""
        return self.beta / (self.alpha + self.beta)

    def optimum(self, C: float, flops: Cost | None = None) -> Optimum:
        """The size and tokens of the lowest loss that C training FLOPs buy, C = F(N) D.

        flops: training FLOPs per token as a function of params (vectorised); None is 6N. Raises ValueError for a
        budget that is not positive, or a law in which one of the two terms is missing.
        """
        budget = positive_budget(C)
        if self.A <= 0 or self.B <= 0:
            raise ValueError(f"a law with A={self.A:g} and B={self.B:g} has no best size: both must be positive")
        theta = np.array([self.E, self.A, self.B, self.alpha, self.beta])
        n, log_cost = best_log_params(theta, math.log(budget), flops)
        params, tokens = float(np.exp(n)), float(np.exp(math.log(budget) - log_cost))
        loss = float(self.loss(params, tokens))
        return Optimum(budget, params, None, None, tokens, None, None, tokens / params, loss, None, None)

    def log_best_params(self, budgets: Array, flops: Cost | None = None) -> Array:
        """ln N_opt at each of several budgets (k,), (k,): as `optimum`, in the time of one. A and B are positive."""
        theta = np.tile([self.E, self.A, self.B, self.alpha, self.beta], (len(budgets), 1))
        return best_log_params(theta, np.log(budgets), flops)[0]


def positive_budget(C: float) -> float:
    budget = float(C)
    if not (math.isfinite(budget) and budget > 0):
        raise ValueError(f"a budget is a positive number of FLOPs; got {C!r}")
    return budget


def _log(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf
