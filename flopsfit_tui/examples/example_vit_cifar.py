"""How big should a vision transformer be? The same call as for a GPT, with embed_dim as the size knob.

python -m flopsfit_tui.examples.example_vit_cifar             mock losses: seconds, no network, nothing trained
python -m flopsfit_tui.examples.example_vit_cifar --real      trains on CIFAR-10, downloaded when first used
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils.data import TensorDataset

import flopsfit_tui as ff
from flopsfit_tui.examples import CIFAR10Dataset, VisionTransformer, script, vit_loss_fn

MOCK_BUDGETS = [1e12, 3e12, 1e13, 3e13, 1e14]
REAL_BUDGETS = [1e14, 3e14, 1e15]  # minutes on a GPU


def make_vit_factory(
    num_layers: int = 4, num_heads: int = 8, patch_size: int = 4
) -> Callable[[int], VisionTransformer]:
    """A closure that makes a vision transformer of any width that num_heads divides."""

    def make_vit(embed_dim: int) -> VisionTransformer:
        return VisionTransformer(embed_dim, patch_size=patch_size, num_layers=num_layers, num_heads=num_heads)

    return make_vit


def _make_synthetic_cifar_dataset(size: int = 128) -> TensorDataset:
    """Random images (size, 3, 32, 32) with random labels (size,): enough for mock mode, which only counts."""
    return TensorDataset(torch.randn(size, 3, 32, 32), torch.randint(0, 10, (size,)))


def run(
    use_real_data: bool = False,
    output_dir: str = "outputs/vit_cifar",
    compute_budgets: Sequence[float] | None = None,
) -> ff.Result:
    """Sweep the vision transformer and print the answer."""
    data: Any = CIFAR10Dataset(train=True) if use_real_data else _make_synthetic_cifar_dataset()
    result = ff.find_optimal(
        model_cls=make_vit_factory(),
        model_size_param="embed_dim",
        dataset=data,
        loss_fn=vit_loss_fn,
        compute_budgets=compute_budgets or (REAL_BUDGETS if use_real_data else MOCK_BUDGETS),
        mode="local" if use_real_data else "mock",
        output_dir=output_dir,
    )
    assert isinstance(result, ff.Result)
    script.report(result)
    return result


def main() -> None:
    """From the command line."""
    given = script.parser("Compute-optimal size of a vision transformer.", "CIFAR-10", "outputs/vit_cifar").parse_args()
    script.call(run, given.real, given.output_dir, given.budgets)


if __name__ == "__main__":
    main()
