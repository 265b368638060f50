"""Several processes that torchrun has started, which train one trial together by DistributedDataParallel.

Each draws every batch whole and takes its own part of it, so that the global batch is that of one process. Gradients
and losses are means over equal parts: those of the whole batch but for the order in which float32 numbers are added.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from flopsfit_tui.train.data import batch_length, cut
from flopsfit_tui.train.device import pick_device
from flopsfit_tui.train.random_state import random_state, seed_generators, set_random_state

PAUSE = timedelta(days=365)  # the others stand in a collective call while the first one is paused


class Team:
    """This process among those of its trial; the first (rank 0) evaluates, saves checkpoints and reports."""

    def __init__(self, device: str) -> None:
        self.device = pick_device(device)
        local = int(os.environ["LOCAL_RANK"])
        if self.device == "cuda":
            torch.cuda.set_device(local)
        dist.init_process_group("nccl" if self.device == "cuda" else "gloo", timeout=PAUSE)
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        self._local = [local] if self.device == "cuda" else None
        warnings.filterwarnings("ignore", message="`broadcast_buffers` is deprecated")  # what replaces it is newer

    def agree(self, steps: int, parts: int) -> None:
        """Raise RuntimeError where the others begin elsewhere, as where only some could read the checkpoint."""
        found: list[Any] = [None] * self.size
        dist.all_gather_object(found, (steps, parts))
        if len(set(found)) > 1:
            raise RuntimeError(f"the processes of the trial begin at different steps: {found}")

    def wrap(self, model: nn.Module) -> nn.Module:
        """The model with gradients that are means over all processes."""
        return nn.parallel.DistributedDataParallel(
            model, device_ids=self._local, broadcast_buffers=False, find_unused_parameters=True
        )

    def share(self, batch: Any) -> Any:
        """This process's part of a batch. Raises ValueError for one that has no equal parts."""
        length = batch_length(batch)
        if length % self.size:
            raise ValueError(
                f"a batch of {length} samples has no {self.size} equal parts, one for each process of the trial; give "
                f"batches whose size {self.size} divides, or another --nproc-per-trial"
            )
        each = length // self.size
        return cut(batch, self.rank * each, (self.rank + 1) * each)

    def mean(self, loss: Tensor) -> Tensor:
        """The mean over all processes."""
        total = loss.clone()
        dist.all_reduce(total)
        return total / self.size

    @contextmanager
    def own_randomness(self, seed: int, step: int) -> Iterator[None]:
        """Meanwhile, as for dropout, random numbers of this process's own; afterwards those that all have alike."""
        before = random_state(self.device)
        seed_generators(hash((seed, step, self.rank)) % 2**32)
        try:
            yield
        finally:
            set_random_state(before)
