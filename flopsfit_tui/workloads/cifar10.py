"""CIFAR-10 (Krizhevsky 2009): 60,000 photographs of ten classes, downloaded when first used and then kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from platformdirs import user_cache_path
from torch import Tensor
from torch.utils.data import Dataset

from flopsfit_tui.workloads.preview import Lazy, Preview

IMAGES = {True: 50_000, False: 10_000}  # for training, and the test set
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)  # of the training pixels, red, green, blue in 0 to 1
PAD = 4  # pixels by which a crop may move (He et al., arXiv 1512.03385, section 4.2)
OFFLINE = "vit-textures and gpt-bytes need no download"


class CIFAR10Dataset(Dataset[tuple[Tensor, int]], Lazy):
    """The training images, or the test images with train=False; at most the first `limit` of them.

    Constructing it reads nothing. When first used the archive is looked for in data_dir (None: the user's cache
    directory), downloaded there with a progress bar if it is missing, and kept in memory as bytes (184 MB).

    As a torch Dataset, `[i]` is image i as it is: (3, 32, 32) float32, with mean 0 and deviation 1 over the training
    set, and its label, an int. As a Source it gives whole batches, cropped and flipped at random when train=True, by
    seed.

    Using it raises ValueError when the archive cannot be downloaded or torchvision cannot be loaded.
    """

    tokens_per_sample = 1

    def __init__(self, train: bool = True, data_dir: str | Path | None = None, limit: int | None = None) -> None:
        self.train = train
        self.data_dir = data_dir or user_cache_path("flopsfit-tui") / "cifar10"  # as given
        self.samples: int | None = min(IMAGES[train], limit or IMAGES[train])
        self.fingerprint = f"cifar-10 {'train' if train else 'test'}, {self.samples} images"
        self._loaded: tuple[np.ndarray, np.ndarray] | None = None

    def __len__(self) -> int:
        return self.samples or 0

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"image {index} of {len(self)}")
        images, labels = self.load()
        return normalise(images[index][None])[0], int(labels[index])

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_loaded": None}  # another process reads its own

    def batches(self, batch_size: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Endless (images (B, 3, 32, 32) float32, labels (B,) int64), reshuffled every epoch."""
        images, labels = self.load()
        draw = np.random.default_rng(seed)
        order = np.empty(0, dtype=np.int64)
        while True:
            while len(order) < batch_size:
                order = np.concatenate([order, draw.permutation(len(images))])
            chosen, order = order[:batch_size], order[batch_size:]
            drawn = augment(images[chosen], draw) if self.train else images[chosen]
            yield normalise(drawn), torch.from_numpy(labels[chosen])

    def once(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Every image once, as it is."""
        images, labels = self.load()
        for first in range(0, len(images), batch_size):
            part = slice(first, first + batch_size)
            yield normalise(images[part]), torch.from_numpy(labels[part])

    def held_out(self, samples: int | None = None) -> CIFAR10Dataset:
        """The test images, or so many of them; they are in random order."""
        return CIFAR10Dataset(train=False, data_dir=self.data_dir, limit=samples)

    def preview(self) -> Preview:
        """Batches of the right shape without a single image, to plan with while nothing has been read."""
        blank = torch.zeros(1, 3, 32, 32), torch.zeros(1, dtype=torch.int64)
        return Preview(blank, 1, self.samples, "CIFAR-10")

    def load(self) -> tuple[np.ndarray, np.ndarray]:
        """Images (n, 3, 32, 32) uint8 and labels (n,) int64; read, and if need be downloaded, once."""
        if self._loaded is None:
            images, labels = read(Path(self.data_dir).expanduser(), self.train)
            self._loaded = images[: self.samples], labels[: self.samples]
        return self._loaded


def read(data_dir: Path, train: bool) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 3, 32, 32) uint8 and labels (n,) int64 by torchvision, which checks every file's MD5 sum.

    Raises ValueError in one sentence when there is no torchvision, no network or no room.
    """
    try:
        from torchvision.datasets import CIFAR10  # 1 s, and only here
    except (ImportError, RuntimeError, OSError) as error:  # built for another torch: operator torchvision::nms ...
        raise ValueError(
            f"CIFAR-10 is read by torchvision, which does not load beside torch {torch.__version__} ({error}); install "
            f"the torchvision that belongs to it, or use another workload: {OFFLINE}"
        ) from error
    try:
        found = CIFAR10(str(data_dir), train=train, download=True)
    except (OSError, RuntimeError) as error:
        raise ValueError(
            f"CIFAR-10 is not in {data_dir} and could not be downloaded from {CIFAR10.url} ({error}); connect to the "
            f"network, or put the archive there, or use another workload: {OFFLINE}"
        ) from error
    return np.ascontiguousarray(found.data.transpose(0, 3, 1, 2)), np.array(found.targets, dtype=np.int64)


def augment(images: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """images (B, 3, S, S) uint8, each moved by up to 4 pixels, black outside, and half of them mirrored."""
    B, _, S, _ = images.shape
    padded = np.pad(images, ((0, 0), (0, 0), (PAD, PAD), (PAD, PAD)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (S, S), axis=(2, 3))  # (B, 3, 9, 9, S, S)
    down, right = draw.integers(2 * PAD + 1, size=(2, B))
    moved = windows[np.arange(B), :, down, right]  # (B, 3, S, S)
    mirrored = draw.random(B) < 0.5
    moved[mirrored] = moved[mirrored, :, :, ::-1]
    return moved


def normalise(images: np.ndarray) -> Tensor:
    """images (B, 3, S, S) uint8 -> float32, with mean 0 and deviation 1 a channel over the training set."""
    mean, std = (255 * torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
    return (torch.from_numpy(images).float() - mean) / std
