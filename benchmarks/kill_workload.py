"""A workload whose trials take a second or two and hardly any of the processor: steps of a tiny model that sleep."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import torch.nn.functional as F
from torch import Tensor

from flopsfit_tui import Workload

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from tiny import Clouds, Net

STEP_SECONDS = 0.05


class Slow(Net):
    """Sleeps in each training step, as a model would wait for an accelerator."""

    def forward(self, x: Tensor) -> Tensor:
        if self.training and not x.is_meta:
            time.sleep(STEP_SECONDS)
        y: Tensor = super().forward(x)
        return y


def workload() -> Workload:
    return Workload(
        name="slow",
        model_cls=Slow,
        model_size_param="width",
        dataset=Clouds(),
        val_dataset=Clouds(),
        loss_fn=F.cross_entropy,
        unit="images",
        batch_size=8,
        learning_rate=1e-2,
        base_size=4,
        sizes=(4, 6, 8, 10, 12),
        budgets=(1.5e5,),
        points=5,
    )
