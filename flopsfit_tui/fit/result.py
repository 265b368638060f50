"""What a fit says: the law, how it went, how far each number can be trusted, and what it predicts."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from flopsfit_tui.fit.arrays import Array, Mask
from flopsfit_tui.fit.bends import Bend
from flopsfit_tui.fit.bent import BentLaw
from flopsfit_tui.fit.cost import Cost
from flopsfit_tui.fit.extrapolation import distance, model_sd, widened
from flopsfit_tui.fit.joint import JointForm
from flopsfit_tui.fit.law import FitWarning, Interval, Law, Optimum, positive_budget
from flopsfit_tui.fit.leading import leading
from flopsfit_tui.fit.optimum import log_cost
from flopsfit_tui.fit.parabola import Parabola
from flopsfit_tui.fit.power_law import PowerLaw
from flopsfit_tui.fit.quantities import EXPONENT, Centre, Quantity, optimum, parameters

Z = 1.96  # of the model error, whose size is taken as known
UNBOUNDED = 1e6  # ends of an interval so far apart, as a factor


class Uncertainty(Protocol):
    """What knows how far a fit can be off: a covariance, or the refits of a bootstrap."""

    @property
    def method(self) -> str: ...

    def interval(self, quantity: Quantity, theta: Array) -> Interval: ...


def _no_rows() -> Mask:
    return np.zeros(0, dtype=bool)


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
    sigma: float | None  # robust noise of the typical point, in log loss: 0.01 is one per cent
    delta: float | None  # where Huber's loss turned into a line, in log loss
    objective: float | None  # sum of Huber's loss over the points used
    method: str | None  # how the intervals were made: HC3, CR3, Gauss-Newton; None where there are none
    noise_trend: tuple[float, float] | None = None  # noise goes as N^first D^second; None where it is taken as equal
    parameters: dict[str, Interval] = field(default_factory=dict)  # E, A, B, alpha, beta
    exponent: Interval | None = None  # a in N_opt ~ C^a, under C = 6ND
    exponent_without_flagged: Interval | None = None  # the same fit on the rows that are not flagged
    flops: Cost | None = None  # cost of a token used by predict, unless it is given another
    smallest_budget: float | None = None  # the least FLOPs that any point used spent, or was planned to
    largest_budget: float | None = None  # the most
    bounds_hit: tuple[str, ...] = ()  # which of alpha and beta are at the edge of what is allowed
    parabolas: tuple[Parabola, ...] = ()  # approach 2: one a budget
    power_laws: tuple[PowerLaw, PowerLaw] | None = None  # through their vertices: of N_opt and of D_opt
    left_out: Mask = field(default_factory=_no_rows)  # (n,) rows that could be used: outliers, and those asked for
    outliers: Mask = field(default_factory=_no_rows)  # (n,) of them, those that the rule for outliers left out
    with_outliers: Fit | None = field(default=None, repr=False)  # the answer with the outliers, where there are any
    bends: tuple[Bend, ...] = ()  # the score test: departures from the law, the strongest first
    joint: JointForm | None = field(
        default=None, repr=False
    )  # the second form, where it was asked for or its score fires
    bent: BentLaw | None = field(
        default=None, repr=False
    )  # the law with its bends, where the score test finds a misfit
    form: str | None = None  # what was asked for: additive, joint, or None
    theta: Array | None = field(default=None, repr=False)
    spread: Uncertainty | None = field(default=None, repr=False)
    centre: Centre | None = field(default=None, repr=False)

    @property
    def misfit(self) -> Bend | None:
        """The strongest departure from the law, where it is more than noise."""
        return self.bends[0] if self.bends and self.bends[0].found else None

    @property
    def points(self) -> int:
        """How many rows the fit used."""
        return int(self.used.sum())

    @property
    def used(self) -> Mask:
        """(n,) the rows that the law was fitted to."""
        return ~(self.excluded | self.left_out) if self.left_out.size else ~self.excluded

    @cached_property
    def leading(self) -> str:
        """Which answer `predict` gives: "law", or "parabolas" where the law does not fit and they say otherwise."""
        return leading(self)

    @property
    def leading_exponent(self) -> Interval | None:
        """a in N_opt ~ C^a by the leading answer, under the cost of the runs for parabolas, 6N for the law."""
        return self.power_laws[0].exponent if self.power_laws and self.leading == "parabolas" else self.exponent

    def loss(self, N: ArrayLike, D: ArrayLike) -> Array:
        """Loss at sizes N and tokens D, broadcast: by the second form where there is one, else by the law.

        Raises ValueError where there is neither.
        """
        form = self.joint or self.law
        if form is None:
            raise ValueError("these runs gave no law, so that no loss can be said")
        return np.asarray(form.loss(N, D))[()]

    def predict(self, C: float, flops: Cost | None = None, *, method: str | None = None) -> Optimum | None:
        """Best size, tokens and loss for C training FLOPs, with intervals where the data allow them.

        flops: training FLOPs per token as a function of params; None is the cost the fit was made with, else 6N.
        method: "law" or "parabolas"; None is the leading one. None when there is no law, its loss does not depend on
        both size and tokens, or its best size would be less than one parameter or one token. Bounds further apart than
        a factor of a million bound nothing, and are None. Raises ValueError for a budget that is not positive.
        """
        budget = positive_budget(C)
        flops = flops or self.flops
        if self.law is None or self.law.A <= 0 or self.law.B <= 0:
            return None
        best = self._best(budget, flops, method or self.leading)
        if best.params < 1 or best.tokens < 1:
            return None
        if self.spread is None or self.theta is None or self.centre is None:
            return best
        asked = optimum(self.centre, math.log(budget), flops)
        if best.method == "parabolas" and self.power_laws is not None:
            params = self.power_laws[0].at(budget)
            tokens = _tokens(params, budget, flops)
        else:
            params, tokens = (
                _moved_to(self.spread.interval(asked[name], self.theta), value)
                for name, value in (("params", best.params), ("tokens", best.tokens))
            )
        if self.joint is not None:
            loss = self.joint.loss_interval(best.params, best.tokens)
        else:
            loss = _moved_to(self.spread.interval(asked["loss"], self.theta), best.loss)
        model = Z * model_sd(distance(budget, self.smallest_budget, self.largest_budget))
        wide_params, wide_tokens = (_bounding(widened(x, model)) for x in (params, tokens))
        params, tokens, loss = _bounding(params), _bounding(tokens), _bounding(loss)
        bent = self.bent.best_size(budget, self._by_law(best, flops).params, flops) if self.bent else None
        return replace(
            best,
            params_low=wide_params.low, params_high=wide_params.high,
            tokens_low=wide_tokens.low, tokens_high=wide_tokens.high,
            loss_low=loss.low, loss_high=loss.high,
            params_noise_low=params.low, params_noise_high=params.high,
            tokens_noise_low=tokens.low, tokens_noise_high=tokens.high,
            params_bent_low=bent.low if bent else None, params_bent_high=bent.high if bent else None,
        )  # fmt: skip

    def _by_law(self, best: Optimum, flops: Cost | None) -> Optimum:
        """The law's own optimum at the budget of an optimum."""
        assert self.law is not None
        return best if best.method == "law" and self.joint is None else self.law.optimum(best.budget, flops)

    def _best(self, budget: float, flops: Cost | None, method: str) -> Optimum:
        """The optimum without intervals: the size by the law, the second form or the parabolas, and the loss there."""
        assert self.law is not None
        if method == "parabolas" and self.power_laws is not None:
            params = float(self.power_laws[0](budget))
            tokens = budget / float(np.exp(log_cost(np.log(params), flops)))
            nothing = (None, None)
            loss = float(self.law.loss(params, tokens))
            best = Optimum(budget, params, *nothing, tokens, *nothing, tokens / params, loss, *nothing, method=method)
        elif self.form == "joint" and self.joint is not None:
            best = self.joint.optimum(budget, flops)
        else:
            best = self.law.optimum(budget, flops)
        return best if self.joint is None else replace(best, loss=float(self.loss(best.params, best.tokens)))


