"""Quantiles of Student's t distribution."""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=256)
def t_quantile(level: float, df: int) -> float:
    """The t with P(|T| <= t) = level: the half-width, in standard errors, of a two-sided interval.

    Raises ValueError unless 0 < level < 1 and df >= 1.
    """
    if not 0 < level < 1 or df < 1:
        raise ValueError(f"a level between 0 and 1 and df >= 1 are needed; got level={level!r}, df={df!r}")
    from scipy.special import stdtrit  # only where a fit has intervals: it takes 0.2 s to import

    return float(stdtrit(df, (1 + level) / 2))
