"""How big should a vision transformer be? The same call as for a GPT, with `embed_dim` as the size knob.

python examples/vit_cifar.py                mock losses: seconds, no network, nothing trained
python examples/vit_cifar.py --textures     trains on synthetic textures: minutes, no network
python examples/vit_cifar.py --real         trains on CIFAR-10, downloaded on first use
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import torch
from torch.utils.data import TensorDataset

import flopsfit_tui as ff

MOCK_BUDGETS = (1e12, 3e12, 1e13, 3e13, 1e14)
TEXTURE_BUDGETS = (2e10, 4e10, 8e10)
CIFAR_BUDGETS = (1e14, 3e14, 1e15)


def make_vit_factory(
    num_layers: int = 4, num_heads: int = 8, patch_size: int = 4
) -> Callable[[int], ff.VisionTransformer]:
    """A closure that makes a ViT of any width: `find_optimal` takes classes and factories alike."""

    def make_vit(embed_dim: int) -> ff.VisionTransformer:
        return ff.VisionTransformer(
            embed_dim, image_size=32, patch_size=patch_size, num_layers=num_layers, num_heads=num_heads
        )

    return make_vit


def _make_synthetic_cifar_dataset(size: int = 128) -> TensorDataset:
    """Random images (size, 3, 32, 32) with random labels (size,): enough for mock mode, which only counts."""
    return TensorDataset(torch.randn(size, 3, 32, 32), torch.randint(0, 10, (size,)).long())


def run(
    use_real_data: bool = False,
    output_dir: str = "outputs/vit_cifar",
    textures: bool = False,
    compute_budgets: tuple[float, ...] | None = None,
) -> ff.Result:
    """Sweep the ViT, print the Chinchilla table and the optimum at a hundred times the largest budget."""
    choice: dict[str, Any] = {
        "model_cls": make_vit_factory(),
        "dataset": _make_synthetic_cifar_dataset(),
        "mode": "mock",
        "compute_budgets": compute_budgets or MOCK_BUDGETS,
    }
    if use_real_data:
        choice |= {"dataset": ff.CIFAR10Dataset(), "mode": "local", "compute_budgets": compute_budgets or CIFAR_BUDGETS}
    elif textures:
        from flopsfit_tui.workloads.textures import TextureQuilts

        choice |= {
            "model_cls": make_vit_factory(num_layers=2, num_heads=2, patch_size=8),
            "dataset": TextureQuilts(),
            "mode": "local",
            "compute_budgets": compute_budgets or TEXTURE_BUDGETS,
            "sizes": (8, 12, 16, 20, 28, 40),
            "learning_rate": 1.6e-2,
        }
    result = ff.find_optimal(model_size_param="embed_dim", loss_fn=ff.vit_loss_fn, output_dir=output_dir, **choice)
    assert isinstance(result, ff.Result)
    print(result.chinchilla_table())
    if result.fit.predict(1e20):  # a law that says where the optimum is
        best = result.predict(100 * max(choice["compute_budgets"]))
        print(f"at {best.target_compute:g} FLOPs: {best.optimal_params:.3g} params, {best.optimal_tokens:.3g} images")
    return result


def main() -> None:
    """From the command line."""
    parser = argparse.ArgumentParser(description="Compute-optimal size of a vision transformer.")
    parser.add_argument("--real", action="store_true", help="train on CIFAR-10")
    parser.add_argument("--textures", action="store_true", help="train on synthetic textures, offline")
    parser.add_argument("--output-dir", default="outputs/vit_cifar")
    given = parser.parse_args()
    run(given.real, given.output_dir, given.textures)


if __name__ == "__main__":
    main()
