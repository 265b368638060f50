"""Names for the arrays that pass between the files of this room."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]
Labels: TypeAlias = NDArray[np.signedinteger[Any]]  # one whole number a row: which group it belongs to
