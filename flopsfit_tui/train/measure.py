"""N and F(N) of a model, counted on the `meta` device: exact, in milliseconds, without its memory."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from flopsfit_tui.core.trial import Size
from flopsfit_tui.core.workload import Workload


def build_model(workload: Workload, size: int, device: str = "cpu") -> nn.Module:
    """The workload's model at one setting of its knob.

    Raises ValueError naming the knob when the model refuses the size, TypeError when what comes is not a Module.
    """
    arguments = {workload.model_size_param: size, **workload.model_kwargs}
    try:
        with torch.device(device):
            model = workload.model_cls(**arguments)
    except ValueError as error:
        raise ValueError(f"the model refuses {workload.model_size_param}={size}: {error}") from error
    except TypeError as error:
        raise TypeError(f"the model could not be made with {arguments}: {error}") from error
    if not isinstance(model, nn.Module):
        raise TypeError(f"model_cls gave a {type(model).__name__}; it must give a torch.nn.Module")
    return model


def count_params(model: nn.Module) -> int:
    """Trainable parameters; shared ones count once."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def measure_size(workload: Workload, size: int, sample: tuple[Any, Any], tokens: int) -> Size:
    """Count params and training FLOPs a token at one size.

    `sample` is a small batch as the data gives it, of `tokens` tokens. FLOPs are those of the matrix products and
    convolutions of forward and backward; what is elementwise does not count, as is usual in the field (Chinchilla,
    arXiv 2203.15556, appendix F). Attention is counted unfused: the counter does not know every fused kernel.
    """
    model = build_model(workload, size, device="meta")
    inputs, targets = to_device(sample, "meta")
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        loss = workload.loss_fn(model(inputs), targets)
        loss.backward()
    return Size(size, count_params(model), counter.get_total_flops() / tokens)


def to_device(batch: Any, device: str | torch.device) -> Any:
    """Every tensor in a batch of tuples, lists and dicts, moved."""
    if isinstance(batch, torch.Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, dict):
        return {key: to_device(value, device) for key, value in batch.items()}
    if isinstance(batch, tuple | list):
        return type(batch)(to_device(value, device) for value in batch)
    return batch
