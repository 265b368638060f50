"""A workload of milliseconds, for tests; also the file that a user would write: `flopsfit-tui run tests/tiny.py`."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flopsfit_tui import Workload


class Clouds:
    """Points in 8 dimensions, labelled by the quadrant of a fixed random projection; counts what is drawn."""

    samples = None
    tokens_per_sample = 1
    fingerprint = "clouds-1"

    def __init__(self) -> None:
        self.drawn = 0

    def batches(self, batch_size: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
        draw = torch.Generator().manual_seed(seed)
        while True:
            self.drawn += batch_size
            yield self._make(batch_size, draw)

    def once(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        draw = torch.Generator().manual_seed(10**6)
        for _ in range(4):
            yield self._make(batch_size, draw)

    def _make(self, count: int, draw: torch.Generator) -> tuple[Tensor, Tensor]:
        x = torch.randn(count, 8, generator=draw)
        wave = torch.sin(x @ torch.linspace(-1, 1, 16).view(8, 2) * 3)
        return x, (wave > 0).long() @ torch.tensor([1, 2])


class Net(nn.Module):
    """One hidden layer."""

    def __init__(self, width: int, fail_at: int = 0, nan_at: int = 0) -> None:
        super().__init__()
        if width % 2:
            raise ValueError(f"width={width} is odd; give an even number")
        self.fails, self.nans = width == fail_at, width == nan_at
        self.up, self.mix, self.head = nn.Linear(8, width), nn.Linear(width, width), nn.Linear(width, 4)
        nn.init.zeros_(self.head.weight)

    def forward(self, x: Tensor) -> Tensor:
        if self.fails and not x.is_meta:
            raise RuntimeError("the forward pass of width 8 is broken")
        y = self.head(torch.relu(self.mix(torch.relu(self.up(x)))))
        return y * float("nan") if self.nans else y


def make(name: str = "tiny", **kwargs: object) -> Workload:
    return Workload(
        name=name,
        model_cls=Net,
        model_size_param="width",
        model_kwargs=kwargs,
        dataset=Clouds(),
        val_dataset=Clouds(),
        loss_fn=F.cross_entropy,
        unit="images",
        batch_size=8,
        learning_rate=1e-2,
        base_size=8,
        sizes=tuple(range(2, 257, 2)),
        budgets=(1e6, 2e6, 4e6),
        points=3,
        first_guess=lambda budget: 0.2 * budget**0.5,
    )


def workload() -> Workload:
    return make()


def broken() -> Workload:
    """Raises at one size, gives NaN at another."""
    return make("broken", fail_at=8, nan_at=16)
