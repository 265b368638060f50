"""N and F(N) of a model, counted on the `meta` device: exact, in milliseconds, without its memory."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from flopsfit_tui.core.trial import Size
from flopsfit_tui.core.workload import Workload
from flopsfit_tui.train.data import batch_length


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


def call_model(model: nn.Module, inputs: Any) -> Any:
    """The model's output: of one input, of several in a tuple, or of named ones in a dict."""
    if isinstance(inputs, tuple):
        return model(*inputs)
    return model(**inputs) if isinstance(inputs, dict) else model(inputs)


def checked_loss(workload: Workload, model: nn.Module, batch: tuple[Any, Any]) -> torch.Tensor:
    """The loss of a batch. Raises TypeError when it is no scalar tensor that gradients can be taken of."""
    inputs, targets = batch
    loss = workload.loss_fn(call_model(model, inputs), targets)
    if not isinstance(loss, torch.Tensor):
        raise ContractError(f"loss_fn gave a {type(loss).__name__}; it must give a scalar tensor")
    if loss.numel() != 1:
        raise ContractError(
            f"loss_fn gave a tensor of shape {tuple(loss.shape)}; it must give a scalar, such as its mean"
        )
    if not loss.requires_grad:
        raise ContractError("the loss has no gradient; loss_fn must compute it from the model's output, undetached")
    return loss


class ContractError(TypeError):
    """A model, loss or batch that breaks what a workload promises."""


def measure_size(workload: Workload, size: int, sample: tuple[Any, Any], tokens: int) -> Size:
    """Count params and training FLOPs a token at one size.

    `sample` is a small batch as the data gives it, of `tokens` tokens. FLOPs are those of the matrix products and
    convolutions of forward and backward; what is elementwise does not count, as is usual in the field (Chinchilla,
    arXiv 2203.15556, appendix F). Attention is counted unfused: the counter does not know every fused kernel. A model
    that cannot run on the `meta` device is counted on the CPU. Raises whatever the model or the loss raises.
    """
    params = count_params(build_model(workload, size, device="meta"))
    if workload.flops_per_sample is not None:
        samples = batch_length(sample)
        return Size(size, params, float(workload.flops_per_sample(size)) * samples / tokens)
    try:
        flops = _count_flops(workload, size, sample, "meta")
    except ContractError:
        raise
    except Exception:  # noqa: BLE001 - such as .item() or a size read off the data
        flops = _count_flops(workload, size, sample, "cpu")
    return Size(size, params, flops / tokens)


def _count_flops(workload: Workload, size: int, sample: tuple[Any, Any], device: str) -> int:
    model = build_model(workload, size, device=device)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        checked_loss(workload, model, to_device(sample, device)).backward()  # type: ignore[no-untyped-call]
    flops: int = counter.get_total_flops()
    if flops == 0:
        raise ContractError(
            "no FLOPs were counted: the model has no matrix product or convolution; declare flops_per_sample"
        )
    return flops


def to_device(batch: Any, device: str | torch.device) -> Any:
    """Every tensor in a batch of tuples, lists and dicts, moved."""
    if isinstance(batch, torch.Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, dict):
        return {key: to_device(value, device) for key, value in batch.items()}
    if isinstance(batch, tuple | list):
        return type(batch)(to_device(value, device) for value in batch)
    return batch
