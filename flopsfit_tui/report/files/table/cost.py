"""The cost of a token that a table implies where it gives N, D and C: believed only beyond what rounding explains."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flopsfit_tui.fit import TokenCost, cost_of_tokens

Floats = NDArray[np.float64]
LIKE_SIX = 0.1  # how far C may be from 6ND before it is worth a note that it is not used
SAME_COST = 0.02  # C/D of one size may differ so much, by rounding to whole batches
SLACK = 1.05  # of the rounding, for the rounding of the FLOPs themselves
EXACT = 1e-3  # C and 6ND closer than this are one
FEWEST_SIZES = 4  # to tell a smooth cost from rounding


def believed_cost(N: Floats, D: Floats, C: Floats, rounding: Floats) -> tuple[TokenCost | None, str]:
    """F(N), or None for 6N, and a note.

    rounding: (n,) how far rounding may have moved each C/6ND. The simplest F that explains C/D within it is taken:
    6N, a multiple of it, a power law, a bent one; only then the counted values themselves.
    """
    per_token = C / D
    excess = np.log(per_token / (6 * N))
    may = np.maximum(SLACK * rounding, EXACT)
    if (np.abs(excess) <= may).all():
        return None, ""
    sizes, which = np.unique(N, return_inverse=True)
    spread = [np.ptp(excess[which == i]) - 2 * may[which == i].max() for i in range(sizes.size)]
    if max(spread) > SAME_COST:
        return None, _unused(excess)
    x = np.log(N) - np.log(N).mean()
    for degree in range(3 if sizes.size >= FEWEST_SIZES else 0):
        columns = np.vander(x, degree + 1)
        smooth = columns @ np.linalg.lstsq(columns / may[:, None], excess / may, rcond=None)[0]
        if float(np.max(rounding)) > EXACT and (np.abs(excess - smooth) <= may).all():
            per_token = 6 * N * np.exp(smooth)
            break
    cost = cost_of_tokens(N, per_token)
    if (np.diff(cost.log_flops) <= 0).any():
        return None, _unused(excess)
    return cost, "FLOPs per token taken from the file, not 6N"


def _unused(excess: Floats) -> str:
    off = float(np.abs(np.expm1(excess)).max())
    return "the FLOPs given are no function of params, so optima are under C = 6ND" if off > LIKE_SIX else ""


def rounding_that_counts(values: Floats, rounding: Floats) -> Floats:
    """The rounding of a column; none where each value stands for several runs: such numbers were chosen, not measured,
    and are exact, however short they are."""
    different, counts = np.unique(values, return_counts=True)
    return np.zeros_like(rounding) if np.median(counts) >= 2 or different.size == 1 else rounding
