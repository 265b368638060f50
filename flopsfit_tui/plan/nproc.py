"""Trials that several processes train together: whether every batch has equal parts for them."""

from __future__ import annotations

from dataclasses import replace

from flopsfit_tui.core.trial import Recipe


def share_batch(recipe: Recipe, nproc: int, batch_size: int, simulated: bool = False) -> tuple[Recipe, list[str]]:
    """The recipe for so many processes a trial, and the note that says so.

    Raises ValueError where the batch has no equal parts, or its loss is not the mean over them.
    """
    if nproc == 1:
        return recipe, []
    if nproc < 1:
        raise ValueError(f"nproc_per_trial is {nproc}; give 1 or more")
    if simulated:
        raise ValueError(f"nproc_per_trial is {nproc}, and a simulated workload trains nothing; leave it out")
    if batch_size % nproc:
        fitting = ", ".join(str(n) for n in range(1, batch_size + 1) if batch_size % n == 0 and n <= 16)
        raise ValueError(
            f"a batch of {batch_size} samples has no {nproc} equal parts, one for each process of a trial; give "
            f"nproc_per_trial {fitting}, or another batch size"
        )
    if recipe.reduction == "batch":
        raise ValueError(
            f"nproc_per_trial is {nproc}, and loss_fn is no mean over the samples of a batch, so its parts have "
            "another loss than the whole; leave nproc_per_trial out"
        )
    return replace(recipe, nproc=nproc), [
        f"each trial is trained by {nproc} processes, with {batch_size // nproc} of a batch's {batch_size} samples "
        "each; the time they take to exchange gradients is not predicted"
    ]
