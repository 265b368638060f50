"""Huber's loss on log residuals, and the robust scale that sets where it turns from a square into a line.

Residuals are r = ln L - ln L_hat, so 0.01 means one per cent. Huber (1964); delta = 1.345 sigma keeps 95 % of the
efficiency of least squares when the noise is normal.
"""

from __future__ import annotations

import numpy as np

from flopsfit_tui.fit.arrays import Array

TUNING = 1.345
SMALLEST_DELTA = 1e-8  # log units; noise-free data would otherwise ask for a delta of rounding errors


def rho(r: Array, delta: Array | float) -> Array:
    """r^2/2 up to delta, then the tangent line; same shape as r. delta=inf is least squares."""
    size = np.abs(r)
    inside = np.minimum(size, delta)
    return inside * (size - 0.5 * inside)


def psi(r: Array, delta: Array | float) -> Array:
    """The derivative of rho: r clipped to [-delta, delta]."""
    return np.clip(r, -delta, delta)


def robust_sigma(r: Array, fitted: int) -> float:
    """Standard deviation of the noise, from the median of the absolute residuals.

    r: (n,); fitted: how many parameters were fitted. A fit leaves about that many residuals near zero, so the
    `fitted` smallest are left out of the median (Street, Carroll and Ruppert 1988).
    """
    size = np.sort(np.abs(r))[fitted:]
    return float(np.median(size) / 0.6744897501960817) if size.size else 0.0


def adaptive_delta(r: Array, fitted: int) -> float:
    return max(TUNING * robust_sigma(r, fitted), SMALLEST_DELTA)
