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
    found = _Found(theta, np.zeros(rows), np.full(rows, np.inf), np.full(rows, float(damping)))
    size, spent = max(1, BLOCK // data.x.size), 0
    left, work = np.arange(rows), np.empty((2, min(size, rows), P, data.x.size))
    with np.errstate(all="ignore"):  # a trial step may overflow; it is then no better, and is shortened
        while left.size:
            blocks = [left[i : i + size] for i in range(0, left.size, size)]
            leave = size // 4 if len(blocks) > 1 else 0  # so few go on with those of other blocks
            most = limit - spent
            ended = [_polish_block(found, block, data, delta, tolerance, most, leave, work) for block in blocks]
            left = np.concatenate([rows for rows, _ in ended])
            spent += max(iterations for _, iterations in ended)
            if spent >= limit:
                break
    return NewtonResult(found.theta, found.objective, found.slope, spent)


@dataclass(frozen=True)
class _Found:
    """What is known of each row so far; written in place."""

    theta: Array  # (R, 5)
    objective: Array  # (R,)
    slope: Array  # (R,)
    damping: Array  # (R,) of the next step


def _rows(data: Data, which: Mask | Labels) -> Data:
    log_loss = data.log_loss if data.log_loss.ndim == 1 else data.log_loss[which]
    weights = data.weights if data.weights.ndim == 1 else data.weights[which]
    return Data(data.x, data.y, log_loss, weights, data.scale)


@dataclass(frozen=True)
class _Point:
    """What a theta gives at every run, (R, n) each: needed for the objective there, and again for the step from it."""

    u: Array
    v: Array
    q: Array
    r: Array

    @classmethod
    def at(cls, theta: Array, data: Data) -> _Point:
        u, v, q = parts(theta, data)
        return cls(u, v, q, (data.log_loss - np.log(q)) / data.scale)

    def objective(self, data: Data, delta: Array) -> Array:
        return np.asarray((data.weights * rho(self.r, delta[:, None])).sum(axis=1))

    def take(self, rows: Mask) -> _Point:
        return self if rows.all() else _Point(self.u[rows], self.v[rows], self.q[rows], self.r[rows])

    def or_else(self, other: _Point, rows: Mask) -> _Point:
        """This one in some rows, the other one elsewhere."""
        if rows.all():
            return self
        mine = rows[:, None]
        pairs = ((self.u, other.u), (self.v, other.v), (self.q, other.q), (self.r, other.r))
        return _Point(*(np.where(mine, a, b) for a, b in pairs))


def _polish_block(
    found: _Found, rows: Labels, data: Data, delta: Array, tolerance: float, limit: int, leave: int, work: Array
) -> tuple[Labels, int]:
    """Step on in some rows until at most `leave` of them have not ended: which, and how many steps were made."""
    active, here = rows, _rows(data, rows)
    point = _Point.at(found.theta[active], here)
    found.objective[active] = point.objective(here, delta[active])
    iteration = 0
    while active.size > leave and iteration < limit:
        iteration += 1
        theta, objective, damping = found.theta[active], found.objective[active], found.damping[active]
        slopes = _Slopes(theta, point, here, delta[active], work)
        gradient = slopes.gradient()
        free = ~((theta <= LOWEST) & (gradient > 0) | (theta >= HIGHEST) & (gradient < 0))
        diagonal = slopes.gauss_diagonal()
        found.slope[active] = _relative_slope(gradient * free, diagonal, objective)
        step, promised = _step(gradient, slopes, diagonal, free, damping)
        trial = np.clip(theta + step, LOWEST, HIGHEST)
        there = _Point.at(trial, here)
        value = there.objective(here, delta[active])
        better = value < objective
        finished = promised <= tolerance * objective + 1e-31
        finished |= ~better & (damping > 1e8)
        moved = active[better]
        found.theta[moved], found.objective[moved] = trial[better], value[better]
        found.damping[active] = np.where(better, damping * 0.1, np.maximum(damping, 1e-5) * 10)
        point = there.or_else(point, better).take(~finished)
        if finished.any():
            active, here = active[~finished], _rows(here, ~finished)
    return active, iteration


class _Slopes:
    """Derivatives of the objective at a theta; each is computed when it is asked for."""

    def __init__(self, theta: Array, point: _Point, data: Data, delta: Array, work: Array) -> None:
        """`work`: (2, at least R, 5, n), written over. Arrays of that size, made anew, cost more than what is computed
        in them: the allocator gives each back to the system."""
        rows = theta.shape[0]
        self._theta, self._data, self._scratch = theta, data, work[1, :rows]
        size, limit = np.abs(point.r), delta[:, None]
        self._inside = size <= limit
        self._pull = data.weights * psi(point.r, limit)
        self._huber_weight = data.weights * np.minimum(1.0, limit / np.maximum(size, 1e-300))
        inverse = 1 / (point.q * data.scale)
        self._columns = columns = work[0, :rows]  # d ln q / d theta
        columns[:, 0] = inverse
        np.multiply(point.u, inverse, out=columns[:, 1])
        np.multiply(point.v, inverse, out=columns[:, 2])
        self._xu, self._yv = data.x * columns[:, 1], data.y * columns[:, 2]
        np.multiply(-theta[:, 1:2], self._xu, out=columns[:, 3])
        np.multiply(-theta[:, 2:3], self._yv, out=columns[:, 4])

    def gradient(self) -> Array:
        """(R, 5)."""
        return np.asarray(-np.matmul(self._columns, self._pull[:, :, None])[:, :, 0])

    def gauss(self, rows: Mask | slice = slice(None)) -> Array:
        """The Gauss-Newton matrix under Huber's weights, (R, 5, 5)."""
        return self._products(self._huber_weight, rows)

    def gauss_diagonal(self) -> Array:
        """(R, 5)."""
        squares = np.multiply(self._columns, self._columns, out=self._scratch)
        return np.asarray(np.matmul(squares, self._huber_weight[:, :, None])[:, :, 0])

    def _products(self, weights: Array, rows: Mask | slice = slice(None)) -> Array:
        columns, weights = self._columns[rows], weights[rows]
        weighted = np.multiply(columns, weights[:, None, :], out=self._scratch[: len(weights)])
        return np.asarray(np.matmul(weighted, columns.transpose(0, 2, 1)))

    def hessian(self) -> Array:
        """The exact one, (R, 5, 5)."""
        data, pull = self._data, self._pull
        found = self._products(data.weights * self._inside + pull * data.scale)
        # the law's own curvature: q is bilinear in (a, alpha) and (b, beta)
        for i, j, scaled, z in ((1, 3, self._xu, data.x), (2, 4, self._yv, data.y)):
            pulled = pull * scaled
            mixed = pulled.sum(axis=1)
            found[:, i, j] += mixed
            found[:, j, i] += mixed
            found[:, j, j] -= self._theta[:, i] * (pulled @ z)
        return found


def derivatives(theta: Array, data: Data, delta: Array) -> tuple[Array, Array, Array]:
    """Gradient (R, 5), exact Hessian (R, 5, 5) and Gauss-Newton matrix under Huber's weights (R, 5, 5)."""
    slopes = _Slopes(theta, _Point.at(theta, data), data, delta, np.empty((2, len(theta), P, data.x.size)))
    return slopes.gradient(), slopes.hessian(), slopes.gauss()


def _relative_slope(gradient: Array, gauss_diagonal: Array, objective: Array) -> Array:
    scale = np.sqrt(np.maximum(gauss_diagonal, 1e-300))
    return np.asarray((np.abs(gradient) / scale).max(axis=1) / (np.sqrt(2 * objective) + ROUNDING))


def _step(gradient: Array, slopes: _Slopes, gauss_diagonal: Array, free: Mask, damping: Array) -> tuple[Array, Array]:
    """The damped step (R, 5) and how far the quadratic model says it lowers the objective (R,)."""
    scale = 1 / np.sqrt(gauss_diagonal + 1e-300)
    g = gradient * scale * free
    step, definite = _solve(slopes.hessian(), g, scale, free, damping)
    if not definite.all():
        again = ~definite
        step[again], _ = _solve(
            slopes.gauss(again), g[again], scale[again], free[again], np.maximum(damping[again], 1e-9)
        )
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
