"""From the law's best size to one that can be built: which, on how many tokens, and what being off by one costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from flopsfit_tui.fit.cost import Cost
from flopsfit_tui.fit.law import Optimum
from flopsfit_tui.fit.optimum import log_cost
from flopsfit_tui.fit.result import Fit


@dataclass(frozen=True)
class Choice:
    """One buildable size, trained on all the tokens that the budget buys."""

    size: Any  # the setting of the workload's knob, e.g. a width
    params: float
    tokens: float
    loss: float  # by the fit
    excess: float  # nats above the fit's lowest loss for the budget


@dataclass(frozen=True)
class Recommendation:
    """What to build for a budget."""

    optimum: Optimum  # of the law, as if every size could be built
    choice: Choice
    smaller: Choice | None  # one size down
    larger: Choice | None  # one size up
    within: tuple[Choice, ...]  # all buildable sizes inside the interval of params
    beyond: float | None  # budget by the largest budget run
    at_end: str | None  # "smallest" or "largest": the law would go further than the sizes on offer


def recommend(
    fit: Fit,
    C: float,
    sizes: Sequence[Any],
    params: ArrayLike,
    *,
    flops: Cost | None = None,
    best: Optimum | None = None,
) -> Recommendation | None:
    """The buildable size that the law expects to do best with C training FLOPs; the nearest one where parabolas lead.

    sizes, params: (k,) settings of the workload's size knob and the params of each, in any order; flops: training
    FLOPs per token as a function of params (None: the fit's own, else 6N); best: `fit.predict(C, flops)`, where it is
    known already. None where the fit predicts nothing.
    ValueError for no sizes, different lengths, params that are not positive, or a budget that is not.
    """
    n = np.asarray(params, dtype=np.float64).ravel()
    if len(sizes) == 0 or len(sizes) != n.size:
        raise ValueError(f"as many sizes as params are needed, at least one; got {len(sizes)} and {n.size}")
    if not (np.isfinite(n) & (n > 0)).all():
        raise ValueError(f"params must be positive; got {n.tolist()}")
    cost = flops or fit.flops
    best = best or fit.predict(C, cost)
    if best is None or fit.law is None:
        return None
    order = np.argsort(n, kind="stable")
    log_tokens = math.log(best.budget) - log_cost(np.log(n[order]), cost)
    losses = np.atleast_1d(fit.loss(n[order], np.exp(log_tokens)))
    by_law = best.method == "law" and fit.joint is None  # else sizes and losses may be of two forms
    lowest = best.loss if by_law else (fit.joint or fit.law).optimum(best.budget, cost).loss
    choices = [
        Choice(sizes[i], float(n[i]), float(np.exp(t)), float(loss), float(loss - lowest))
        for i, t, loss in zip(order.tolist(), log_tokens, losses, strict=True)
    ]
    i = int(np.argmin(losses if by_law else np.abs(np.log(n[order] / best.params))))
    low = best.params if best.params_low is None else best.params_low
    high = best.params if best.params_high is None else best.params_high
    end = "largest" if best.params > choices[-1].params else "smallest" if best.params < choices[0].params else None
    return Recommendation(
        optimum=best,
        choice=choices[i],
        smaller=choices[i - 1] if i else None,
        larger=choices[i + 1] if i + 1 < len(choices) else None,
        within=tuple(choice for choice in choices if low <= choice.params <= high),
        beyond=best.budget / fit.largest_budget if fit.largest_budget else None,
        at_end=end,
    )
