"""A four-layer ViT on CIFAR-10."""

from __future__ import annotations

import math

from flopsfit_tui.core.workload import Workload
from flopsfit_tui.workloads.cifar10 import CIFAR10Dataset
from flopsfit_tui.workloads.vit import VisionTransformer, vit_loss_fn

HELD_OUT_IMAGES = 2048  # of the test set's 10,000, which would cost as much as some trials


def make_vit(embed_dim: int) -> VisionTransformer:
    """Four layers, four heads, 64 patches of 4x4 pixels."""
    return VisionTransformer(embed_dim, num_layers=4, num_heads=4)


def first_guess(budget: float) -> float:
    """vit-textures' optimum at an equal number of images: four times the patches make each cost four times as much.

    Not measured; the ladder spans a factor of sixteen around it.
    """
    return 0.047 * math.sqrt(budget / 4)


def workload() -> Workload:
    """vit-cifar10; downloads 170 MB when first used."""
    train = CIFAR10Dataset(train=True)
    return Workload(
        name="vit-cifar10",
        model_cls=make_vit,
        model_size_param="embed_dim",
        dataset=train,
        val_dataset=train.held_out(HELD_OUT_IMAGES),
        loss_fn=vit_loss_fn,
        unit="images",
        batch_size=64,
        learning_rate=1.6e-2,
        base_size=32,
        sizes=tuple(range(8, 2049, 4)),
        budgets=(1e11, 2e11, 4e11, 8e11, 1.6e12),
        points=7,
        first_guess=first_guess,
        settings={"layers": 4, "heads": 4, "patch": 4, "crop and flip": True},
        notes=(f"CIFAR-10 in {train.data_dir}: 50,000 images, cropped and flipped at random",),
    )
