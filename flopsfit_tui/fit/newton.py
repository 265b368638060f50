"""Newton's method on Huber's loss of the log residuals, for one law or ten thousand replicates at a time.

In centred units x = ln N - mean, y = ln D - mean, a law is theta = (e, a, b, alpha, beta):

    q = e + a exp(-alpha x) + b exp(-beta y),      r = (ln L - ln q) / scale,      objective = sum_i w_i rho(r_i).

e, a and b are kept linear, so that E = 0 is an ordinary point on a bound and not minus infinity. Each step solves a
damped 5 x 5 system with the exact Hessian where that is positive definite, and with the Gauss-Newton matrix under
Huber's weights, which always is, elsewhere. Bounds are held by projection.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flopsfit_tui.fit.arrays import Array, Labels, Mask
from flopsfit_tui.fit.huber import psi, rho

P = 5
LOWEST = np.array([0.0, 0.0, 0.0, 0.01, 0.01])
HIGHEST = np.array([np.inf, np.inf, np.inf, 2.5, 2.5])
ROUNDING = 1e-8  # added to the length of the residuals, so that noise-free data can converge
BLOCK = (
    16384  # residuals handled at once: they stay in the cache (a third faster than ten thousand refits in one piece)
)


@dataclass(frozen=True)
class Data:
    """Points in centred logs. x, y: (n,); log_loss: (n,) or (R, n); weights: (n,) or (R, n).

    scale: how noisy each point is beside the typical one, (n,) or one number for all. Residuals, gradients and delta
    are in its units, so that everything made of them weighs points by their variance.
    """

    x: Array
    y: Array
    log_loss: Array
    weights: Array
    scale: Array | float = 1.0

    def take(self, rows: Mask | Labels) -> Data:
        """Some of the points; log_loss and weights of one fit."""
        scale = self.scale if isinstance(self.scale, float) else self.scale[rows]
        return Data(self.x[rows], self.y[rows], self.log_loss[rows], self.weights[rows], scale)


@dataclass(frozen=True)
class NewtonResult:
    theta: Array  # (R, 5)
    objective: Array  # (R,)
    slope: Array  # (R,) largest free component of the gradient, in units of the residuals' own length
    iterations: int

    def converged(self, slope: float = 1e-6) -> Mask:
        """Which ended where the gradient vanishes: the only word taken for it."""
        return self.slope < slope


def parts(theta: Array, data: Data) -> tuple[Array, Array, Array]:
    """u = exp(-alpha x), v = exp(-beta y), q = the law; each (R, n) for theta (R, 5)."""
    u = np.exp(-theta[:, 3:4] * data.x)
    v = np.exp(-theta[:, 4:5] * data.y)
    return u, v, np.maximum(theta[:, 0:1] + theta[:, 1:2] * u + theta[:, 2:3] * v, 1e-300)


def residuals(theta: Array, data: Data) -> Array:
    """Log residuals in units of each point's scale, (R, n)."""
    return np.asarray((data.log_loss - np.log(parts(theta, data)[2])) / data.scale)


def jacobian(theta: Array, data: Data) -> Array:
    """d ln q / d theta in units of each point's scale, (R, 5, n)."""
    u, v, q = parts(theta, data)
    a, b = theta[:, 1:2], theta[:, 2:3]
    return np.stack([np.ones_like(q), u, v, -a * u * data.x, -b * v * data.y], axis=1) / (q * data.scale)[:, None, :]


