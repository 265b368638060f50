"""A two-layer ViT on texture quilts: images without a download, and a lowest possible loss that is known."""

from __future__ import annotations

import math

from flopsfit_tui.core.workload import Workload
from flopsfit_tui.workloads.textures import SIDE, TILE, TextureQuilts
from flopsfit_tui.workloads.vit import VisionTransformer, vit_loss_fn

HELD_OUT_IMAGES = 2048  # their sampling error is shared by all trials, so it moves E, not the optimum


def make_vit(embed_dim: int) -> VisionTransformer:
    """Two layers, two heads, a patch a tile."""
    return VisionTransformer(
        embed_dim, image_size=SIDE * TILE, patch_size=TILE, num_layers=2, num_heads=2, head_gain=4.0
    )


def first_guess(budget: float) -> float:
    """N_opt measured from 1.5e10 to 2.4e11 FLOPs."""
    return 0.042 * math.sqrt(budget)


def workload() -> Workload:
    """vit-textures, endless and offline."""
    train = TextureQuilts()
    bayes, _ = train.bayes_loss()
    return Workload(
        name="vit-textures",
        model_cls=make_vit,
        model_size_param="embed_dim",
        dataset=train,
        val_dataset=train.held_out(HELD_OUT_IMAGES),
        loss_fn=vit_loss_fn,
        unit="images",
        batch_size=64,  # as good as 32 at equal FLOPs, and 1.5 times as quick; 128 was 0.03 worse
        learning_rate=3.4e-2,  # of patches, positions and the head; hidden matrices get 8 / embed_dim of it
        base_size=8,
        betas=(0.7, 0.95),  # with 0.9 losses are 0.5 % higher
        weight_decay=0.03,  # 0.1 costs 1.2 %, width 8 at 6e10 FLOPs 3.6 %
        warmup_steps=100,
        sizes=tuple(range(6, 1025, 2)),
        budgets=(1.5e10, 3e10, 6e10, 1.2e11, 2.4e11),
        points=7,
        first_guess=first_guess,
        settings={"layers": 2, "heads": 2, "patch": TILE, "held_out": HELD_OUT_IMAGES},
        bayes_loss=bayes,
        notes=(f"quilts of textures, endless; no model gets below {bayes:.3f} nats an image (the Bayes loss)",),
    )
