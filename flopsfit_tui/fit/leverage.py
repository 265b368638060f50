"""How much of its own residual the fit follows at each point, and the matrices that say so."""

from __future__ import annotations

import numpy as np

from flopsfit_tui.fit.arrays import Array
from flopsfit_tui.fit.newton import Data, P, jacobian

LEAST = 0.02  # 1 - leverage is taken no smaller: a point that alone fixes a parameter says nothing of its own noise


def leverages(theta: Array, data: Data) -> Array:
    """How much of each point's own residual the fit follows, (n,), at most 1 - LEAST."""
    slopes, inverse = curvature(theta, data)
    return np.asarray(np.minimum(np.einsum("ij,jk,ik->i", slopes, inverse, slopes), 1 - LEAST))


def curvature(theta: Array, data: Data) -> tuple[Array, Array]:
    """The Jacobian J (n, 5) of the log of the law, and the inverse of J'J (5, 5)."""
    slopes = jacobian(theta[None], data)[0].T
    return slopes, inverse_gram(slopes)


def inverse_gram(slopes: Array) -> Array:
    """The inverse of J'J (5, 5) for J (n, 5)."""
    length = np.sqrt((slopes**2).sum(axis=0))
    scale = 1 / np.where(length > 1e-12, length, 1.0)
    ridge = 1e-14 * np.eye(P)  # a direction that the data do not determine gets a huge variance, not an exception
    inverse = np.linalg.inv(scale[:, None] * (slopes.T @ slopes) * scale + ridge)
    return np.asarray(scale[:, None] * inverse * scale)
