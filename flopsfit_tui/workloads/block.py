"""The transformer block that the built-in models share.

check_gain(gain)                 what both models' heads take
run_blocks(x, blocks, norm)      torch's modules, or all of it as one function, FusedBlocks, where that is faster
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.module import _has_any_global_hook

from flopsfit_tui.workloads.fused_blocks import FusedBlocks

LONGEST = 64  # tokens: of longer sequences torch's fused attention is the faster one


class Block(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)); pre-norm, squared ReLU, no biases."""

    def __init__(self, d: int, heads: int, mlp: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention = nn.LayerNorm(d, bias=False)
        self.qkv = nn.Linear(d, 3 * d, bias=False)
        self.project = nn.Linear(d, d, bias=False)
        self.norm_mlp = nn.LayerNorm(d, bias=False)
        self.up = nn.Linear(d, mlp, bias=False)
        self.down = nn.Linear(mlp, d, bias=False)

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """x (B, T, d), bias (1, H, T, T) added to attention logits -> (B, T, d)."""
        B, T, d = x.shape
        qkv = self.qkv(self.norm_attention(x)).view(B, T, 3, self.heads, d // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (B, H, T, d/H)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        x = x + self.project(mixed.transpose(1, 2).reshape(B, T, d))
        hidden: Tensor = x + self.down(F.relu(self.up(self.norm_mlp(x))).square())
        return hidden


def check_gain(gain: float) -> None:
    """ValueError for a head's gain that is not above 0, or not finite."""
    if not 0 < gain < math.inf:
        raise ValueError(f"head_gain={gain} is no gain; give a positive number")


def run_blocks(x: Tensor, blocks: nn.ModuleList, norm: nn.LayerNorm, bias: Tensor | None = None) -> Tensor:
    """x (B, T, d) through blocks that share a number of heads, then the norm; bias (1, H, T, T) as in Block.

    On a CPU in float32, over short sequences, all of it is one function with a gradient of its own: the same numbers
    but for rounding, and with the rest of what a step does a third faster (`python -m benchmarks --only steps`).
    """
    weights = _untouched_weights(blocks, norm) if _fused_pays(x) else None
    if weights is not None:
        made: Tensor = FusedBlocks.apply(x, bias, blocks[0].heads, *weights)  # type: ignore[no-untyped-call]
        return made
    for block in blocks:
        x = block(x, bias)
    normed: Tensor = norm(x)
    return normed


def _fused_pays(x: Tensor) -> bool:
    return (
        x.device.type == "cpu"
        and x.dtype == torch.float32
        and x.shape[1] <= LONGEST
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
        and not _has_any_global_hook()  # type: ignore[no-untyped-call]
    )


def _untouched_weights(blocks: nn.ModuleList, norm: nn.Module) -> list[Tensor] | None:
    """Each layer's weight, while all are as they were built: no other in its place, no hook, no other dtype."""
    weights = []
    parts: list[Any] = [part for block in blocks for part in block._modules.values()]
    for part in (*parts, norm):
        own: Any = vars(part)["_parameters"]
        if (
            type(part) not in (nn.Linear, nn.LayerNorm)
            or part._forward_hooks
            or part._forward_pre_hooks
            or part._backward_hooks
            or part._backward_pre_hooks
            or own.get("bias") is not None
            or own["weight"].dtype != torch.float32
        ):
            return None
        weights.append(own["weight"])
    return weights
