"""N and F(N) of a model, counted on the `meta` device: exact, in milliseconds, without its memory."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from flopsfit_tui.core.sizes import Setting
from flopsfit_tui.core.trial import Size
from flopsfit_tui.core.workload import Workload
from flopsfit_tui.train.data import batch_length
from flopsfit_tui.train.loss import Form, LossForm, batch_loss
from flopsfit_tui.train.model import ContractError, build_to_look_at, build_to_train, count_params, to_device
from flopsfit_tui.train.optim import Shapes, shapes_of


@dataclass(frozen=True)
class Look:
    """What one building of a model tells."""

    params: int
    shapes: Shapes


class Looks:
    """The model at several sizes, each built once, and not kept."""

    def __init__(self, workload: Workload, sample: Any) -> None:
        self._workload, self._sample = workload, sample
        self._known: dict[Setting, Look] = {}

    def at(self, size: Setting) -> Look:
        """One size. Raises as build_model does."""
        if size not in self._known:
            model = build_to_look_at(self._workload, size, self._sample)
            self._known[size] = Look(count_params(model), shapes_of(model))
        return self._known[size]

    def params(self, size: Setting) -> int:
        """N at one size. Raises SizeRefused for one that has none to train."""
        return self.at(size).params


def measure_size(
    workload: Workload, size: Setting, sample: tuple[Any, Any], tokens: int, form: Form | None = None
) -> Size:
    """Count params and training FLOPs a token at one size.

    `sample` is a small batch as the data gives it, of `tokens` tokens. FLOPs are those of the matrix products and
    convolutions of forward and backward; what is elementwise does not count, as is usual in the field (Chinchilla,
    arXiv 2203.15556, appendix F). Attention is counted unfused: the counter does not know every fused kernel. A model
    that cannot be built or run on the `meta` device is counted on the CPU. Raises whatever the model or loss raises.
    """
    model = build_to_look_at(workload, size, sample)
    params = count_params(model)
    if workload.flops_per_sample is not None:
        samples = batch_length(sample)
        return Size(size, params, float(workload.flops_per_sample(size)) * samples / tokens)
    form = form or LossForm()
    try:
        flops = _count_flops(workload, model, sample, form)
    except ContractError:
        raise
    except Exception:  # noqa: BLE001 - such as .item() or a size read off the data
        with torch.random.fork_rng(devices=[]):
            model = build_to_train(workload, size, "cpu")
            flops = _count_flops(workload, model, sample, form)
    return Size(size, params, flops / tokens)


def _count_flops(workload: Workload, model: nn.Module, sample: tuple[Any, Any], form: Form) -> int:
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    counter = FlopCounterMode(display=False, custom_mapping=UNCOUNTED)
    with sdpa_kernel(SDPBackend.MATH), _without_onednn(device), counter:
        batch_loss(workload, model.train(), to_device(sample, device), form).backward()  # type: ignore[no-untyped-call]
    flops: int = counter.get_total_flops()
    if flops == 0:
        raise ContractError(
            "no FLOPs were counted: the model has no matrix product or convolution; declare flops_per_sample"
        )
    return flops


@contextmanager
def _without_onednn(device: torch.device) -> Iterator[None]:
    """Without oneDNN, whose fused LSTM on the CPU the counter does not see."""
    if device.type != "cpu":
        yield
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a setting for Intel's GPUs
        with torch.backends.mkldnn.flags(enabled=False):  # type: ignore[no-untyped-call]
            yield


def _convolution_backward(
    grad: Sequence[int],
    inputs: Sequence[int],
    weight: Sequence[int],
    _bias: Any,
    _stride: Any,
    _padding: Any,
    _dilation: Any,
    transposed: bool,
    _output_padding: Any,
    _groups: int,
    output_mask: Sequence[bool],
    out_shape: Any = None,  # noqa: ARG001 - the counter passes it
) -> int:
    """FLOPs of the gradients by inputs and weight: each those of the forward pass, also where channels are grouped,
    which torch's own formula counts as if they were not (nine times too many for a depthwise layer of nine)."""
    places = prod((inputs if transposed else grad)[2:])
    forward = 2 * grad[0] * places * prod(weight)
    return forward * sum(map(bool, output_mask[:2]))


UNCOUNTED: dict[Any, Callable[..., int]] = {torch.ops.aten.convolution_backward: _convolution_backward}
