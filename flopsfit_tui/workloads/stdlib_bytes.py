"""Real text that every Python already has: the sources of its standard library, as bytes, split by file.

The corpus differs between Python versions, so its fingerprint is part of every trial's key and is shown with the plan.
"""

from __future__ import annotations

import hashlib
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

HELD_OUT = 10  # one file in so many is held out
ENOUGH = 2_000_000  # bytes; with less the standard library counts as missing
_NOT_TEXT = {"site-packages", "dist-packages", "__pycache__", "test", "tests", "idle_test", "lib2to3"}


@dataclass(frozen=True)
class Corpus:
    """Bytes for training and, from other files, for the held-out loss."""

    train: np.ndarray  # uint8
    held_out: np.ndarray  # uint8
    files: int
    fingerprint: str
    note: str  # where the text came from, for a person


@cache
def load_corpus() -> Corpus:
    """Read the sources of the standard library; where an install has none, those of installed packages.

    Raises ValueError when neither is there.
    """
    stdlib = Path(sysconfig.get_path("stdlib"))
    corpus = read_sources(stdlib, f"Python {sys.version_info.major}.{sys.version_info.minor} standard library")
    if corpus is not None:
        return corpus
    package = Path(torch.__file__).parent  # torch ships its sources: always installed, and larger than needed
    corpus = read_sources(package, "sources of the torch package (this Python came without its .py files)")
    if corpus is not None:
        return corpus
    raise ValueError(
        f"gpt-bytes reads Python sources, and neither {stdlib} nor {package} has {ENOUGH / 1e6:.0f} MB of .py files; "
        f"install Python with its sources, or bring your own workload"
    )


def read_sources(root: Path, called: str) -> Corpus | None:
    """All `.py` files below `root`, split by a hash of their path; None when there are too few."""
    files = sorted(p for p in root.rglob("*.py") if not _NOT_TEXT & set(p.relative_to(root).parts))
    parts: tuple[list[bytes], list[bytes]] = ([], [])
    digest = hashlib.sha256()
    for path in files:
        name, text = path.relative_to(root).as_posix(), path.read_bytes()
        held_out = int(hashlib.sha256(name.encode()).hexdigest(), 16) % HELD_OUT == 0
        parts[held_out].append(text)
        digest.update(name.encode() + b"\0" + text)
    train, held = (np.frombuffer(b"\n".join(part), dtype=np.uint8) for part in parts)
    if len(train) + len(held) < ENOUGH:
        return None
    fingerprint = digest.hexdigest()[:8]
    size = (len(train) + len(held)) / 1e6
    return Corpus(train, held, len(files), fingerprint, f"{called}: {size:.1f} MB, {len(files)} files, {fingerprint}")


class ByteWindows:
    """Windows of a byte string as (inputs, targets), each (B, T) int64, targets one byte ahead.

    An epoch is every window once, in random order, cut at a random phase, so that over epochs every byte is seen at
    every position.
    """

    def __init__(self, text: np.ndarray, seq_len: int, fingerprint: str, limit: int | None = None) -> None:
        self.text = text
        self.tokens_per_sample = seq_len
        self.fingerprint = fingerprint
        windows = max(0, (len(text) - 1) // seq_len)
        self.samples: int | None = min(windows, limit or windows)  # `limit`: so many windows, evenly spread

    def batches(self, batch_size: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Endless batches, drawn by seed; raises ValueError when the text is shorter than one batch."""
        T = self.tokens_per_sample
        if self.samples is None or self.samples <= batch_size:
            raise ValueError(f"{len(self.text)} bytes are less than one batch of {batch_size} windows of {T}")
        draw = np.random.default_rng(seed)
        order = np.empty(0, dtype=np.int64)
        while True:
            while len(order) < batch_size:
                phase = int(draw.integers(T))
                windows = (len(self.text) - 1 - phase) // T
                order = np.concatenate([order, phase + T * draw.permutation(windows)])
            yield self._cut(order[:batch_size])
            order = order[batch_size:]

    def once(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The held-out windows, evenly spread over the text, in a fixed order."""
        T = self.tokens_per_sample
        windows = (len(self.text) - 1) // T
        count = self.samples or 0
        starts = T * np.linspace(0, windows - 1, count).astype(np.int64)
        for first in range(0, count, batch_size):
            yield self._cut(starts[first : first + batch_size])

    def _cut(self, starts: np.ndarray) -> tuple[Tensor, Tensor]:
        T = self.tokens_per_sample
        windows = torch.from_numpy(self.text[starts[:, None] + np.arange(T + 1)].astype(np.int64))  # (B, T+1)
        return windows[:, :-1], windows[:, 1:]
