"""A workload's model: built at one size, called with a batch, looked at on the `meta` device where it can be."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from flopsfit_tui.core.sizes import Setting
from flopsfit_tui.core.workload import Workload

SAID = 300  # characters of somebody else's message that a sentence of ours quotes


class ContractError(TypeError):
    """A model, loss or batch that breaks what a workload promises."""


class SizeRefused(ValueError):
    """The model cannot be built at one size; others may do."""

    def __init__(self, message: str, size: Setting) -> None:
        super().__init__(message)
        self.size = size


def quote(error: BaseException) -> str:
    """An exception in one line."""
    text = " ".join(str(error).split())
    text = text if len(text) <= SAID else text[:SAID].rstrip() + "…"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def build_model(workload: Workload, size: Setting, device: str = "cpu") -> nn.Module:
    """The workload's model at one setting of its knob.

    Raises SizeRefused naming the knob and what the constructor raised, TypeError when the model has no such knob or
    what comes is not a Module.
    """
    knob = workload.model_size_param
    arguments = {**workload.model_kwargs, knob: size}
    _check_signature(workload, arguments)
    try:
        with torch.device(device):
            model = workload.model_cls(**arguments)
    except Exception as error:
        said = quote(error) if type(error) is not ValueError else quote(error).removeprefix("ValueError: ")
        raise SizeRefused(f"the model refuses {knob}={size!r}: {said}", size) from error
    if not isinstance(model, nn.Module):
        raise ContractError(f"model_cls gave a {type(model).__name__}; it must give a torch.nn.Module")
    return model


def _check_signature(workload: Workload, arguments: Mapping[str, Any]) -> None:
    if workload.model_size_param in workload.model_kwargs:
        raise ContractError(
            f"model_kwargs sets {workload.model_size_param!r}, the size knob; take it out, and give its values as sizes"
        )
    try:
        signature = inspect.signature(workload.model_cls)
    except (TypeError, ValueError):  # such as of a builtin: calling it will tell
        return
    try:
        signature.bind(**arguments)
    except TypeError as error:
        raise ContractError(f"the model could not be made with {arguments}: {error}") from None


def build_to_look_at(workload: Workload, size: Setting, sample: Any = None) -> nn.Module:
    """The model on the `meta` device, without its memory; on the CPU where its constructor needs numbers.

    Lazy layers take their shapes from `sample`, or from a held-out batch. Raises as build_model does.
    """
    try:
        model = build_model(workload, size, "meta")
        _initialise(model, sample, workload)
    except ContractError:
        raise
    except Exception:  # noqa: BLE001 - such as .item(), .to("cpu") or numpy in the constructor
        with torch.random.fork_rng(devices=[]):
            model = build_model(workload, size)
            _initialise(model, sample, workload)
    return model


def build_to_train(workload: Workload, size: Setting, device: str) -> nn.Module:
    """The model on a device in training mode, its lazy layers initialised by a held-out sample."""
    model = build_model(workload, size)
    _initialise(model, None, workload)
    return model.to(device).train()


def first_batch(workload: Workload) -> Any:
    """A few held-out samples, so that counting what is trained on stays exact."""
    data = workload.val_dataset
    return next(iter(data.once(getattr(data, "batch_size", None) or 2)))


def is_lazy(model: nn.Module) -> bool:
    """Whether some parameters have no shape before the first batch."""
    return any(nn.parameter.is_lazy(p) for p in [*model.parameters(), *model.buffers()])


def _initialise(model: nn.Module, sample: Any, workload: Workload) -> None:
    """Give lazy layers their shapes."""
    if not is_lazy(model):
        return
    sample = sample or first_batch(workload)
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    was_training = model.training
    with torch.no_grad():
        call_model(model.eval(), to_device(sample[0], device))
    model.train(was_training)
    if is_lazy(model):
        raise ContractError("a lazy layer of the model is not used by its forward; it has no size")


def count_params(model: nn.Module) -> int:
    """Trainable parameters; shared ones count once."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def call_model(model: nn.Module, inputs: Any, labels: Mapping[str, Any] | None = None) -> Any:
    """The model's output: of one input, of several in a tuple, or of named ones in a dict; labels by their name."""
    labels = labels or {}
    if isinstance(inputs, tuple):
        return model(*inputs, **labels)
    return model(**inputs, **labels) if isinstance(inputs, dict) else model(inputs, **labels)


def parameter_of(model: nn.Module, names: tuple[str, ...]) -> str:
    """The first of `names` that the model's forward takes; "" for none."""
    taken: Mapping[str, inspect.Parameter] = {}
    with contextlib.suppress(TypeError, ValueError):
        taken = inspect.signature(model.forward).parameters
    named = next((name for name in names if name in taken), "")
    any_name = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in taken.values())
    return named or (names[0] if any_name else "")


def to_device(batch: Any, device: str | torch.device) -> Any:
    """Every tensor in a batch of tuples, lists and dicts, moved."""
    if isinstance(batch, torch.Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, dict):
        return {key: to_device(value, device) for key, value in batch.items()}
    if isinstance(batch, tuple | list):
        return type(batch)(to_device(value, device) for value in batch)
    return batch
