"""All of a model that training changes: parameters, every buffer, and what its modules remember as plain attributes."""

from __future__ import annotations

import hashlib
import pickle
from typing import Any

import torch
from torch import Tensor, nn

from flopsfit_tui.train.checkpoint_file import CannotResume

_INTERNAL = set(vars(nn.Module())) - {"training"}  # parameters, buffers, hooks, submodules


def model_state(model: nn.Module) -> dict[str, Any]:
    """The state as tensors and plain values."""
    return {
        "parameters": model.state_dict(),
        "buffers": dict(model.named_buffers()),  # also those that are not persistent
        "trained": {name: p.requires_grad for name, p in model.named_parameters()},
        "attributes": {name: _plain_attributes(module) for name, module in model.named_modules()},
    }


def load_model_state(model: nn.Module, state: dict[str, Any]) -> None:
    """Bring a freshly built model to a state. Raises CannotResume where it has another shape."""
    try:
        model.load_state_dict(state["parameters"])
    except Exception as error:
        raise CannotResume(f"the model takes no such parameters ({str(error).splitlines()[0]})") from error
    buffers = dict(model.named_buffers())
    if buffers.keys() != state["buffers"].keys():
        raise CannotResume("the model has other buffers")
    with torch.no_grad():
        for name, value in state["buffers"].items():
            buffers[name].copy_(value)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(state["trained"][name])
    modules = dict(model.named_modules())
    if modules.keys() != state["attributes"].keys():
        raise CannotResume("the model has other modules")
    for name, attributes in state["attributes"].items():
        _set_attributes(modules[name], attributes)


def hidden_state(model: nn.Module) -> str:
    """A digest of what modules hold that is neither tensor nor plain, as far as it can be told.

    When it changes in training, a checkpoint would leave something out.
    """
    digest = hashlib.sha256()
    for name, module in model.named_modules():
        for attribute, value in vars(module).items():
            if attribute not in _INTERNAL and not _is_plain(value):
                digest.update(f"{name}.{attribute}".encode())
                digest.update(_digest(value))
    return digest.hexdigest()


def _digest(value: Any) -> bytes:
    if isinstance(value, torch.Generator):
        return value.get_state().numpy().tobytes()
    try:
        return hashlib.sha256(pickle.dumps(value)).digest()
    except Exception:  # noqa: BLE001 - functions, locks and the like remember nothing that training changes
        return type(value).__qualname__.encode()


def _plain_attributes(module: nn.Module) -> dict[str, Any]:
    return {name: value for name, value in vars(module).items() if name not in _INTERNAL and _is_plain(value)}


def _is_plain(value: Any) -> bool:
    if value is None or type(value) in (bool, int, float, str, Tensor):
        return True
    if type(value) in (list, tuple):
        return all(map(_is_plain, value))
    return type(value) is dict and all(type(k) in (bool, int, float, str) and _is_plain(v) for k, v in value.items())


def _set_attributes(module: nn.Module, attributes: dict[str, Any]) -> None:
    """Set those that differ; lists and dicts keep their identity, since modules may share them."""
    for name, value in attributes.items():
        now = vars(module).get(name)
        if _same(now, value):
            continue
        if isinstance(now, list) and isinstance(value, list):
            now[:] = value
        elif isinstance(now, dict) and isinstance(value, dict):
            now.clear()
            now.update(value)
        elif isinstance(now, Tensor) and isinstance(value, Tensor) and now.shape == value.shape:
            with torch.no_grad():
                now.copy_(value)
        else:
            setattr(module, name, value)
    for name in _plain_attributes(module).keys() - attributes.keys():
        delattr(module, name)


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor) or isinstance(b, Tensor):
        return (
            isinstance(a, Tensor)
            and isinstance(b, Tensor)
            and a.dtype == b.dtype
            and a.shape == b.shape
            and torch.equal(a.detach().cpu(), b.detach().cpu())
        )
    if isinstance(a, list | tuple) and type(a) is type(b):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(_same(a[k], b[k]) for k in a)
    return type(a) is type(b) and bool(a == b)
