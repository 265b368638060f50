"""How big should my model be, and on how much data should it train?

Public names are loaded when first used: importing the package loads neither torch nor textual.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from flopsfit_tui.core.version import __version__

if TYPE_CHECKING:
    from flopsfit_tui.api import check_recipe, find_optimal, plan_sweep
    from flopsfit_tui.attached import AttachedSweep, attach
    from flopsfit_tui.core.experiment import Experiment
    from flopsfit_tui.core.trial import Plan, RateRule, Request
    from flopsfit_tui.core.workload import Source, Workload
    from flopsfit_tui.fit import fit_law
    from flopsfit_tui.report.result import Result
    from flopsfit_tui.workloads.cifar10 import CIFAR10Dataset
    from flopsfit_tui.workloads.gpt import GPT, GPTConfig, gpt_loss_fn
    from flopsfit_tui.workloads.tinystories import TinyStoriesDataset
    from flopsfit_tui.workloads.vit import VisionTransformer, vit_loss_fn

_HOME = {
    "AttachedSweep": "flopsfit_tui.attached",
    "attach": "flopsfit_tui.attached",
    "Experiment": "flopsfit_tui.core.experiment",
    "CIFAR10Dataset": "flopsfit_tui.workloads.cifar10",
    "GPT": "flopsfit_tui.workloads.gpt",
    "GPTConfig": "flopsfit_tui.workloads.gpt",
    "Plan": "flopsfit_tui.core.trial",
    "RateRule": "flopsfit_tui.core.trial",
    "Result": "flopsfit_tui.report.result",
    "Request": "flopsfit_tui.core.trial",
    "Source": "flopsfit_tui.core.workload",
    "TinyStoriesDataset": "flopsfit_tui.workloads.tinystories",
    "VisionTransformer": "flopsfit_tui.workloads.vit",
    "Workload": "flopsfit_tui.core.workload",
    "check_recipe": "flopsfit_tui.api",
    "find_optimal": "flopsfit_tui.api",
    "fit_law": "flopsfit_tui.fit",
    "gpt_loss_fn": "flopsfit_tui.workloads.gpt",
    "plan_sweep": "flopsfit_tui.api",
    "vit_loss_fn": "flopsfit_tui.workloads.vit",
}

__all__ = [
    "GPT",
    "AttachedSweep",
    "CIFAR10Dataset",
    "Experiment",
    "GPTConfig",
    "Plan",
    "RateRule",
    "Request",
    "Result",
    "Source",
    "TinyStoriesDataset",
    "VisionTransformer",
    "Workload",
    "__version__",
    "attach",
    "check_recipe",
    "find_optimal",
    "fit_law",
    "gpt_loss_fn",
    "plan_sweep",
    "vit_loss_fn",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(sorted(_HOME))}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