def _moved_to(interval: Interval, value: float) -> Interval:
    """The same interval, as factors, about another value."""
    if interval.low is None or interval.high is None or not interval.value > 0:
        return Interval(value)
    if value == interval.value:
        return interval
    return Interval(value, interval.low * value / interval.value, interval.high * value / interval.value)


def _tokens(params: Interval, budget: float, flops: Cost | None) -> Interval:
    """The tokens that a budget buys at the size, and at the ends of its interval."""

    def at(n: float) -> float:
        return budget / float(np.exp(log_cost(np.log(n), flops)))

    if params.low is None or params.high is None or not (params.low > 0 and params.high < math.inf):
        return Interval(at(params.value))
    return Interval(at(params.value), at(params.high), at(params.low))


def _bounding(found: Interval) -> Interval:
    """The interval, or none where its ends say nothing."""
    if found.low is None or found.high is None:
        return found
    bounds = found.low > 0 and math.isfinite(found.high) and found.high < UNBOUNDED * found.low
    return found if bounds else Interval(found.value)


def law_of(theta: Array, centre: Centre) -> Law:
    """A law in centred units (5,), in raw ones."""
    e, a, b, alpha, beta = (float(value) for value in theta)
    scale = math.exp(centre.log_loss)
    with np.errstate(over="ignore"):
        A, B = a * np.exp(alpha * centre.log_params), b * np.exp(beta * centre.log_tokens)
    return Law(E=scale * e, A=float(scale * A), B=float(scale * B), alpha=alpha, beta=beta)


def parameter_intervals(theta: Array, centre: Centre, spread: Uncertainty | None) -> dict[str, Interval]:
    """E, A, B, alpha, beta in raw units, with intervals where there is a spread."""
    if spread is None:
        law = law_of(theta, centre)
        return {name: Interval(getattr(law, name)) for name in ("E", "A", "B", "alpha", "beta")}
    found = {name: spread.interval(quantity, theta) for name, quantity in parameters(centre).items()}
    return {name: one if name == "E" else _bounding(one) for name, one in found.items()}  # E may well be near zero


def exponent_interval(theta: Array, spread: Uncertainty | None) -> Interval:
    """a = beta / (alpha + beta)."""
    return Interval(float(theta[4] / (theta[3] + theta[4]))) if spread is None else spread.interval(EXPONENT, theta)
