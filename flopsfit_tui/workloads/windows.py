"""One long array of tokens, as windows to predict the next token in."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor


class TokenWindows:
    """A Source of windows as (inputs, targets), each (B, T) int64, targets one token ahead.

    `tokens` is a one-dimensional array of whole numbers; it may lie on disk. An epoch is every window once, in random
    order, cut at a random phase, so that over epochs every token is seen at every position.
    """

    def __init__(self, tokens: np.ndarray, seq_len: int, fingerprint: str, limit: int | None = None) -> None:
        self.tokens = tokens
        self.tokens_per_sample = seq_len
        self.fingerprint = fingerprint
        windows = max(0, (len(tokens) - 1) // seq_len)
        self.samples: int | None = min(windows, limit or windows)  # `limit`: so many windows, evenly spread
        self.limit = limit

    @property
    def nbytes(self) -> int:
        """Bytes of all tokens."""
        return int(self.tokens.nbytes)

    def resident(self, device: str) -> ResidentWindows:
        """The same windows, cut on a device that holds all tokens."""
        return ResidentWindows(self, device)

    def batches(self, batch_size: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Endless batches, drawn by seed; raises ValueError when the text is shorter than one batch."""
        return self.batches_from(batch_size, seed, 0)

    def batches_from(self, batch_size: int, seed: int, skipped: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The same without the first `skipped` batches, which are not read."""
        T = self.tokens_per_sample
        if self.samples is None or self.samples <= batch_size:
            raise ValueError(f"{len(self.tokens)} tokens are less than one batch of {batch_size} windows of {T}")
        draw = np.random.default_rng(seed)
        order = np.empty(0, dtype=np.int64)
        while True:
            while len(order) < batch_size:
                phase = int(draw.integers(T))
                windows = (len(self.tokens) - 1 - phase) // T
                order = np.concatenate([order, phase + T * draw.permutation(windows)])
            if skipped:
                skipped -= 1
            else:
                yield self.cut(order[:batch_size])
            order = order[batch_size:]

    def once(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The windows at phase zero, or `limit` of them evenly spread, in a fixed order."""
        starts = self.starts()
        for first in range(0, len(starts), batch_size):
            yield self.cut(starts[first : first + batch_size])

    def starts(self) -> np.ndarray:
        """Where the windows of `once` begin, (samples,)."""
        windows = (len(self.tokens) - 1) // self.tokens_per_sample
        return self.tokens_per_sample * np.linspace(0, windows - 1, self.samples or 0).astype(np.int64)

    def cut(self, starts: np.ndarray) -> tuple[Tensor, Tensor]:
        """The windows that begin at starts (B,)."""
        T = self.tokens_per_sample
        windows = torch.from_numpy(self.tokens[starts[:, None] + np.arange(T + 1)].astype(np.int64))  # (B, T+1)
        return windows[:, :-1], windows[:, 1:]


class ResidentWindows(TokenWindows):
    """Windows whose tokens lie on a device: a batch takes its starts there, and is gathered there."""

    def __init__(self, windows: TokenWindows, device: str) -> None:
        super().__init__(windows.tokens, windows.tokens_per_sample, windows.fingerprint, windows.limit)
        tokens = np.ascontiguousarray(windows.tokens)
        if tokens.dtype not in (np.uint8, np.int16, np.int32, np.int64):  # such as uint16, which torch hardly knows
            tokens = tokens.astype(np.int64)
        self._here = torch.from_numpy(tokens if tokens.flags.writeable else tokens.copy()).to(device)
        self._ahead = torch.arange(self.tokens_per_sample + 1, device=device)

    def cut(self, starts: np.ndarray) -> tuple[Tensor, Tensor]:
        """The windows that begin at starts (B,), on the device."""
        first = torch.from_numpy(starts.astype(np.int64)).to(self._here.device, non_blocking=True)
        windows = self._here[first[:, None] + self._ahead].long()  # (B, T+1)
        return windows[:, :-1], windows[:, 1:]
