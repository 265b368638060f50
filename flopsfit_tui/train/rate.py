"""Whether the peak learning rate of a workload can be set from outside, as trying several of them takes."""

from __future__ import annotations

from dataclasses import replace

from flopsfit_tui.core.sizes import Setting
from flopsfit_tui.core.trial import Recipe
from flopsfit_tui.core.workload import Workload
from flopsfit_tui.train.model import build_model
from flopsfit_tui.train.optim import make_optimizer


def check_rate(workload: Workload, size: Setting, recipe: Recipe) -> None:
    """Raise ValueError where the workload's own optimizer has the same rates whatever peak rate it is given."""
    if workload.optimizer is None or workload.simulate is not None:
        return
    model, halved = build_model(workload, size), replace(recipe, learning_rate=recipe.learning_rate / 2)
    peaks = [[g["peak"] for g in make_optimizer(model, workload, r).param_groups] for r in (recipe, halved)]
    if peaks[0] == peaks[1]:
        raise ValueError(
            f"the optimizer of {workload.name} has the learning rate {peaks[0][0]:g} whatever peak rate it is given, "
            "so no other can be tried; let it use its second argument as the rate"
        )
