"""Names for the arrays that pass between the files of this room."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]
Labels: TypeAlias = NDArray[np.signedinteger[Any]]  # one whole number a row: which group it belongs to

ABSURD = 1e100  # beyond this, or below its inverse, nothing is a size, a number of tokens or a loss; its cube is finite


def usable(*columns: Array) -> Mask:
    """Rows in which every column (n,) is a positive, finite and possible number."""
    with np.errstate(invalid="ignore"):
        good = [(values > 1 / ABSURD) & (values < ABSURD) for values in columns]
        return np.asarray(np.logical_and.reduce(good))
