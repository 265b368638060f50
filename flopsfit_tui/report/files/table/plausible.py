"""Whether the numbers can be what they are said to be: params, tokens per parameter, and C beside 6ND."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flopsfit_tui.core.units import format_ratio
from flopsfit_tui.fit import FitWarning

Floats = NDArray[np.float64]
# Medians beyond the outer bounds are a unit gone wrong (real ones are off by 1e3 at least); between, they are said.
TOKENS_PER_PARAM = (1e-3, 0.05, 2e4, 1e5)
COST = (5e-3, 0.2, 5.0, 200.0)  # C / 6ND; a mixture of experts may be near the lower, small models near the upper
FEWEST_TOKENS, FEWEST_PARAMS = 1e3, 10.0
LARGEST_LOSS = 30.0  # nats; ln of the largest vocabulary is 13


def check(
    N: Floats, D: Floats, C: Floats | None, L: Floats, *, samples: bool, sure: bool, file: Path
) -> tuple[FitWarning, ...]:
    """Warnings of what is odd. Raises ValueError for what is absurd, unless the user named the units (sure)."""
    warnings = []
    for absurd, text in _odd(N, D, C, L, samples):
        if absurd and not sure:
            raise ValueError(
                f"{file}: {text}; a unit is missing or wrong. Write it in the header, e.g. params (M), or name it, "
                "e.g. --params 'COLUMN:M' (COLUMN:1 for as it stands, --compute none for no compute)"
            )
        warnings.append(FitWarning("units", f"{text}. Check the units of the columns."))
    return tuple(warnings)


def _odd(N: Floats, D: Floats, C: Floats | None, L: Floats, samples: bool) -> Iterator[tuple[bool, str]]:
    ratio = D / N
    median = float(np.median(ratio))
    least, low, high, most = TOKENS_PER_PARAM
    unit = "samples" if samples else "tokens"
    if not low <= median <= high:
        yield (not samples and not least <= median <= most), f"{format_ratio(median)} {unit} per parameter (the median)"
    elif not samples and ((ratio < median * 1e-5) | (ratio > median * 1e5)).any():
        yield (
            True,
            f"tokens per parameter from {format_ratio(float(ratio.min()))} to {format_ratio(float(ratio.max()))}",
        )
    if float(np.median(D)) < FEWEST_TOKENS and not samples:
        yield True, f"{float(np.median(D)):.4g} tokens (the median)"
    elif float(np.median(N)) < FEWEST_PARAMS:
        yield True, f"{float(np.median(N)):.4g} params (the median)"
    if C is not None:
        cost = float(np.median(C / (6 * N * D)))
        least, low, high, most = COST
        if not low <= cost <= high:
            yield (not samples and not least <= cost <= most), f"C is {cost:.3g} times 6ND (the median)"
    finite = L[np.isfinite(L)]
    if finite.size and float(np.median(finite)) > LARGEST_LOSS:
        yield False, f"a loss of {float(np.median(finite)):.4g} (the median) is no cross-entropy in nats per token"
