"""What can be said of `find_optimal`'s arguments without touching them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DATASETS = "a torch Dataset, a DataLoader, or a callable that gives batches"


def check_model(model_cls: Any) -> None:
    """Raises TypeError for what cannot be called."""
    if not callable(model_cls):
        raise TypeError(
            f"model_cls is a {type(model_cls).__name__}; give a class or a callable that gives a torch Module"
        )


def check_dataset(dataset: Any) -> None:
    """Raises TypeError for what holds no samples; None is a plan without data."""
    if isinstance(dataset, str | bytes | Mapping | int | float):
        raise TypeError(f"dataset is a {type(dataset).__name__}; give {DATASETS}")


def check_loss(loss_fn: Any) -> None:
    """Raises TypeError for what cannot be called; None is a plan without a loss."""
    if loss_fn is not None and not callable(loss_fn):
        raise TypeError(
            f"loss_fn must be callable, (model output, targets) -> scalar tensor; it is a {type(loss_fn).__name__}"
        )
