"""Train one trial: a generator of events, which its caller may leave standing between any two of them to pause it.

Closing it leaves the trial: its checkpoint is written, and it goes on from there when it is trained again.
"""

from __future__ import annotations

import contextlib
import math
import time
import traceback
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from flopsfit_tui.core.checkpoint_files import Checkpointing
from flopsfit_tui.core.events import Note, TrialAlive, TrialEnded, TrialProgress
from flopsfit_tui.core.trial import Outcome, Recipe, Status, Trial
from flopsfit_tui.core.workload import Workload
from flopsfit_tui.train.checkpoint import Checkpoints, load
from flopsfit_tui.train.checkpoint_file import CannotResume
from flopsfit_tui.train.device import pick_device
from flopsfit_tui.train.evaluate import evaluating
from flopsfit_tui.train.random_state import random_state
from flopsfit_tui.train.schedule import rate_factor
from flopsfit_tui.train.simulated import simulate_trial
from flopsfit_tui.train.team import Team
from flopsfit_tui.train.training import Training

PROGRESS_SECONDS = 0.1  # ten events a second at most
STAND_SECONDS = 0.02  # of training, at most, between two steps at which a trial can be paused; or one step
Said = TrialProgress | TrialEnded | TrialAlive | Note


class Diverged(ArithmeticError):
    """A loss that is not a number, or infinite."""


def train_trial(
    workload: Workload,
    trial: Trial,
    recipe: Recipe,
    device: str,
    checkpointing: Checkpointing | None = None,
    team: Team | None = None,
    parts: int = 1,
) -> Generator[Said, None, None]:
    """Train a trial on exactly its tokens, then take its loss on the held-out data.

    Yields TrialProgress at most ten times a second and TrialEnded last, also when training fails: the user's code may
    raise anything, and its traceback is the outcome, beside what had been spent by then. When the device runs out of
    memory the trial begins anew with the batch in twice as many parts, whose gradients are accumulated. A trial that
    has a checkpoint goes on from it. Raises MemoryError when the process has no memory left. The first process of a
    team trains with the others, and raises torch's OutOfMemoryError: all of them begin anew, with more parts.
    """
    if workload.simulate is not None:
        yield from simulate_trial(workload.simulate, trial)
        return
    name = f"{workload.model_size_param} {trial.size}"
    checkpoints = Checkpoints(trial, checkpointing, f"the trial at {name}, budget {trial.budget:.3g}")
    while True:
        log = _Log(trial)
        try:
            device = pick_device(device)
            yield from _train(workload, trial, recipe, device, parts, log, checkpoints, team)
        except torch.OutOfMemoryError:
            if team is not None:
                raise
            if parts >= trial.batch_size or recipe.reduction == "batch":  # whose parts have another loss
                yield TrialEnded(trial.key, log.outcome("failed", device, error=traceback.format_exc()))
                return
        except MemoryError:
            raise
        except (Exception, SystemExit) as error:  # whatever the user's code raises is this trial's outcome
            if _no_memory(error):
                raise MemoryError(str(error)) from error
            if team is None:  # else another of them may have been lost, and the trial is tried again
                checkpoints.delete()
            yield TrialEnded(trial.key, log.outcome("failed", device, error=traceback.format_exc()))
            return
        else:
            return
        parts *= 2
        checkpoints.delete()
        if device == "cuda":
            torch.cuda.empty_cache()
        yield Note(
            "warning", f"out of memory at {name}: restarted with gradient accumulation over {parts} micro-batches"
        )


def _no_memory(error: BaseException) -> bool:
    """Whether torch says in its own words that the machine has no memory left."""
    text = str(error)[:2000]
    return type(error) is RuntimeError and "DefaultCPUAllocator" in text and "memory" in text


def _train(
    workload: Workload,
    trial: Trial,
    recipe: Recipe,
    device: str,
    parts: int,
    log: _Log,
    checkpoints: Checkpoints,
    team: Team | None,
) -> Iterator[Said]:
    recipe = replace(recipe, learning_rate=trial.learning_rate)
    training = yield from _begin(workload, trial, recipe, device, parts, log, checkpoints)
    if team is not None:
        training.join(team)
    elif trial.compiled:
        training.compile()  # before the trial's clock runs
    log.resume()
    try:
        while training.steps < trial.steps:
            progress = log.add(training.step(rate_factor(training.steps, trial.steps, recipe)))
            if progress:
                yield progress
                yield from checkpoints.save_when_due(training, log.state)
                log.resume()
            elif log.may_stand():
                yield TrialAlive(trial.key)
                log.go_on()
        log.stop()
        if training.compiled is not None and (said := training.compiled.uncompiled):
            yield Note("warning", f"{workload.model_size_param} {trial.size} was trained uncompiled: {said}")
        training.random_at_end = random_state(device)
        loss = yield from _evaluate(training, trial, recipe)
    except GeneratorExit:
        with contextlib.suppress(Exception):  # the trial is left, whatever its data, model or disk say to it
            checkpoints.save(training, log.state())
        raise
    if not math.isfinite(loss):
        raise Diverged(f"the held-out loss is {loss}")
    yield TrialEnded(trial.key, log.outcome("finished", device, loss=loss))


