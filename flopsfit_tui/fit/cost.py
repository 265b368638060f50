"""What one token costs: training FLOPs per token as a smooth, increasing function of size, from counted pairs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

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

    def __call__(self, params: ArrayLike) -> Array:
        return np.exp(self.log_cost(np.log(np.asarray(params, dtype=np.float64))))

    def log_cost(self, n: Array) -> Array:
        """ln F at ln N = n, any shape."""
        x, y = self.log_params, self.log_flops
        if x.size == 1:
            return np.asarray(y[0] + n - x[0])
        return np.asarray(self._inside(np.clip(n, x[0], x[-1])) + self._outside(n))

    def log_cost_and_slope(self, n: Array) -> tuple[Array, Array]:
        """ln F and d ln F / d ln N at ln N = n, any shape."""
        x, y = self.log_params, self.log_flops
        if x.size == 1:
            return np.asarray(y[0] + n - x[0]), np.ones_like(n)
        inner, above = np.clip(n, x[0], x[-1]), np.maximum(n - x[-1], 0.0)
        beyond = 1 + (self._end_slopes[1] - 1) * np.exp(-above / RELAX)
        return (
            np.asarray(self._inside(inner) + self._outside(n)),
            np.asarray(np.where(above > 0, beyond, self._inside(inner, 1))),
        )

    def _outside(self, n: Array) -> Array:
        """What ln F at ln N = n differs by from ln F at the nearest measured size; 0 between them."""
        first, last = self._end_slopes
        below, above = np.minimum(n - self.log_params[0], 0.0), np.maximum(n - self.log_params[-1], 0.0)
        return np.asarray(first * below + above - (last - 1) * RELAX * np.expm1(-above / RELAX))

    @cached_property
    def _end_slopes(self) -> tuple[float, float]:
        """d ln F / d ln N at the smallest and the largest measured size."""
        first, last = self._inside(self.log_params[[0, -1]], 1)
        return float(first), float(last)

    @cached_property
    def _inside(self) -> Callable[..., Array]:
        """ln F between the measured sizes; with 1 as its second argument its slope (Fritsch and Butland 1984)."""
        from scipy.interpolate import PchipInterpolator  # 0.2 s, and only where a cost was measured

        return PchipInterpolator(self.log_params, self.log_flops)  # type: ignore[no-any-return]


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
    return TokenCost(x, y)
