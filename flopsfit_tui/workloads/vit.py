"""A vision transformer with the width as its size knob.

Image patches as tokens (Dosovitskiy et al., arXiv 2010.11929), pre-norm blocks, learned positions, the mean over
patches instead of a class token (Beyer et al., arXiv 2205.01580: as good, and simpler), squared ReLU (So et al., arXiv
2109.08668), no biases below the head (Chowdhery et al., arXiv 2204.02311), fused attention, a head that starts at zero.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flopsfit_tui.workloads.block import Block, check_gain, run_blocks


class VisionTransformer(nn.Module):
    """Images (B, 3, image_size, image_size) in, logits (B, num_classes) out.

    mlp_dim is the hidden width of each block's MLP; None is four times embed_dim, so that it grows with the knob.
    head_gain is that of the norm before the head, at the start: the head learns faster by as much.
    Raises ValueError when embed_dim does not divide by num_heads, image_size by patch_size, or for a gain not above 0.
    """

    def __init__(
        self,
        embed_dim: int = 256,
        image_size: int = 32,
        patch_size: int = 4,
        num_classes: int = 10,
        num_layers: int = 6,
        num_heads: int = 8,
        mlp_dim: int | None = None,
        head_gain: float = 1.0,
    ) -> None:
        super().__init__()
        _check(embed_dim, image_size, patch_size, num_heads)
        check_gain(head_gain)
        self.image_size, self.patch_size, self.head_gain = image_size, patch_size, head_gain
        self.embed = nn.Linear(3 * patch_size**2, embed_dim, bias=False)
        self.position = nn.Parameter(torch.empty((image_size // patch_size) ** 2, embed_dim))
        self.blocks = nn.ModuleList(Block(embed_dim, num_heads, mlp_dim or 4 * embed_dim) for _ in range(num_layers))
        self.norm = nn.LayerNorm(embed_dim, bias=False)
        self.head = nn.Linear(embed_dim, num_classes)
        if not self.position.is_meta:  # there only shapes are wanted, and planning wants many
            self._initialise()

    def _initialise(self) -> None:
        self.apply(self._init)
        nn.init.normal_(self.position, std=0.02)
        for name, weight in self.named_parameters():  # keep the residual stream's variance (GPT-2)
            if name.endswith(("project.weight", "down.weight")):
                weight.data.mul_((2 * len(self.blocks)) ** -0.5)
        nn.init.constant_(self.norm.weight, self.head_gain)
        nn.init.zeros_(self.head.weight)

    @staticmethod
    def _init(module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=module.in_features**-0.5)
            if module.bias is not None:
                nn.init.zeros_(module.bias)

    def forward(self, images: Tensor) -> Tensor:
        """images (B, 3, S, S) float -> logits (B, num_classes)."""
        if images.shape[-3:] != (3, self.image_size, self.image_size):
            wanted = f"(B, 3, {self.image_size}, {self.image_size})"
            raise ValueError(f"images have the shape {tuple(images.shape)}; this model takes {wanted}")
        x = self.embed(cut_patches(images, self.patch_size)) + self.position  # (B, P, d)
        logits: Tensor = self.head(run_blocks(x, self.blocks, self.norm).mean(dim=1))
        return logits

    def num_params(self) -> int:
        """Trainable parameters, N."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)


def cut_patches(images: Tensor, size: int) -> Tensor:
    """images (B, 3, S, S) -> their patches, row by row, (B, P, 3 * size * size)."""
    B, _, S, _ = images.shape
    side = S // size
    grid = images.view(B, 3, side, size, side, size).permute(0, 2, 4, 1, 3, 5)  # (B, row, column, 3, size, size)
    return grid.reshape(B, side * side, 3 * size * size)


def vit_loss_fn(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy in nats an image of logits (B, num_classes) against labels (B,) int64."""
    return F.cross_entropy(logits, labels)


def _check(embed_dim: int, image_size: int, patch_size: int, num_heads: int) -> None:
    if embed_dim < 1 or embed_dim % num_heads:
        raise ValueError(
            f"embed_dim={embed_dim} does not divide by num_heads={num_heads}; give a positive multiple of {num_heads}"
        )
    if image_size < 1 or image_size % patch_size:
        raise ValueError(
            f"image_size={image_size} does not divide by patch_size={patch_size}; give a positive multiple of "
            f"{patch_size}"
        )
