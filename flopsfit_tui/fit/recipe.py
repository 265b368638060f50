"""What a recipe loses by its learning rate at some points, what that does to N_opt, and a rate rule that loses less.

At each point the log of the loss is a parabola in the log of the rate. Three rates give its curvature with much noise,
so that each is shrunk towards their weighted mean by as much as they differ no more than noise (DerSimonian and Laird
1986). What the planned rate loses is b^2 / 4k, b the slope there and k the curvature, less what noise alone would give.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flopsfit_tui.fit.arrays import Array
from flopsfit_tui.fit.leverage import inverse_gram
from flopsfit_tui.fit.newton import Data, jacobian
from flopsfit_tui.fit.quantities import optimum, value_and_gradient
from flopsfit_tui.fit.result import Fit

MAX_EXTRAPOLATION = (
    1.5  # times the step between two rates: a best rate further out is not found, only on which side it lies
)
CERTAIN = 2.0  # standard errors from which on a power of the steps is taken


@dataclass(frozen=True)
class RateCurve:
    """What was measured at one point: log rates beside the planned one, and the log losses there."""

    offsets: Array  # (n,) ln(rate / planned rate)
    log_losses: Array  # (n,)
    log_steps: float  # ln of the optimizer steps
    log_rate: float  # ln of the planned peak rate


@dataclass(frozen=True)
class RateLoss:
    """What the planned rate loses at one point."""

    lost: float  # of the loss, as a share: .01 is one per cent; noise can make it negative
    lost_error: float  # standard error
    best: float  # ln(best rate / planned rate), at most MAX_EXTRAPOLATION steps away
    best_error: float
    beyond: bool  # the best rate lies further away than that, and at least this is lost
    curvature: float  # ln L = ... + curvature ln(rate / best)^2


@dataclass(frozen=True)
class RatePower:
    """ln(best rate) = log_rate + power ln(steps / base_steps), and its standard errors."""

    log_rate: float
    log_rate_error: float
    power: float
    power_error: float
    base_steps: int
    left: tuple[float, ...]  # what it loses at each point, as a share


def rate_losses(curves: Sequence[RateCurve]) -> tuple[list[RateLoss | None], float | None]:
    """What is lost at each point (None where two rates or more are missing), and the noise of a trial, in log loss.

    The noise is that of repeats of a rate at a point; without them it is what parabolas of one curvature leave. Nothing
    is known (None everywhere) where neither is there, or where losses do not rise on both sides of a best rate.
    """
    usable = [i for i, c in enumerate(curves) if np.unique(c.offsets).size >= 2]
    noise = _noise([curves[i] for i in usable])
    found: list[RateLoss | None] = [None] * len(curves)
    if noise is None or not usable:
        return found, noise
    variance = max(noise, 1e-6) ** 2
    bends = {i: _curvature(curves[i], variance) for i in usable if np.unique(curves[i].offsets).size >= 3}
    shrunk = _shrink(list(bends.values()))
    if shrunk is None:
        return found, noise
    each, mean = shrunk
    known = dict(zip(bends, each, strict=True))
    for i in usable:
        found[i] = _lost(curves[i], *known.get(i, mean), variance)
    return found, noise


def _noise(curves: Sequence[RateCurve]) -> float | None:
    """Standard deviation of a trial's log loss."""
    squares, free = 0.0, 0
    for curve in curves:
        for offset in np.unique(curve.offsets):
            same = curve.log_losses[curve.offsets == offset]
            squares += float(((same - same.mean()) ** 2).sum())
            free += same.size - 1
    if free >= 2:
        return math.sqrt(squares / free)
    rows = sum(c.offsets.size for c in curves)
    free = rows - 2 * len(curves) - 1
    if free < 2:
        return None
    design = np.zeros((rows, 2 * len(curves) + 1))
    at = 0
    for k, curve in enumerate(curves):
        here = slice(at, at + curve.offsets.size)
        design[here, 2 * k], design[here, 2 * k + 1], design[here, -1] = 1, curve.offsets, curve.offsets**2
        at += curve.offsets.size
    y = np.concatenate([c.log_losses for c in curves])
    rest = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    return math.sqrt(float(rest @ rest) / free)


def _curvature(curve: RateCurve, variance: float) -> tuple[float, float]:
    """The second power's coefficient at one point, and its variance."""
    design = np.stack([np.ones_like(curve.offsets), curve.offsets, curve.offsets**2], axis=1)
    inverse = np.linalg.pinv(design.T @ design)
    return float((inverse @ design.T @ curve.log_losses)[2]), variance * float(inverse[2, 2])