def newton(
    start: Array, data: Data, delta: Array | float, *,
    tolerance: float = 1e-18, limit: int = 200, damping: float = 1e-3,
) -> NewtonResult:  # fmt: skip
    """The nearest minimum from each start.

    start: (R, 5); delta: a number or (R,); tolerance: stop when a Newton step would lower the objective by less than
    this fraction of it; limit: at most this many steps; damping: of the first step (little, near a minimum). Rows
    are independent of each other.
    """
    theta = np.clip(np.array(start, dtype=np.float64), LOWEST, HIGHEST)
    rows = theta.shape[0]
    delta = np.broadcast_to(np.asarray(delta, dtype=np.float64), (rows,))
    size = max(1, BLOCK // data.x.size)
    with np.errstate(all="ignore"):  # a trial step may overflow; it is then no better, and is shortened
        done = [
            _polish_block(
                theta[i : i + size],
                _rows(data, slice(i, i + size)),
                delta[i : i + size],
                tolerance,
                limit,
                damping,
            )
            for i in range(0, rows, size)
        ]
    return NewtonResult(
        np.concatenate([block.theta for block in done]),
        np.concatenate([block.objective for block in done]),
        np.concatenate([block.slope for block in done]),
        max(block.iterations for block in done),
    )


def _rows(data: Data, which: slice | Labels) -> Data:
    log_loss = data.log_loss if data.log_loss.ndim == 1 else data.log_loss[which]
    weights = data.weights if data.weights.ndim == 1 else data.weights[which]
    return Data(data.x, data.y, log_loss, weights, data.scale)


def _objective(theta: Array, data: Data, delta: Array) -> Array:
    return np.asarray((data.weights * rho(residuals(theta, data), delta[:, None])).sum(axis=1))


def _polish_block(
    theta: Array, data: Data, delta: Array, tolerance: float, limit: int, first_damping: float
) -> NewtonResult:
    theta = theta.copy()
    rows = theta.shape[0]
    damping, slope = np.full(rows, first_damping), np.full(rows, np.inf)
    objective = _objective(theta, data, delta)
    active = np.arange(rows)
    iteration = 0
    while active.size and iteration < limit:
        iteration += 1
        here = data if active.size == rows else _rows(data, active)
        gradient, newton, gauss = derivatives(theta[active], here, delta[active])
        free = ~((theta[active] <= LOWEST) & (gradient > 0) | (theta[active] >= HIGHEST) & (gradient < 0))
        slope[active] = _relative_slope(gradient * free, gauss, objective[active])
        step, promised = _step(gradient, newton, gauss, free, damping[active])
        trial = np.clip(theta[active] + step, LOWEST, HIGHEST)
        value = _objective(trial, here, delta[active])
        better = value < objective[active]
        finished = promised <= tolerance * objective[active] + 1e-31
        finished |= ~better & (damping[active] > 1e8)
        moved = active[better]
        theta[moved], objective[moved] = trial[better], value[better]
        damping[active] = np.where(better, damping[active] * 0.1, np.maximum(damping[active], 1e-5) * 10)
        active = active[~finished]
    return NewtonResult(theta, objective, slope, iteration)


def derivatives(theta: Array, data: Data, delta: Array) -> tuple[Array, Array, Array]:
    """Gradient (R, 5), exact Hessian (R, 5, 5) and Gauss-Newton matrix under Huber's weights (R, 5, 5)."""
    u, v, q = parts(theta, data)
    a, b = theta[:, 1:2], theta[:, 2:3]
    r = (data.log_loss - np.log(q)) / data.scale
    pull = data.weights * psi(r, delta[:, None])
    size = np.abs(r)
    inside = size <= delta[:, None]
    huber_weight = data.weights * np.minimum(1.0, delta[:, None] / np.maximum(size, 1e-300))
    inverse = 1 / (q * data.scale)
    columns = np.empty((theta.shape[0], P, q.shape[1]))
    columns[:, 0], columns[:, 1], columns[:, 2] = inverse, u * inverse, v * inverse
    xu, yv = data.x * columns[:, 1], data.y * columns[:, 2]
    columns[:, 3], columns[:, 4] = -a * xu, -b * yv
    across = columns.transpose(0, 2, 1)
    gradient = -np.matmul(columns, pull[:, :, None])[:, :, 0]
    gauss = np.matmul(columns * huber_weight[:, None, :], across)
    newton = np.matmul(columns * (data.weights * inside + pull * data.scale)[:, None, :], across)
    # the law's own curvature: q is bilinear in (a, alpha) and (b, beta)
    for i, j, scaled, z, factor in ((1, 3, xu, data.x, a), (2, 4, yv, data.y, b)):
        mixed = (pull * scaled).sum(axis=1)
        newton[:, i, j] += mixed
        newton[:, j, i] += mixed
        newton[:, j, j] -= factor[:, 0] * (pull * scaled * z).sum(axis=1)
    return gradient, newton, gauss


def _relative_slope(gradient: Array, gauss: Array, objective: Array) -> Array:
    scale = np.sqrt(np.maximum(np.diagonal(gauss, axis1=1, axis2=2), 1e-300))
    return np.asarray((np.abs(gradient) / scale).max(axis=1) / (np.sqrt(2 * objective) + ROUNDING))


def _step(gradient: Array, newton: Array, gauss: Array, free: Mask, damping: Array) -> tuple[Array, Array]:
    """The damped step (R, 5) and how far the quadratic model says it lowers the objective (R,)."""
    diagonal = np.diagonal(gauss, axis1=1, axis2=2) + 1e-300
    scale = 1 / np.sqrt(diagonal)
    g = gradient * scale * free
    step, definite = _solve(newton, g, scale, free, damping)
    if not definite.all():
        again = ~definite
        step[again], _ = _solve(gauss[again], g[again], scale[again], free[again], np.maximum(damping[again], 1e-9))
    return step * scale, -0.5 * (g * step).sum(axis=1)


def _solve(matrix: Array, g: Array, scale: Array, free: Mask, damping: Array) -> tuple[Array, Mask]:
    """Solve (S M S + damping I) step = -g on the free coordinates; which rows of M were positive definite.

    Gaussian elimination over all rows at once: (5, 6, R) with the rows last. Without pivoting, all pivots are positive
    exactly when the matrix is positive definite.
    """
    work = np.empty((P, P + 1, g.shape[0]))
    keep = (free * scale).T
    work[:, :P] = matrix.transpose(1, 2, 0) * keep[:, None] * keep[None, :]
    work[:, P] = -g.T
    diagonal = np.arange(P)
    work[diagonal, diagonal] = np.where(free.T, work[diagonal, diagonal] + damping, 1.0)
    definite = np.ones(g.shape[0], dtype=bool)
    for k in range(P):
        good = work[k, k] > 1e-14
        definite &= good
        work[k, k:] /= np.where(good, work[k, k], 1.0)
        work[k + 1 :, k + 1 :] -= work[k + 1 :, k, None] * work[k, k + 1 :]
    step = work[:, P]
    for k in reversed(range(1, P)):
        step[:k] -= work[:k, k] * step[k]
    return step.T, definite
