"""A trial under the names that flops-fit gives it."""

from __future__ import annotations

from dataclasses import dataclass

from flopsfit_tui.core.sizes import Setting


@dataclass(frozen=True)
class Experiment:
    """A planned training run, as `Plan.experiments` lists it."""

    experiment_id: str
    compute_budget: float  # training FLOPs allowed
    size_param_value: Setting
    num_params: int  # N
    num_tokens: int  # D
    tokens_per_param: float