def train_along(
    workload: Workload,
    trial: Trial,
    recipe: Recipe,
    checkpointing: Checkpointing | None,
    team: Team,
    parts: int,
) -> None:
    """Train as the others of a team, without a word; the first one evaluates and reports."""
    recipe = replace(recipe, learning_rate=trial.learning_rate)
    begin = _begin(workload, trial, recipe, team.device, parts, _Log(trial), Checkpoints(trial, checkpointing, ""))
    while True:
        try:
            next(begin)
        except StopIteration as done:
            training: Training = done.value
            break
    training.join(team)
    while training.steps < trial.steps:
        training.step(rate_factor(training.steps, trial.steps, recipe))


def _begin(
    workload: Workload,
    trial: Trial,
    recipe: Recipe,
    device: str,
    parts: int,
    log: _Log,
    checkpoints: Checkpoints,
) -> Generator[Said, None, Training]:
    """A Training at its checkpoint, else at its first step."""

    def build() -> Training:
        training = Training(workload, trial.size, trial.batch_size, trial.seed, recipe, device, parts)
        checkpoints.begin(training)
        return training

    training = build()
    try:
        content = checkpoints.read()
        if content is not None:
            yield from load(training, content, trial)
            log.load(content["log"])
            yield Note("info", f"{workload.model_size_param} {trial.size} goes on from step {training.steps}")
    except CannotResume as why:
        yield Note("warning", f"{workload.model_size_param} {trial.size} begins anew, not from its checkpoint: {why}")
        training = build()
    return training


def _evaluate(training: Training, trial: Trial, recipe: Recipe) -> Generator[Said, None, float]:
    evaluation = evaluating(training.model, training.workload, training.device, recipe, trial.batch_size)
    while True:
        try:
            next(evaluation)
        except StopIteration as done:
            loss: float = done.value
            return loss
        yield TrialAlive(trial.key)


class _Log:
    """Training losses into progress events; its clock stands still while the trial is paused."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.first_loss = math.nan
        self._step = self._reported = 0
        self._sum: Tensor | float = 0.0  # stays on the device: reading it every step would stall an accelerator
        self._tail: deque[tuple[int, float]] = deque()  # (steps, mean loss) over the last tenth of training
        self._spent, self._began = 0.0, time.perf_counter()
        self._stood = self._now = self._began  # when it could last be paused, and when a step last ended

    def add(self, loss: Tensor) -> TrialProgress | None:
        """Count one step; a progress when one is due. Raises Diverged when the losses since the last are not finite."""
        self._step += 1
        self._sum = self._sum + loss
        step, steps = self._step, self.trial.steps
        self._now = time.perf_counter()
        if self._now - self._began < PROGRESS_SECONDS and 1 < step < steps:
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

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {
            "step": self._step,
            "reported": self._reported,
            "sum": float(self._sum),
            "tail": list(self._tail),
            "first_loss": self.first_loss,
            "seconds": self._spent,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from what a checkpoint kept."""
        self._step, self._reported, self._sum = state["step"], state["reported"], state["sum"]
        self._tail = deque((int(steps), float(loss)) for steps, loss in state["tail"])
        self.first_loss, self._spent = state["first_loss"], state["seconds"]

    def stop(self) -> float:
        """Stand still; seconds of training so far."""
        self._spent += time.perf_counter() - self._began
        self._began = time.perf_counter()
        return self._spent

    def resume(self) -> None:
        """Run on, from now."""
        self._began = self._stood = time.perf_counter()

    def may_stand(self) -> bool:
        """Stand still if the last time was a while ago; whether it does."""
        if self._now - self._stood < STAND_SECONDS:
            return False
        self._stood = self._now
        return True

    def go_on(self) -> None:
        """Run on after may_stand."""
        now = time.perf_counter()
        self._began, self._stood = self._began + now - self._stood, now

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


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Train on so many threads: as many as cores beside other work collapses (84 steps a second became 1)."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
