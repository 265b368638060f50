"""A quilt: endless synthetic images of ten classes, drawn by seed, whose lowest possible loss is known.

Each image is a 4x4 grid of 8x8 tiles. A tile is one of 512 smooth textures, drawn by Zipf's law, plus noise. Every
texture votes for each of the ten classes by a weight of its own, and the label is drawn from the softmax of the votes'
sum. Evidence that adds up has no plateau, and rare textures reward size and data, as rare words do: losses fall like a
language model's. What did not work: Gabor patches labelled by a conjunction stay at ln 10 for most of a small budget;
whole-image templates in noise put the optimum off the ladder.

The noise leaves every texture recognisable, so the entropy of the label given its tiles is the Bayes loss: no model,
however large and however long it trains, gets below it.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

CLASSES = 10
VOCABULARY = 512  # textures
SIDE, TILE = 4, 8  # tiles a side, pixels a tile
NOISE = 0.35  # standard deviation of each pixel's; a texture's is about 0.7
SHARPNESS = 6.0  # of the softmax: how far a label can be known
WORLD = 1  # seed of the textures and their votes: the same for everybody
HELD_OUT_SEED = 2**32 - 1  # no trial has it; torch seeds its generator with 32 bits
DRAWN_AT_ONCE = (
    64  # images: as many as a cache holds; fixed, so that what a seed gives does not depend on the batch size
)


class TextureQuilts:
    """A Source of (images (B, 3, 32, 32) float32, labels (B,) int64); `samples` None is endless, for training.

    With `samples` it is that many held-out images, the same at every call.
    """

    tokens_per_sample = 1
    fingerprint = f"quilt-1: {VOCABULARY} textures, noise {NOISE}, sharpness {SHARPNESS}, world {WORLD}"

    def __init__(self, samples: int | None = None) -> None:
        self.samples = samples
        world = torch.Generator().manual_seed(WORLD)
        colours = torch.randn(VOCABULARY, 3, 3, 3, generator=world)
        self.textures = F.interpolate(colours, size=(TILE, TILE), mode="bilinear", align_corners=True)  # (V, 3, 8, 8)
        self._line = torch.arange(3 * TILE).view(3, 1, TILE, 1)  # of a texture: colour and y
        self.shares = 1 / torch.arange(1.0, VOCABULARY + 1)  # Zipf: the second is half as frequent as the first
        self.shares /= self.shares.sum()
        self._up_to = self.shares.cumsum(0)
        votes = torch.randn(VOCABULARY, CLASSES, generator=world)
        self.votes = votes - self.shares @ votes  # (V, 10); free of mean, so that all classes are about as frequent

    def batches(self, batch_size: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Endless batches, drawn by seed."""
        draw = torch.Generator().manual_seed(seed)
        images, labels = self._draw(DRAWN_AT_ONCE, draw)
        first = 0
        while True:
            while len(images) - first < batch_size:
                more, their = self._draw(DRAWN_AT_ONCE, draw)
                if len(images) > first:
                    more, their = torch.cat([images[first:], more]), torch.cat([labels[first:], their])
                images, labels, first = more, their, 0
            yield images[first : first + batch_size], labels[first : first + batch_size]
            first += batch_size

    def once(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The held-out images, drawn anew at each call and the same each time."""
        left = self.samples or 0
        for images, labels in self.batches(batch_size, HELD_OUT_SEED):
            if left <= 0:
                return
            yield images[:left], labels[:left]
            left -= batch_size

    def held_out(self, samples: int) -> TextureQuilts:
        """So many images that no trial draws."""
        return TextureQuilts(samples)

    def logits(self, tiles: Tensor) -> Tensor:
        """tiles (B, 16) int64 -> the logits (B, 10) from whose softmax a label is drawn."""
        return SHARPNESS / SIDE * self.votes[tiles].sum(1)

    def bayes_loss(self, samples: int = 100_000) -> tuple[float, float]:
        """The lowest possible loss in nats an image, and its standard error: a label's mean entropy given its tiles."""
        log_p = self.logits(self._tiles(samples, torch.Generator().manual_seed(WORLD))).log_softmax(1)
        entropy = -(log_p.exp() * log_p).sum(1)
        return float(entropy.mean()), float(entropy.std()) / samples**0.5

    def _tiles(self, count: int, draw: torch.Generator) -> Tensor:
        found = torch.searchsorted(self._up_to, torch.rand(count, SIDE * SIDE, generator=draw))
        return found.clamp_(max=VOCABULARY - 1)

    def _draw(self, count: int, draw: torch.Generator) -> tuple[Tensor, Tensor]:
        tiles = self._tiles(count, draw)  # (B, 16)
        labels = self.logits(tiles).softmax(1).multinomial(1, generator=draw)[:, 0]
        images = torch.randn(count, 3, SIDE, TILE, SIDE, TILE, generator=draw).mul_(NOISE)
        lines = tiles.view(count, 1, SIDE, 1, SIDE) * (3 * TILE) + self._line  # (B, 3, row, y, column)
        quilt = self.textures.view(-1, TILE).index_select(0, lines.view(-1))  # a third of the time of a permuted copy
        images += quilt.view(images.shape)  # (B, 3, row, y, column, x)
        return images.view(count, 3, SIDE * TILE, SIDE * TILE), labels
