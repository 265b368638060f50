"""A workload's identity: a hash for each of its parts, and the versions of the libraries that they use."""

from __future__ import annotations

import importlib.util
from functools import cache
from types import CodeType

import torch

from flopsfit_tui.core.identity import Identity
from flopsfit_tui.core.workload import Workload
from flopsfit_tui.train.identity.code import canonical
from flopsfit_tui.train.identity.libraries import OWN, version_of
from flopsfit_tui.train.identity.stream import Stream
from flopsfit_tui.train.identity.walk import Walker

PARTS = ("dataset", "val_dataset", "loss_fn", "model_cls", "model_kwargs", "optimizer", "simulate", "settings")
TRAINING = (  # modules of flopsfit_tui.train
    *("adamw", "compiled", "data", "device", "evaluate", "loop", "loss", "model", "optim", "random_state"),
    *("resident", "schedule", "training"),
)


def identify(workload: Workload) -> Identity:
    """The identity of a workload as it was declared, before anything is drawn from its data."""
    walker = Walker()
    parts = {}
    for name in PARTS:
        value = getattr(workload, name)
        if name in ("model_kwargs", "settings"):
            value = dict(sorted(value.items()))  # passed by name
        if value is not None:
            parts[name] = walker.part(name, value)
    if workload.simulate is None:
        parts["training code"] = _training_code()
        if torch.get_default_dtype() != torch.float32:
            parts["default dtype"] = str(torch.get_default_dtype())
    versions = {name: version_of(name) for name in sorted({*walker.libraries, "python", "torch"} - {OWN})}
    return Identity(parts, versions, tuple(walker.unsure))


@cache
def _training_code() -> str:
    """What this package does to train: the same from one version to the next unless that changes."""
    stream = Stream()
    for name in TRAINING:
        spec = importlib.util.find_spec(f"{OWN}.train.{name}")
        code = spec and spec.loader and spec.loader.get_code(spec.name)  # type: ignore[attr-defined]
        assert isinstance(code, CodeType)
        stream.text(name, canonical(code).digest)
    return stream.hexdigest()
