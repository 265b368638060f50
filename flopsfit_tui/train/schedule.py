"""The learning rate over a trial: linear warm-up, then linear to zero.

A trial must end its schedule at its own D, or its loss is not that of a model trained on D tokens (Chinchilla, arXiv
2203.15556, section 3.1 and figure A1).
"""

from __future__ import annotations

from flopsfit_tui.core.trial import Recipe


def rate_factor(step: int, steps: int, recipe: Recipe) -> float:
    """The share of the peak rate used in `step` (from 0) of `steps`; positive at every step."""
    warmup = min(max(recipe.warmup_steps, round(recipe.warmup_fraction * steps)), max(1, steps // 2))
    if step < warmup:
        return (step + 1) / warmup
    return (steps - step) / (steps - warmup)
