"""A decoder-only transformer with the width as its size knob.

Pre-norm blocks (GPT-2, Radford et al. 2019), ALiBi positions (Press et al., arXiv 2108.12409), squared ReLU (So et al.,
arXiv 2109.08668: as good as GELU here, and a fifth of a step cheaper), fused attention, no biases, an untied head that
starts at zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from flopsfit_tui.workloads.block import Block, check_gain, run_blocks
from flopsfit_tui.workloads.cross_entropy import IGNORED, cross_entropy


@dataclass(frozen=True)
class GPTConfig:
    """Shape of a GPT. Raises ValueError when d_model does not divide by num_heads."""

    d_model: int = 256
    num_layers: int = 6
    num_heads: int = 4
    vocab_size: int = 50_257  # of GPT-2's tokenizer
    max_seq_len: int = 256
    alibi_slopes: tuple[float, ...] | None = None  # one a head; None: the paper's 2^(-8 i / heads)
    head_gain: float = 1.0  # of the norm before the head, at the start: the head learns faster by as much

    def __post_init__(self) -> None:
        if self.d_model < 1 or self.d_model % self.num_heads:
            raise ValueError(
                f"d_model={self.d_model} does not divide by num_heads={self.num_heads}; "
                f"give a positive multiple of {self.num_heads}"
            )
        if self.alibi_slopes is not None and len(self.alibi_slopes) != self.num_heads:
            raise ValueError(
                f"alibi_slopes has {len(self.alibi_slopes)} numbers for num_heads={self.num_heads}; give one a head"
            )
        check_gain(self.head_gain)

    @property
    def slopes(self) -> tuple[float, ...]:
        """How fast each head forgets: its attention falls by the slope a token of distance."""
        return self.alibi_slopes or tuple(2 ** (-8 * (i + 1) / self.num_heads) for i in range(self.num_heads))


class GPT(nn.Module):
    """Token ids in, next-token logits out; with labels, the loss as well."""

    attention_bias: Tensor

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(config.vocab_size, config.d_model)
        self.blocks = nn.ModuleList(
            Block(config.d_model, config.num_heads, 4 * config.d_model) for _ in range(config.num_layers)
        )
        self.norm = nn.LayerNorm(config.d_model, bias=False)
        self.head = nn.Linear(config.d_model, config.vocab_size, bias=False)
        self.register_buffer("attention_bias", alibi_bias(config), persistent=False)
        if not self.embed.weight.is_meta:  # there only shapes are wanted, and planning wants many
            self._initialise()

    def _initialise(self) -> None:
        nn.init.normal_(self.embed.weight)
        nn.init.constant_(self.norm.weight, self.config.head_gain)
        for block in self.blocks:
            self._init_block(block)
        nn.init.zeros_(self.head.weight)

    @torch.no_grad()
    def _init_block(self, block: Any) -> None:
        """Orthogonal matrices (Saxe et al., arXiv 1312.6120) and queries of zero (Yang et al., arXiv 2203.03466, D.2).

        Attention begins as its bias alone. With normal matrices narrow models' losses scatter x1.7 as much over seeds.
        """
        into_stream = (2 * self.config.num_layers) ** -0.5  # keeps the residual stream's variance (GPT-2)
        _orthogonal(block.qkv.weight)
        block.qkv.weight[: self.config.d_model] = 0
        _orthogonal(block.project.weight, into_stream)
        _orthogonal(block.up.weight, (block.up.out_features / block.up.in_features) ** 0.5)
        _orthogonal(block.down.weight, into_stream)

    def forward(self, input_ids: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """input_ids (B, T) int64 -> logits (B, T, V), and the mean loss in nats a token when labels (B, T) are given.

        Labels are the tokens that follow, -100 where none counts. Labels that equal the inputs, as Hugging Face models
        take them, are moved by one here: no model is asked to repeat what it was given.
        """
        T = input_ids.shape[1]
        if self.config.max_seq_len < T:
            raise ValueError(f"a sequence of {T} tokens is longer than max_seq_len={self.config.max_seq_len}")
        x = self.embed(input_ids)
        bias = self.attention_bias[:, :, :T, :T]
        logits = self.head(run_blocks(x, self.blocks, self.norm, bias))
        if labels is None:
            return logits, None
        if T > 1 and _repeats(input_ids, labels):
            return logits, gpt_loss_fn((logits[:, :-1], None), labels[:, 1:])
        return logits, gpt_loss_fn((logits, None), labels)

    def num_params(self) -> int:
        """Trainable parameters, N."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)


def _orthogonal(weight: Tensor, gain: float = 1.0) -> None:
    weight.copy_(nn.init.orthogonal_(torch.empty_like(weight, dtype=torch.float32), gain))  # no QR in half precision


def _repeats(input_ids: Tensor, labels: Tensor) -> bool:
    """Whether labels are the inputs themselves wherever they count; on `meta`, where nothing is known, they are not."""
    return not labels.is_meta and bool(((labels == input_ids) | (labels == IGNORED)).all())


def alibi_bias(config: GPTConfig) -> Tensor:
    """What ALiBi adds to attention logits, (1, H, T, T): -slope * distance into the past, -inf into the future."""
    positions = torch.arange(config.max_seq_len)
    distance = (positions[:, None] - positions[None, :]).float()  # (T, T), positive into the past
    bias = -torch.tensor(config.slopes)[:, None, None] * distance
    return bias.masked_fill(distance < 0, float("-inf"))[None]


def gpt_loss_fn(outputs: tuple[Tensor, Tensor | None], labels: Tensor) -> Tensor:
    """Mean cross-entropy in nats a token of `(logits (B, T, V), _)` against labels (B, T)."""
    logits = outputs[0]
    return cross_entropy(logits.reshape(-1, logits.shape[-1]), labels.reshape(-1))
