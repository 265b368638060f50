"""What the plan says about a workload that may not mean what it seems to."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from flopsfit_tui.core.trial import Size
from flopsfit_tui.core.workload import Workload
from flopsfit_tui.train.model import build_to_look_at


def plan_notes(workload: Workload, planned: Iterable[Size]) -> list[str]:
    """A sentence for each such thing; the model is built once, at the smallest size."""
    return [*_own_count(workload, planned), *_copied_labels(workload)]


def _copied_labels(workload: Workload) -> list[str]:
    """Token labels that are the inputs themselves, which a model that sees its input has only to copy."""
    data = workload.val_dataset
    inputs, labels = next(iter(data.once(getattr(data, "batch_size", None) or 2)), (None, None))
    if not (isinstance(inputs, torch.Tensor) and isinstance(labels, torch.Tensor)) or labels.is_floating_point():
        return []
    if not torch.equal(inputs, labels) or bool((labels == labels.flatten()[0]).all()):
        return []
    return [
        "the labels equal the inputs: right where the model or the loss moves them by one, as Hugging Face's models "
        "do; else the model only learns to copy, and the law means nothing"
    ]


def _own_count(workload: Workload, planned: Iterable[Size]) -> list[str]:
    """The model's `num_params()`, where it differs from the N that was counted."""
    size = min(planned, key=lambda s: s.params)
    model = build_to_look_at(workload, size.size)
    own = getattr(model, "num_params", None)
    if not callable(own):
        return []
    at = f"{workload.model_size_param}={size.size}"
    counted = f"N is the {size.params:,} trainable parameters that were counted"
    try:
        said = own()
    except Exception as error:  # noqa: BLE001 - the user's code may raise anything
        return [f"num_params() fails at {at} ({type(error).__name__}: {error}); {counted}"]
    if said == size.params:
        return []
    return [
        f"num_params() says {said:,} at {at}; {counted}"
        if isinstance(said, int | float)
        else f"num_params() gives a {type(said).__name__} at {at}; {counted}"
    ]