def _shrink(bends: Sequence[tuple[float, float]]) -> tuple[list[tuple[float, float]], tuple[float, float]] | None:
    """Curvatures and variances drawn towards their mean, and the mean; None where they are not above zero."""
    if not bends:
        return None
    value, variance = np.array(bends).T
    weights = 1 / variance
    mean = float(weights @ value / weights.sum())
    spare = weights.sum() - (weights**2).sum() / weights.sum()
    between = max(0.0, float(weights @ (value - mean) ** 2 - (value.size - 1)) / spare) if value.size > 1 else 0.0
    if between:
        weights = 1 / (variance + between)
        mean = float(weights @ value / weights.sum())
    error = float(1 / weights.sum())
    if mean <= 2 * math.sqrt(error):
        return None
    share = between / (between + variance)
    each = share * value + (1 - share) * mean
    spread = share * variance + (1 - share) ** 2 * error
    least = mean / 4  # a curvature near zero would put the best rate anywhere
    return list(zip(np.maximum(each, least).tolist(), spread.tolist(), strict=True)), (mean, error + between)


def _lost(curve: RateCurve, bend: float, bend_variance: float, variance: float) -> RateLoss:
    x, y = curve.offsets, curve.log_losses - bend * curve.offsets**2
    middle = x - x.mean()
    slope = float(middle @ y / (middle @ middle))
    slope_variance = variance / float(middle @ middle)
    best = -slope / (2 * bend)
    best_error = math.sqrt(slope_variance + (slope / bend) ** 2 * bend_variance) / (2 * bend)
    limit = MAX_EXTRAPOLATION * float(np.diff(np.unique(x)).max())
    beyond = abs(best) > limit
    best = max(-limit, min(limit, best))
    lost = -(slope * best + bend * best**2) - slope_variance / (4 * bend)
    error = math.sqrt(
        (slope / (2 * bend)) ** 2 * slope_variance
        + (slope**2 / (4 * bend**2)) ** 2 * bend_variance
        + (slope_variance / bend) ** 2 / 8
    )
    return RateLoss(lost, error, best, best_error, beyond, bend)


def rate_power(curves: Sequence[RateCurve], losses: Sequence[RateLoss | None]) -> RatePower | None:
    """The power of the steps through the best rates, weighed by their errors; power 0 where it is not certain.

    None where fewer than two points say anything.
    """
    pairs = [(c, lost) for c, lost in zip(curves, losses, strict=True) if lost is not None]
    if len(pairs) < 2:
        return None
    steps = np.array([c.log_steps for c, _ in pairs])
    best = np.array([c.log_rate + lost.best for c, lost in pairs])
    weights = np.array([1 / lost.best_error**2 for _, lost in pairs])
    base = _round(math.exp(float(steps.mean())))
    x = steps - math.log(base)
    design = np.stack([np.ones_like(x), x], axis=1)
    inverse = np.linalg.pinv(design.T @ (weights[:, None] * design))
    rate, power = inverse @ design.T @ (weights * best)
    excess = max(1.0, float(weights @ (best - rate - power * x) ** 2) / max(1, len(pairs) - 2))
    rate_error, power_error = np.sqrt(np.diag(inverse) * excess)
    if len(pairs) < 3 or abs(power) < CERTAIN * power_error or np.ptp(x) < math.log(2):
        rate, power = float(weights @ best / weights.sum()), 0.0
        rate_error = math.sqrt(excess / weights.sum())
    left = [
        lost.curvature * (c.log_rate + lost.best - rate - power * z) ** 2 for (c, lost), z in zip(pairs, x, strict=True)
    ]
    return RatePower(float(rate), float(rate_error), float(power), float(power_error), base, tuple(map(float, left)))


def _round(steps: float) -> int:
    """To two digits: a number to write down."""
    return max(1, int(float(f"{steps:.2g}")))


def optimum_shift(fit: Fit, budget: float, N: Array, D: Array, log_excess: Array) -> tuple[float, Array] | None:
    """How far ln N_opt at a budget moves, to first order, when runs lose `log_excess` (n,) in log loss.

    N, D: (n,) params and tokens of the runs. Returns the shift and its derivative (n,) by each run's excess; None where
    there is no law. A least-squares fit follows its data by (J'J)^-1 J', J the Jacobian of ln L in the law's numbers.
    """
    law, centre, theta = fit.law, fit.centre, fit.theta
    if law is None or centre is None or theta is None or law.A <= 0 or law.B <= 0:
        return None
    x, y = np.log(N) - centre.log_params, np.log(D) - centre.log_tokens
    slopes = np.asarray(jacobian(theta[None], Data(x, y, np.zeros_like(x), np.ones_like(x)))[0].T)
    _, gradient = value_and_gradient(optimum(centre, math.log(budget), fit.flops)["params"], theta)
    weights = np.asarray(slopes @ inverse_gram(slopes) @ gradient)
    return float(weights @ log_excess), weights
