"""Train one trial: a generator of events, which its caller may leave standing between any two of them to pause it."""

from __future__ import annotations

import math
import time
import traceback
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from flopsfit_tui.core.events import Note, TrialEnded, TrialProgress
from flopsfit_tui.core.trial import Outcome, Recipe, Status, Trial
from flopsfit_tui.core.workload import Workload
from flopsfit_tui.train.data import batch_length, cut
from flopsfit_tui.train.device import pick_device
from flopsfit_tui.train.measure import build_model, call_model, checked_loss, to_device
from flopsfit_tui.train.optim import make_optimizer
from flopsfit_tui.train.schedule import rate_factor
from flopsfit_tui.train.simulated import simulate_trial

PROGRESS_SECONDS = 0.1  # ten events a second at most
EVAL_BATCH = 64


class Diverged(ArithmeticError):
    """A loss that is not a number, or infinite."""


class Training:
    """A model at one size, its optimizer and its stream of batches; `step` makes one update.

    On CUDA the forward pass runs in bfloat16 and float32 products in TF32; parameters, gradients and the optimizer stay
    float32. On the CPU everything is float32, and a seed gives the same losses to the last digit.
    """

    def __init__(
        self, workload: Workload, size: int, batch_size: int, seed: int, recipe: Recipe, device: str, parts: int = 1
    ) -> None:
        torch.manual_seed(seed)
        self.workload, self.recipe, self.device, self.parts = workload, recipe, device, parts
        self.model = build_model(workload, size).to(device).train()
        self.optimizer = make_optimizer(self.model, workload, recipe)
        self.batches = iter(workload.dataset.batches(batch_size, seed))
        if device == "cuda":
            torch.set_float32_matmul_precision("high")  # TF32

    def step(self, rate: float) -> Tensor:
        """Draw a batch and make one update at `rate` times the peak rates; the batch's loss before it, scalar."""
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * rate
        self.optimizer.zero_grad(set_to_none=True)
        batch = next(self.batches)
        loss = self._backward(to_device(batch, self.device)) if self.parts == 1 else self._accumulate(batch)
        if self.recipe.clip:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        self.optimizer.step()
        return loss

    def _backward(self, batch: tuple[Any, Any], weight: float = 1.0) -> Tensor:
        with autocast(self.device):
            loss = checked_loss(self.workload, self.model, batch)
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
            total += weight * self._backward(to_device(part, self.device), weight)
        return total


def autocast(device: str) -> AbstractContextManager[Any]:
    """Mixed precision where it pays: bfloat16 on CUDA; on a CPU it was 1.4 to 2.2 times slower."""
    return torch.autocast("cuda", dtype=torch.bfloat16) if device == "cuda" else nullcontext()


def train_trial(
    workload: Workload, trial: Trial, recipe: Recipe, device: str
) -> Iterator[TrialProgress | TrialEnded | Note]:
    """Train a trial on exactly its tokens, then take its loss on the held-out data.

    Yields TrialProgress at most ten times a second and TrialEnded last, also when training fails: the user's code may
    raise anything, and its traceback is the outcome, beside what had been spent by then. When the device runs out of
    memory the trial begins anew with the batch in twice as many parts, whose gradients are accumulated.
    """
    if workload.simulate is not None:
        yield from simulate_trial(workload.simulate, trial)
        return
    parts = 1
    while True:
        log = _Log(trial)
        try:
            device = pick_device(device)
            yield from _train(workload, trial, recipe, device, parts, log)
        except torch.OutOfMemoryError:
            if parts >= trial.batch_size:
                yield TrialEnded(trial.key, log.outcome("failed", device, error=traceback.format_exc()))
                return
        except Exception:  # noqa: BLE001 - whatever the user's code raises is this trial's outcome
            yield TrialEnded(trial.key, log.outcome("failed", device, error=traceback.format_exc()))
            return
        else:
            return
        parts *= 2
        if device == "cuda":
            torch.cuda.empty_cache()
        size = f"{workload.model_size_param} {trial.size}"
        yield Note("warning", f"out of memory at {size}: begun anew with each batch in {parts} parts, accumulated")


