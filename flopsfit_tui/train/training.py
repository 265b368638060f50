"""A model in training: one step after the other, on batch after batch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from flopsfit_tui.core.sizes import Setting
from flopsfit_tui.core.trial import Recipe
from flopsfit_tui.core.workload import Workload
from flopsfit_tui.train.adamw import CpuAdamW
from flopsfit_tui.train.check_parts import check_parts
from flopsfit_tui.train.data import batch_length, cut
from flopsfit_tui.train.evaluate import autocast
from flopsfit_tui.train.loss import batch_loss
from flopsfit_tui.train.model import build_to_train, to_device
from flopsfit_tui.train.optim import make_optimizer
from flopsfit_tui.train.random_state import seed_generators
from flopsfit_tui.train.resident import resident
from flopsfit_tui.train.team import Team

if TYPE_CHECKING:
    from flopsfit_tui.train.compiled import CompiledLoss


class Training:
    """A model at one size, its optimizer and its stream of batches; `step` makes one update.

    On CUDA the forward pass runs in bfloat16 and float32 products in TF32; parameters, gradients and the optimizer stay
    float32. On the CPU everything is float32, and a seed gives the same losses to the last digit.
    """

    def __init__(
        self, workload: Workload, size: Setting, batch_size: int, seed: int, recipe: Recipe, device: str, parts: int = 1
    ) -> None:
        seed_generators(seed)
        self.workload, self.recipe, self.device, self.parts = workload, recipe, device, parts
        self.model = build_to_train(workload, size, device)
        self._trained: Any = self.model  # in a team it is wrapped
        self._size = size
        self._team: Team | None = None
        if isinstance(workload.loss_fn, nn.Module) and device != "cpu":
            workload.loss_fn.to(device)  # such as class weights
        self.optimizer = make_optimizer(self.model, workload, recipe)
        self._drawing = batch_size, seed
        self._data: Any = resident(workload.dataset, device)
        self.batches = iter(self._data.batches(batch_size, seed))
        self.steps = 0  # made so far
        self._next: Any = None  # a batch drawn ahead
        self.compiled: CompiledLoss | None = None
        self.random_at_end: dict[str, Any] | None = None  # after the last step, before the evaluation
        if device == "cuda":
            torch.set_float32_matmul_precision("high")  # TF32

    def join(self, team: Team) -> None:
        """Train with others from here on. Raises ValueError for a model that cannot be trained on parts of a batch."""
        if team.rank == 0 and self.steps == 0:
            check_parts(self.workload, self._size, self.recipe, self.device, self.peek(), team.size)
        team.agree(self.steps, self.parts)
        self._team, self._trained = team, team.wrap(self.model)

    def compile(self) -> float:
        """Compile the passes of a step from here on, where that can be done; seconds it took.

        Nothing else changes, and what cannot be compiled trains as it is written: `compiled.problem` says why.
        """
        from flopsfit_tui.train.compiled import CompiledLoss, compile_now  # a second of imports that few need

        self.compiled = CompiledLoss(self.workload, self._size, self.recipe, self.device)
        batch = self.peek()
        if self.parts > 1:
            batch = cut(batch, 0, math.ceil(batch_length(batch) / self.parts))
        return compile_now(self, to_device(batch, self.device))

    def step(self, rate: float) -> Tensor:
        """Draw a batch and make one update at `rate` times the peak rates; the batch's loss before it, scalar."""
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * rate
        self.optimizer.zero_grad(set_to_none=True)
        batch = self.peek()
        self._next = None
        loss = self._losses(batch) if self._team is None else self._in_team(self._team, batch)
        if isinstance(self.optimizer, CpuAdamW):
            self.optimizer.clip_and_step(self.recipe.clip)
        else:
            if self.recipe.clip:
                nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
            self.optimizer.step()
        self.steps += 1
        return loss

    def peek(self) -> Any:
        """The batch of the next step, drawn if it has not been."""
        if self._next is None:
            self._next = next(self.batches)
        return self._next

    def position(self, steps: int) -> Iterator[None]:
        """Go to where `steps` batches have been drawn: fast where the source can, else by drawing them again."""
        if hasattr(self._data, "batches_from"):
            self.batches = iter(self._data.batches_from(*self._drawing, steps))
        else:
            for _ in range(steps):
                next(self.batches)
                yield
        self.steps = steps

    def _losses(self, batch: tuple[Any, Any]) -> Tensor:
        return self.backward(to_device(batch, self.device)) if self.parts == 1 else self._accumulate(batch)

    def _in_team(self, team: Team, batch: tuple[Any, Any]) -> Tensor:
        with team.own_randomness(self._drawing[1], self.steps):
            return team.mean(self._losses(team.share(batch)))

    def backward(self, batch: tuple[Any, Any], weight: float = 1.0) -> Tensor:
        """Add `weight` times the gradients of a batch on this device; its loss."""
        if self.compiled is not None and self.device == "cuda":
            torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
        with autocast(self.device):
            if self.compiled is not None:
                loss = self.compiled(self.model, batch)
            else:
                loss = batch_loss(self.workload, self._trained, batch, self.recipe)
        (loss * weight if weight != 1.0 else loss).backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def _accumulate(self, batch: tuple[Any, Any]) -> Tensor:
        """The same batch in parts, for what does not fit in memory at once."""
        length = batch_length(batch)
        size = math.ceil(length / self.parts)
        total = torch.zeros((), device=self.device)
        for first in range(0, length, size):
            part = cut(batch, first, first + size)
            weight = batch_length(part) / length
            with nullcontext() if self._team is None or first + size >= length else self._trained.no_sync():
                total += weight * self.backward(to_device(part, self.device), weight)
        return total
