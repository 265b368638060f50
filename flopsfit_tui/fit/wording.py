"""Numbers and lists inside the sentences of warnings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flopsfit_tui.fit.arrays import Mask


def runs(mask: Mask, names: Sequence[str] | None) -> str:
    """ "run 4 is" or "3 runs (4, 9, 12) are", with names where they are known."""
    hit = [str(i + 1) if names is None else names[i] for i in np.flatnonzero(mask).tolist()]
    if len(hit) == 1:
        return f"run {hit[0]} is" if names is None else f"{hit[0]} is"
    return f"{len(hit)} runs ({few(hit)}) are"


def few(words: Sequence[str]) -> str:
    """The first eight of them."""
    return ", ".join(words[:8]) + (", ..." if len(words) > 8 else "")


def factor(value: float) -> str:
    """x2.3, x1.2e5."""
    return "x" + (f"{value:.3g}" if value < 999.5 else f"{value:.2g}").replace("e+0", "e").replace("e+", "e")


def short(value: float) -> str:
    """1.2M, 3.4e18: short enough for a sentence."""
    for limit, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if limit <= value < 1e15:
            return f"{value / limit:.3g}{unit}"
    return f"{value:.3g}".replace("e+", "e")


def compute(value: float) -> str:
    """3e10, 1.26e11: FLOPs as the field writes them."""
    mantissa, _, exponent = f"{value:.2e}".partition("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
