"""Starting points: for each pair of exponents on a grid, the best E, A and B in closed form.

Given (alpha, beta) the law is linear in (e, a, b), so the best of them (weights 1/L^2, none negative) is a
three-variable least-squares problem with at most seven candidate supports: no iteration, no local minima. What is
left is a surface over two exponents, and its lowest valleys are where the newton starts (Golub and Pereyra 1973).
"""

from __future__ import annotations

import numpy as np

from flopsfit_tui.fit.arrays import Array
from flopsfit_tui.fit.huber import rho
from flopsfit_tui.fit.newton import HIGHEST, LOWEST, Data, residuals

GRID = np.geomspace(LOWEST[3], HIGHEST[3], 24)  # neighbours differ by 1.27
STARTS = 6
CHUNK = 2**16  # residuals at once: all of them for 100 runs; the whole grid for 1,000 would take 23 MB
STRETCH = 5.0  # a loss further than e^5 from the median counts as that far: it would drown the others


def linear_parts(alpha: Array, beta: Array, data: Data) -> Array:
    """The best (e, a, b) >= 0 for each pair of exponents; alpha, beta: (K,), answer (K, 3)."""
    relative = np.exp(-np.clip(data.log_loss, -STRETCH, STRETCH))  # 1/L
    weights = np.sqrt(data.weights) * relative
    ones = np.broadcast_to(weights, (alpha.size, data.x.size))
    columns = np.stack([ones, weights * np.exp(-np.outer(alpha, data.x)), weights * np.exp(-np.outer(beta, data.y))], 1)
    gram = np.matmul(columns, columns.transpose(0, 2, 1))
    target = np.matmul(columns, np.sqrt(data.weights))
    return nonnegative(gram, target)


def nonnegative(gram: Array, target: Array) -> Array:
    """Nonnegative least squares in three variables from its normal equations: (K, 3, 3), (K, 3) -> (K, 3)."""
    best, lowest = np.zeros_like(target), np.zeros(target.shape[0])
    for support in ((0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)):
        keep = np.array(support)
        solution = _solve(gram[:, keep[:, None], keep], target[:, keep])
        value = -(solution * target[:, keep]).sum(axis=1)  # the sum of squares, less a constant
        take = (solution > 0).all(axis=1) & (value < lowest) & np.isfinite(value)
        lowest = np.where(take, value, lowest)
        full = np.zeros_like(best)
        full[:, keep] = solution
        best = np.where(take[:, None], full, best)
    return best


def _solve(gram: Array, target: Array) -> Array:
    """Solve small symmetric systems by their adjugates; a singular one gives what it gives (inf or nan)."""
    with np.errstate(all="ignore"):
        if target.shape[1] == 1:
            return np.asarray(target / gram[:, 0])
        if target.shape[1] == 2:
            (p, q), (_, s) = gram.transpose(1, 2, 0)
            t, u = target.T
            return np.asarray(np.stack([s * t - q * u, p * u - q * t], axis=1) / (p * s - q * q)[:, None])
        rows = gram.transpose(1, 0, 2)
        adjugate = np.stack(
            [np.cross(rows[1], rows[2]), np.cross(rows[2], rows[0]), np.cross(rows[0], rows[1])], axis=1
        )
        determinant = (rows[0] * adjugate[:, 0]).sum(axis=1)
        return np.asarray((adjugate * target[:, :, None]).sum(axis=1) / determinant[:, None])


def _judged(alpha: Array, beta: Array, data: Data, delta: float | None) -> tuple[Array, Array]:
    """The nodes (K, 5) for pairs of exponents, and how badly each fits (K,)."""
    nodes = np.column_stack([linear_parts(alpha, beta, data), alpha, beta])
    r = residuals(nodes, data)
    return nodes, (data.weights * (np.abs(r) if delta is None else rho(r, delta))).sum(axis=1)


def starts(data: Data, delta: float | None) -> Array:
    """The grid's lowest valleys, best first: (K, 5), K <= STARTS. delta None judges nodes by absolute residuals."""
    alpha, beta = (side.ravel() for side in np.meshgrid(GRID, GRID, indexing="ij"))
    chunks = np.array_split(np.arange(alpha.size), -(-alpha.size * data.x.size // CHUNK))
    found = [_judged(alpha[chunk], beta[chunk], data, delta) for chunk in chunks]
    nodes, height = (np.concatenate(parts) for parts in zip(*found, strict=True))
    surface = height.reshape(GRID.size, GRID.size)
    padded = np.pad(surface, 1, constant_values=np.inf)
    neighbours = np.min(
        [
            padded[1 + i : 1 + i + GRID.size, 1 + j : 1 + j + GRID.size]
            for i in (-1, 0, 1)
            for j in (-1, 0, 1)
            if i or j
        ],
        axis=0,
    )
    valleys = np.flatnonzero((surface <= neighbours).ravel())
    order = valleys[np.argsort(height[valleys], kind="stable")][:STARTS]
    return np.asarray(nodes[order])
