"""How big should my model be, and on how much data should it train?

Public names are loaded when first used: importing the package loads neither torch nor textual.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from flopsfit_tui.core.trial import Plan, Request
    from flopsfit_tui.core.workload import Source, Workload
    from flopsfit_tui.fit import fit_law
    from flopsfit_tui.workloads.gpt import GPT, GPTConfig, gpt_loss_fn

_HOME = {
    "GPT": "flopsfit_tui.workloads.gpt",
    "GPTConfig": "flopsfit_tui.workloads.gpt",
    "Plan": "flopsfit_tui.core.trial",
    "Request": "flopsfit_tui.core.trial",
    "Source": "flopsfit_tui.core.workload",
    "Workload": "flopsfit_tui.core.workload",
    "fit_law": "flopsfit_tui.fit",
    "gpt_loss_fn": "flopsfit_tui.workloads.gpt",
}

__all__ = ["GPT", "GPTConfig", "Plan", "Request", "Source", "Workload", "__version__", "fit_law", "gpt_loss_fn"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(sorted(_HOME))}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
