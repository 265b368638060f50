"""What one token costs: training FLOPs per token as a smooth, increasing function of size, from counted pairs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flopsfit_tui.fit.arrays import Array

Cost = Callable[[Array], Array]  # params (any shape) -> training FLOPs per token (same shape)

# Beyond the largest measured size the slope of ln F against ln N relaxes to 1 with this length in ln N: what is not
# proportional to N (embeddings, heads, attention at a fixed context) grows as the width, that is as N^(1/2).
RELAX = 2.0


def six_n(params: Array) -> Array:
    """The rule of thumb: 2N forward, 4N backward (Kaplan et al. 2020)."""
    return 6.0 * params


@dataclass(frozen=True)
class TokenCost:
    """F(N) through measured pairs: a monotone cubic in (ln N, ln F), with a continuous slope everywhere.

    Below the smallest size the slope is constant; above the largest it relaxes to 1.
    """

    log_params: Array  # (k,), increasing
    log_flops: Array  # (k,)
    slopes: Array  # (k,), d ln F / d ln N at the knots

    def __call__(self, params: ArrayLike) -> Array:
        return np.exp(self.log_cost(np.log(np.asarray(params, dtype=np.float64))))

    def log_cost(self, n: Array) -> Array:
        """ln F at ln N = n, any shape."""
        return self.log_cost_and_slope(n)[0]

    def log_cost_and_slope(self, n: Array) -> tuple[Array, Array]:
        """ln F and d ln F / d ln N at ln N = n, any shape."""
        x, y, m = self.log_params, self.log_flops, self.slopes
        below, above = np.minimum(n - x[0], 0.0), np.maximum(n - x[-1], 0.0)
        bend = np.expm1(-above / RELAX)
        outside = m[0] * below + above - (m[-1] - 1) * RELAX * bend
        if x.size == 1:
            return np.asarray(y[0] + outside), np.ones_like(n)
        i, h, t = self._piece(n)
        s, left, right, rise = 1 - t, m[i], m[i + 1], y[i + 1] - y[i]
        middle = y[i] + t * t * (3 - 2 * t) * rise + s * t * h * (s * left - t * right)
        inner = 6 * t * s * rise / h + s * (1 - 3 * t) * left + t * (3 * t - 2) * right
        return np.asarray(middle + outside), np.asarray(np.where(above > 0, 1 + (m[-1] - 1) * (1 + bend), inner))

    def _piece(self, n: Array) -> tuple[NDArray[np.intp], Array, Array]:
        """Which piece of the cubic, its width, and how far along it (0 to 1); outside, the nearest end."""
        x = self.log_params
        inner = np.minimum(np.maximum(n, x[0]), x[-1])
        i = np.minimum(np.maximum(np.searchsorted(x, inner, side="right") - 1, 0), x.size - 2)
        h = x[i + 1] - x[i]
        return i, h, (inner - x[i]) / h


def cost_of_tokens(N: ArrayLike, flops_per_token: ArrayLike) -> TokenCost:
    """F(N) from measured pairs: N in params, flops_per_token in training FLOPs per token; both (k,), k >= 1.

    Several measurements of one size are averaged in logs. One size alone gives F proportional to N.
    Raises ValueError for different lengths, no pairs, or a value that is not positive and finite.
    """
    params = np.asarray(N, dtype=np.float64).ravel()
    flops = np.asarray(flops_per_token, dtype=np.float64).ravel()
    if params.size != flops.size or params.size == 0:
        raise ValueError(f"as many sizes as costs are needed, at least one; got {params.size} and {flops.size}")
    bad = ~(np.isfinite(params) & np.isfinite(flops) & (params > 0) & (flops > 0))
    if bad.any():
        i = int(np.argmax(bad))
        raise ValueError(f"sizes and costs must be positive; got N={params[i]!r}, FLOPs per token={flops[i]!r}")
    x, where = np.unique(np.log(params), return_inverse=True)
    y = np.bincount(where, weights=np.log(flops)) / np.bincount(where)
    return TokenCost(x, y, monotone_slopes(x, y))


def monotone_slopes(x: Array, y: Array) -> Array:
    """Slopes (k,) at the knots of a cubic that goes up and down only where the data do (Fritsch and Butland 1984)."""
    if x.size == 1:
        return np.ones(1)
    h, secant = np.diff(x), np.diff(y) / np.diff(x)
    if x.size == 2:
        return np.repeat(secant, 2)
    left, right = secant[:-1], secant[1:]
    wl, wr = 2 * h[1:] + h[:-1], h[1:] + 2 * h[:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        harmonic = (wl + wr) / (wl / left + wr / right)
    inner = np.where(left * right > 0, harmonic, 0.0)
    return np.concatenate(([_end(h[0], h[1], *secant[:2])], inner, [_end(h[-1], h[-2], *secant[:-3:-1])]))


def _end(h0: float, h1: float, s0: float, s1: float) -> float:
    """One-sided three-point slope, held to the sign and to three times the secant next to it."""
    slope = ((2 * h0 + h1) * s0 - h0 * s1) / (h0 + h1)
    if slope * s0 <= 0:
        return 0.0
    return float(3 * s0 if abs(slope) > 3 * abs(s0) and s0 * s1 < 0 else slope)
