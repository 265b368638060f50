"""A Source of blank batches: the shape of a data set that has not been read, enough to plan with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor
from torch.utils.data import DataLoader, Subset


@dataclass
class Preview:
    """What a lazy data set gives in its place where nothing is trained."""

    blank: tuple[Tensor, Tensor]  # one sample's inputs and targets, (1, ...)
    tokens_per_sample: int
    samples: int | None  # None: not known before it is read
    title: str
    batch_size: int | None = None  # of the DataLoader around it

    @property
    def fingerprint(self) -> str:
        """Never that of data."""
        return f"{self.title}, not read"

    def batches(self, batch_size: int, seed: int) -> Iterator[tuple[Any, Any]]:  # noqa: ARG002 - they are all alike
        """Endless blank batches, for the one step that a plan tries."""
        while True:
            yield from self.once(batch_size)

    def once(self, batch_size: int) -> Iterator[tuple[Any, Any]]:
        """One batch of blank samples, to be looked at and counted."""
        inputs, targets = (part.repeat(batch_size, *[1] * (part.ndim - 1)) for part in self.blank)
        yield inputs, targets


class Lazy(ABC):
    """A data set that is downloaded when first used, and whose shape is known before."""

    @abstractmethod
    def preview(self) -> Preview:
        """Batches of the right shape; reads and downloads nothing."""


def preview_of(dataset: Any) -> Preview | None:
    """The preview of a lazy data set, also within a Subset or a DataLoader; None for any other data."""
    if isinstance(dataset, Lazy):
        return dataset.preview()
    whole = preview_of(dataset.dataset) if isinstance(dataset, DataLoader | Subset) else None
    if whole is None:
        return None
    if isinstance(dataset, Subset):
        return replace(whole, samples=len(dataset))
    return replace(whole, batch_size=dataset.batch_size)
