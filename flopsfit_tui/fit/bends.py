"""Is it this law? A score test against five ways in which losses usually depart from it.

Each bend is a direction z = d ln L / d(bend) in which the law could be extended, at zero: what the residuals say along
it, once everything that the law itself can do is projected out, is a t statistic (Rao 1948; with the sandwich's noise).

    size       u x^2 / q                                    alpha changes with size
    tokens     v y^2 / q                                    beta changes with tokens
    joint      (u ln u + v ln v - (u+v) ln(u+v)) / q        the two terms add as (u^g + v^g)^(1/g), g not 1
    crossed    -beta x y v / q                              beta changes with size
    ends       w^3                                          sizes at the ends of the ladders, in opposite directions

with u = a exp(-alpha x), v = b exp(-beta y), q the law, x and y centred logs of N and D, w = ln N - ln D made
orthogonal to ln N + ln D. benchmarks/fit_coverage.py measures how often it warns where the law is true, and where not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flopsfit_tui.fit.arrays import Array, Labels
from flopsfit_tui.fit.huber import psi, robust_sigma
from flopsfit_tui.fit.intervals import smooth_share
from flopsfit_tui.fit.leverage import inverse_gram, leverages
from flopsfit_tui.fit.newton import Data, P, jacobian, parts, residuals
from flopsfit_tui.fit.noise import place
from flopsfit_tui.fit.quantiles import t_quantile

LEVEL = 0.99  # of each bend; five of them give a false alarm in up to one sweep of twenty
FEWEST = 12  # points; fewer leave less than six degrees of freedom
NOISE_FREE = 1e-9  # residuals down here are rounding errors
OWN = 1e-9  # what is left of a direction beside the law's own, as a share, where the law can follow it

BENDS = ("size", "tokens", "joint", "crossed", "ends")
MEANING = {
    "size": (
        "larger sizes gain {less|more} than one exponent allows",
        "a recipe that suits some sizes better (learning rate, depth, initialisation)",
        "Tune the smallest and the largest size",
    ),
    "tokens": (
        "more tokens gain {less|more} than one exponent allows",
        "a recipe that suits some lengths better (schedule, batch, warm-up), or repeated data",
        "Tune the smallest and the largest budget",
    ),
    "joint": (
        "runs short of both size and tokens lose {less|more} than the sum of the two terms",
        "terms that interact, or sizes at both ends of the ladders that are tuned badly",
        "Tune the sizes at the ends; where they are well tuned, the second form (--form joint) gives better losses",
    ),
    "crossed": (
        "tokens gain {more|less} at larger sizes",
        "terms that interact, or a batch or learning rate that suits one end of the sizes",
        "Tune the largest size at the smallest budget and the smallest at the largest",
    ),
    "ends": (
        "each budget's curve is steeper on the side of {larger|smaller} sizes than the law's",
        "sizes at one end of the ladders that are tuned badly",
        "Tune the sizes at the ends, or leave them out",
    ),
    "budgets": (  # see budget_shifts.py; a shift of all sizes moves no minimum
        "whole budgets lie off the law, all sizes together",
        "a schedule, warm-up or order of the data that suits some lengths better",
        "Tune every budget alike; the minimum of a budget does not suffer, the law's intervals do",
    ),
}


@dataclass(frozen=True)
class Bend:
    """What the residuals say of one departure from the law."""

    name: str  # one of BENDS, or "budgets"
    t: float  # above 0: the runs want more of it
    limit: float  # |t| beyond this is not noise

    @property
    def found(self) -> bool:
        return abs(self.t) > self.limit

    @property
    def meaning(self) -> str:
        """What it says of the runs, what usually causes it, and what to do, as two sentences."""
        what, cause, remedy = MEANING[self.name]
        if "{" in what:
            start, rest = what.split("{")
            words, end = rest.split("}")
            what = f"{start}{words.split('|')[0 if self.t > 0 else 1]}{end}"
        return f"{what}, usually from {cause}. {remedy}."


def score_test(theta: Array, data: Data, delta: float, groups: Labels | None = None) -> tuple[Bend, ...]:
    """The bends, the strongest first; none for fewer than 12 points, or where there are no residuals to speak of.

    theta (5,) at the fit's minimum; groups: (n,) whole numbers from 0 of points that share an error.
    """
    pull = psi(residuals(theta[None], data)[0], delta)
    points = pull.size if groups is None else int(groups.max()) + 1
    if points < FEWEST or robust_sigma(pull, P) < NOISE_FREE or (theta[1:3] <= 0).any():
        return ()
    slopes = jacobian(theta[None], data)[0].T
    z = directions(theta, data)
    share = smooth_share(theta, data, delta)
    apart = z - slopes @ (inverse_gram(slopes * np.sqrt(share)[:, None]) @ (slopes.T @ (z * share[:, None])))
    scores = apart * (pull / np.sqrt(1 - leverages(theta, data)))[:, None]
    if groups is not None:
        scores = np.array([np.bincount(groups, weights=column) for column in scores.T]).T
    length = np.sqrt((scores**2).sum(axis=0))
    own = (apart**2).sum(axis=0) <= OWN * (z**2).sum(axis=0)
    ratio = np.where(own | (length == 0), 0.0, (z * pull[:, None]).sum(axis=0) / np.where(length > 0, length, 1.0))
    # The bend itself is still in the residuals that make up the length. Taking it out, as a t of a regression does,
    # brings detection on 35 runs from 0.28 to 0.67 up to 0.49 to 0.78, and false alarms from 0.5 to 2.5 per cent.
    t = ratio * np.sqrt((points - 1) / np.maximum(points - ratio**2, 1.0))
    limit = t_quantile(LEVEL, points - 6)
    found = [Bend(name, float(value), limit) for name, value in zip(BENDS, t, strict=True)]
    return tuple(sorted(found, key=lambda bend: -abs(bend.t)))


def directions(theta: Array, data: Data) -> Array:
    """d ln L / d(bend), (n, 5), in units of each point's scale."""
    u, v, q = (values[0] for values in parts(theta[None], data))
    u, v = theta[1] * u, theta[2] * v
    x, y, w = data.x, data.y, place(data.x, data.y)
    joint = u * np.log(u) + v * np.log(v) - (u + v) * np.log(u + v)
    columns = np.column_stack([u * x * x / q, v * y * y / q, joint / q, -theta[4] * x * y * v / q, w**3])
    return np.asarray(columns / np.reshape(data.scale, (-1, 1)))
