"""AdamW with the rate of hidden matrices scaled by their fan-in, so that one peak rate suits every width.

Under Adam an update moves each weight by about the rate, so the change of a hidden unit grows with the number of its
inputs; dividing the rate by the fan-in keeps it (Yang et al., "Tensor Programs V", arXiv 2203.03466, table 3). Vectors
and embeddings keep the base rate: their inputs do not grow. So does a head, which is measured with the base rate here.

Which parameters are hidden matrices is read off the model itself: those that grow on both sides with the knob.
"""

from __future__ import annotations

import torch
from torch import nn

from flopsfit_tui.core.trial import Recipe
from flopsfit_tui.core.workload import Workload
from flopsfit_tui.train.adamw import CpuAdamW
from flopsfit_tui.train.model import build_to_look_at

Shapes = dict[str, torch.Size]


def make_optimizer(model: nn.Module, workload: Workload, recipe: Recipe) -> torch.optim.Optimizer:
    """AdamW in parameter groups, or the workload's own; each group's `peak` is to be multiplied by the schedule.

    Without a base size every matrix counts as hidden for weight decay, and all rates are the recipe's.
    """
    if workload.optimizer is not None:
        return _own(workload.optimizer(model, recipe.learning_rate))
    base, wider = base_shapes(workload, recipe)
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
    given = [{"params": params, "peak": rate, "weight_decay": decay} for (rate, decay), params in groups.items()]
    devices = {parameter.device.type for parameter in model.parameters()}
    if devices == {"cpu"} and given:
        return CpuAdamW(given, betas=recipe.betas)
    return torch.optim.AdamW(given, betas=recipe.betas, fused=devices <= {"cpu", "cuda"})


def _own(optimizer: object) -> torch.optim.Optimizer:
    """The user's own optimizer: its rates as they come are the peaks."""
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise TypeError(f"the optimizer hook gave a {type(optimizer).__name__}; it must give a torch Optimizer")
    for group in optimizer.param_groups:
        group["peak"] = group["lr"]
    return optimizer


def shapes_of(model: nn.Module) -> Shapes:
    """The shapes of a model's parameters, by name."""
    return {name: parameter.shape for name, parameter in model.named_parameters()}


def base_shapes(workload: Workload, recipe: Recipe) -> tuple[Shapes, Shapes]:
    """Parameter shapes at the recipe's base size and at its wider one, from models that are only looked at."""
    if recipe.base_size is None or recipe.wider_size is None:
        return {}, {}
    base, wider = (shapes_of(build_to_look_at(workload, size)) for size in (recipe.base_size, recipe.wider_size))
    return base, wider


def hidden_shapes(base: Shapes, wider: Shapes) -> list[torch.Size]:
    """Shapes of the matrices that grow on both sides from one size to another."""
    return [shape for name, shape in base.items() if name in wider and is_hidden(shape, wider[name])]


def is_hidden(base: torch.Size, other: torch.Size) -> bool:
    """A matrix from hidden units to hidden units: both its outputs and its inputs grow (or shrink) with the knob."""
    return len(base) >= 2 and len(other) >= 2 and (other[0] - base[0]) * (fan_in(other) - fan_in(base)) > 0


def fan_in(shape: torch.Size) -> int:
    """Inputs of each unit of a matrix (out, in) or a convolution (out, in, height, width)."""
    return shape[1:].numel()