def _train(
    workload: Workload, trial: Trial, recipe: Recipe, device: str, parts: int, log: _Log
) -> Iterator[TrialProgress | TrialEnded]:
    recipe = replace(recipe, learning_rate=trial.learning_rate)
    training = Training(workload, trial.size, trial.batch_size, trial.seed, recipe, device, parts)
    log.resume()
    for step in range(trial.steps):
        progress = log.add(training.step(rate_factor(step, trial.steps, recipe)))
        if progress:
            yield progress
            log.resume()
    log.stop()
    loss = held_out_loss(training.model, workload, device)
    if not math.isfinite(loss):
        raise Diverged(f"the held-out loss is {loss}")
    yield TrialEnded(trial.key, log.outcome("finished", device, loss=loss))


class _Log:
    """Training losses into progress events; its clock stands still while the trial is paused."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.first_loss = math.nan
        self._step = self._reported = 0
        self._sum: Tensor | float = 0.0  # stays on the device: reading it every step would stall an accelerator
        self._tail: deque[tuple[int, float]] = deque()  # (steps, mean loss) over the last tenth of training
        self._spent, self._began = 0.0, time.perf_counter()

    def add(self, loss: Tensor) -> TrialProgress | None:
        """Count one step; a progress when one is due. Raises Diverged when the losses since the last are not finite."""
        self._step += 1
        self._sum = self._sum + loss
        step, steps = self._step, self.trial.steps
        if time.perf_counter() - self._began < PROGRESS_SECONDS and 1 < step < steps:
            return None
        taken = step - self._reported
        mean = float(self._sum) / taken
        if not math.isfinite(mean):
            raise Diverged(f"the training loss became {mean} by step {step} of {steps}")
        if step == 1:
            self.first_loss = mean
        self._tail.append((taken, mean))
        while sum(n for n, _ in self._tail) - self._tail[0][0] >= steps / 10:
            self._tail.popleft()
        self._sum, self._reported = 0.0, step
        tokens, flops = step * (self.trial.tokens // steps), step * (self.trial.flops / steps)
        return TrialProgress(self.trial.key, step, tokens, flops, mean, self.stop())

    def stop(self) -> float:
        """Stand still; seconds of training so far."""
        self._spent += time.perf_counter() - self._began
        self._began = time.perf_counter()
        return self._spent

    def resume(self) -> None:
        """Run on, from now."""
        self._began = time.perf_counter()

    def outcome(self, status: Status, device: str, loss: float = math.nan, error: str = "") -> Outcome:
        """What the steps so far have spent and bought."""
        trial, taken = self.trial, sum(n for n, _ in self._tail)
        return Outcome(
            status,
            steps=self._step,
            samples=self._step * trial.batch_size,
            tokens=self._step * (trial.tokens // trial.steps),
            flops=self._step * (trial.flops / trial.steps),
            loss=loss,
            train_loss=sum(n * x for n, x in self._tail) / taken if taken else math.nan,
            first_loss=self.first_loss,
            seconds=self._spent,
            device=device,
            error=error,
        )


def held_out_loss(model: nn.Module, workload: Workload, device: str) -> float:
    """Mean loss over the held-out data, in smaller batches where memory is short."""
    size = EVAL_BATCH
    while True:
        try:
            return evaluate(model, workload, device, size=size)
        except torch.OutOfMemoryError:
            if size == 1:
                raise
            size //= 2


@torch.no_grad()
def evaluate(
    model: nn.Module, workload: Workload, device: str, batches: int | None = None, size: int = EVAL_BATCH
) -> float:
    """Mean loss over the held-out data (or its first few batches), every sample weighing the same."""
    model.eval()
    total = samples = 0.0
    for inputs, targets in islice(workload.val_dataset.once(size), batches):
        with autocast(device):
            loss = workload.loss_fn(call_model(model, to_device(inputs, device)), to_device(targets, device))
        total += batch_length(targets) * float(loss)
        samples += batch_length(targets)
    return total / samples


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Train on so many threads: as many as cores beside other work collapses (84 steps a second became 1)."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
