"""Which trial next: the one that narrows the interval of N_opt at a target most for what it costs.

To first order the variance of ln N_opt at the target is s^2 g'I g, with g its gradient in the law's parameters and
I = (J'J)^-1 over the runs there are, each weighed by its noise. One more run with gradient j takes
s^2 (j'I g)^2 / (1 + j'I j) off it (Sherman and Morrison 1950): a sequential c-optimal design (Elfving 1952).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from flopsfit_tui.fit.arrays import Array
from flopsfit_tui.fit.leverage import inverse_gram
from flopsfit_tui.fit.newton import Data, jacobian
from flopsfit_tui.fit.quantities import Centre, optimum, value_and_gradient
from flopsfit_tui.fit.result import Fit


@dataclass(frozen=True)
class NextTrial:
    """A proposal, and what it promises."""

    index: int  # among the candidates
    before: float  # upper by lower end of the interval of N_opt at the target, as it stands
    after: float  # the same, once this trial and those proposed before it are in


def interval_factor(fit: Fit, target: float) -> float:
    """Upper by lower end of the noise interval of N_opt at a budget of `target` FLOPs; inf where there is none."""
    best = fit.predict(target)
    if best is None:
        return math.inf
    low, high = best.params_noise_low or best.params_low, best.params_noise_high or best.params_high
    return math.inf if low is None or high is None else high / low


def next_trials(
    fit: Fit,
    N: ArrayLike,
    D: ArrayLike,
    target: float,
    candidate_params: ArrayLike,
    candidate_tokens: ArrayLike,
    prices: ArrayLike,
    count: int = 1,
    repeats: Sequence[int] = (),
) -> list[NextTrial]:
    """The best `count` candidates, one after the other, each given those before it; none where there is no law.

    N, D: (n,) params and tokens of the runs fitted and of those on their way; target: FLOPs; candidate_params,
    candidate_tokens, prices: (k,) of each candidate, prices in any unit (FLOPs or seconds); repeats: (k,) how many runs
    a candidate has already: a new place is taken before another run of an old one unless that promises (1 + runs) times
    as much, because runs of one place cannot show that the law bends between them.
    """
    law, centre = fit.law, fit.centre
    given = (candidate_params, candidate_tokens, prices)
    n, d, price = (np.asarray(values, dtype=np.float64).ravel() for values in given)
    if law is None or centre is None or fit.theta is None or law.A <= 0 or law.B <= 0 or n.size == 0:
        return []
    with np.errstate(all="ignore"):
        ours = _slopes(fit, centre, np.asarray(N, dtype=np.float64), np.asarray(D, dtype=np.float64))
        theirs = _slopes(fit, centre, n, d)
        _, slope = value_and_gradient(optimum(centre, math.log(target), fit.flops)["params"], fit.theta)
        inverse = inverse_gram(ours)
        whole = now = float(slope @ inverse @ slope)
        before = after = interval_factor(fit, target)
        runs = np.zeros(n.size) if not len(repeats) else np.asarray(repeats, dtype=np.float64)
        found = []
        for _ in range(count):
            pull = theirs @ inverse
            gain = (pull @ slope) ** 2 / (1 + np.einsum("ij,ij->i", pull, theirs))
            worth = gain / price / (1 + runs)
            if not np.isfinite(worth).any():
                break
            best = int(np.nanargmax(worth))
            now = max(now - float(gain[best]), 0.0)
            inverse = inverse - np.outer(pull[best], pull[best]) / (1 + float(pull[best] @ theirs[best]))
            runs[best] += 1
            after, last = math.exp(math.log(before) * math.sqrt(now / whole)) if before < math.inf else math.inf, after
            found.append(NextTrial(best, last, after))
    return found


def _slopes(fit: Fit, centre: Centre, n: Array, d: Array) -> Array:
    """d ln L / d theta at each run in units of its noise, (n, 5)."""
    assert fit.theta is not None
    x, y = np.log(n) - centre.log_params, np.log(d) - centre.log_tokens
    by_params, by_tokens = fit.noise_trend or (0.0, 0.0)
    noise = np.exp(by_params * x + by_tokens * y)
    data = Data(x, y, np.zeros_like(x), np.ones_like(x), noise)
    return np.asarray(jacobian(fit.theta[None], data)[0].T)
