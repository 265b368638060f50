"""Your own model and data: an MLP that learns a random teacher network.

    flopsfit-tui run examples/bring_your_own.py         the app, on the Workload below
    python examples/bring_your_own.py                   the same from Python

Nothing here comes from `flopsfit_tui.workloads`: a size knob, data and a loss are all it takes.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import flopsfit_tui as ff

INPUTS, CLASSES, BATCH = 8, 10, 32


class MLP(nn.Module):
    """Two hidden layers; `width` is the size knob."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.up = nn.Linear(INPUTS, width)
        self.mix = nn.Linear(width, width)
        self.head = nn.Linear(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, 8) -> logits (B, 10)."""
        return self.head(F.relu(self.mix(F.relu(self.up(x)))))


def teacher() -> nn.Module:
    """The function to learn: a wide random network, the same for everyone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return nn.Sequential(nn.Linear(INPUTS, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, CLASSES))


TEACHER = teacher()


def batches(seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless fresh batches: inputs (32, 8), labels (32,) drawn by the teacher; the same again for the same seed."""
    draw = torch.Generator().manual_seed(seed)
    while True:
        x = 2 * torch.randn(BATCH, INPUTS, generator=draw)
        with torch.no_grad():
            chances = F.softmax(12 * TEACHER(x), dim=1)
        yield x, torch.multinomial(chances, 1, generator=draw)[:, 0]


def workload() -> ff.Workload:
    """What `flopsfit-tui run` looks for; what is not named here gets a default, which the plan names."""
    return ff.Workload(
        name="mlp-teacher",
        model_cls=MLP,
        model_size_param="width",
        dataset=batches,
        loss_fn=F.cross_entropy,
        budgets=(2.5e7, 5e7, 1e8, 2e8),
        points=6,
        first_guess=lambda budget: 0.07 * budget**0.5,
    )


def run(output_dir: str = "outputs/bring_your_own", budgets: tuple[float, ...] = (2.5e7, 5e7, 1e8, 2e8)) -> ff.Result:
    """Sweep six widths at each budget and print the answer."""
    result = ff.find_optimal(
        model_cls=MLP,
        model_size_param="width",
        dataset=batches,
        loss_fn=F.cross_entropy,
        compute_budgets=budgets,
        sizes=(6, 10, 16, 24, 36, 56),
        output_dir=output_dir,
    )
    assert isinstance(result, ff.Result)
    print(result.chinchilla_table())
    return result


def main() -> None:
    """From the command line."""
    run()


if __name__ == "__main__":
    main()
