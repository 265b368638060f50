"""AdamW with the rate of hidden matrices scaled by their fan-in, so that one peak rate suits every width.

Under Adam an update moves each weight by about the rate, so the change of a hidden unit grows with the number of its
inputs; dividing the rate by the fan-in keeps it (Yang et al., "Tensor Programs V", arXiv 2203.03466, table 3). Vectors
and embeddings keep the base rate: their inputs do not grow. So does a head, which is measured with the base rate here.

Which parameters are hidden matrices is read off the model itself: those that grow on both sides with the knob.
"""

from __future__ import annotations

from bisect import bisect_right

import torch
from torch import nn

from flopsfit_tui.core.trial import Recipe
from flopsfit_tui.core.workload import Workload
from flopsfit_tui.train.measure import build_model

Shapes = dict[str, torch.Size]


def make_optimizer(model: nn.Module, workload: Workload, recipe: Recipe) -> torch.optim.Optimizer:
    """AdamW in parameter groups, or the workload's own; each group's `peak` is to be multiplied by the schedule.

    Without a base size every matrix counts as hidden for weight decay, and all rates are the recipe's.
    """
    if workload.optimizer is not None:
        return _own(workload.optimizer(model, recipe.learning_rate))
    base, wider = base_shapes(workload, recipe.base_size)
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        rate, decay = recipe.learning_rate, recipe.weight_decay if parameter.ndim >= 2 else 0.0
        if name in base and name in wider:
            if is_hidden(base[name], wider[name]):
                rate *= fan_in(base[name]) / fan_in(parameter.shape)
            else:
                decay = 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    return torch.optim.AdamW(
        [{"params": params, "peak": rate, "weight_decay": decay} for (rate, decay), params in groups.items()],
        betas=recipe.betas,
        fused=all(p.device.type in ("cpu", "cuda") for p in model.parameters()),
    )


def _own(optimizer: object) -> torch.optim.Optimizer:
    """A person's own optimizer: its rates as they come are the peaks."""
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise TypeError(f"the optimizer hook gave a {type(optimizer).__name__}; it must give a torch Optimizer")
    for group in optimizer.param_groups:
        group["peak"] = group["lr"]
    return optimizer


def base_shapes(workload: Workload, base_size: int | None) -> tuple[Shapes, Shapes]:
    """Parameter shapes at the base size and at the next larger one, from models on the `meta` device."""
    if base_size is None:
        return {}, {}
    sizes = workload.sizes or ()
    above = bisect_right(sizes, base_size)
    larger = sizes[above] if above < len(sizes) else 2 * base_size
    base, wider = (
        {name: p.shape for name, p in build_model(workload, size, "meta").named_parameters()}
        for size in (base_size, larger)
    )
    return base, wider


def hidden_shapes(workload: Workload, size: int) -> list[torch.Size]:
    """Shapes at `size` of the matrices that grow on both sides with the knob."""
    base, wider = base_shapes(workload, size)
    return [shape for name, shape in base.items() if name in wider and is_hidden(shape, wider[name])]


def is_hidden(base: torch.Size, wider: torch.Size) -> bool:
    """A matrix from hidden units to hidden units: both its outputs and its inputs grow with the knob."""
    return len(base) >= 2 and wider[0] > base[0] and fan_in(wider) > fan_in(base)


def fan_in(shape: torch.Size) -> int:
    """Inputs of each unit of a matrix (out, in) or a convolution (out, in, height, width)."""
    return shape[1:].numel()
