"""One real step before anything is trained: the smallest size on real data, with the real loss and optimizer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import psutil
import torch

from flopsfit_tui.core.sizes import Setting
from flopsfit_tui.core.trial import Recipe
from flopsfit_tui.core.workload import Workload
from flopsfit_tui.train.data import batch_length, cut
from flopsfit_tui.train.loss import LossForm, batch_loss, find_form
from flopsfit_tui.train.measure import Looks
from flopsfit_tui.train.model import ContractError, build_to_train, quote
from flopsfit_tui.train.optim import make_optimizer

CHECKED_SIZES = 3  # sizes: what fails at these fails at all
MOST_FLOPS = 3e11  # of the step, about: a few seconds on a CPU
BYTES_A_PARAM = 16  # weight, gradient, and the optimizer's two moments, in float32


def check_step(
    workload: Workload, sizes: Sequence[Setting], looks: Looks, batch_size: int, recipe: Recipe
) -> tuple[LossForm, list[str]]:
    """Make a step at the smallest of the sizes, ascending, that makes one; how the loss is to be taken, and notes.

    Held-out samples are used, so that what trials draw of the training data stays exactly what they report. Raises
    ContractError in one sentence that names size, batch and what was wanted, when none of the smallest makes a step.
    """
    problem: Exception | None = None
    failed: list[str] = []
    for size in sizes[:CHECKED_SIZES]:
        if BYTES_A_PARAM * looks.params(size) > 0.5 * psutil.virtual_memory().available:
            return LossForm(), ["no step was tried: the smallest model does not fit in this machine's memory twice"]
        count = _samples(workload, looks.params(size), batch_size)
        batch = _batch(workload, count)
        while True:
            try:
                return _step(workload, size, batch, recipe), failed
            except torch.OutOfMemoryError as error:
                count = batch_length(batch[1]) // 2
                if not count:
                    problem = problem or _sentence(workload, size, batch, error)
                    break
                batch = cut(batch, 0, count)
            except Exception as error:  # noqa: BLE001 - the user's model, loss and optimizer may raise anything
                problem = problem or _sentence(workload, size, batch, error)
                failed.append(
                    f"{workload.model_size_param}={size} trains on no batch, so its trials fail: {quote(error)}"
                )
                break
    assert problem is not None
    raise problem


def _samples(workload: Workload, params: int, batch_size: int) -> int:
    """A batch, or as much of one as a step on it takes seconds."""
    each = 6.0 * params * workload.dataset.tokens_per_sample
    return max(2, min(batch_size, int(MOST_FLOPS / max(each, 1.0))))


def _batch(workload: Workload, count: int) -> tuple[Any, Any]:
    try:
        return cut(next(iter(workload.val_dataset.once(count))), 0, count)  # type: ignore[no-any-return]
    except (TypeError, ValueError):
        raise
    except Exception as error:
        raise ValueError(f"no batch of {count} could be drawn from the held-out data: {quote(error)}") from error


def _step(workload: Workload, size: Setting, batch: tuple[Any, Any], recipe: Recipe) -> LossForm:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = build_to_train(workload, size, "cpu")
        form = find_form(workload, model, batch)
        optimizer = make_optimizer(model, workload, recipe)
        loss = batch_loss(workload, model, batch, form)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        model.eval()
        with torch.no_grad():
            evaluated = batch_loss(workload, model, batch, form)
    for value in (loss.item(), evaluated.item()):
        if not math.isfinite(value):
            raise ContractError(f"the loss of the untrained model is {value}; it must be finite")
    return form


def _sentence(workload: Workload, size: Setting, batch: tuple[Any, Any], error: Exception) -> ContractError:
    inputs, targets = batch
    where = f"{workload.model_size_param}={size}, a batch of {batch_length(targets)}"
    shapes = f"inputs {describe(inputs)}, targets {describe(targets)}"
    if isinstance(error, ContractError):
        return ContractError(f"{error} ({where}: {shapes})")
    return ContractError(f"no size trains on a batch: at {where} ({shapes}), {quote(error)}; {_wanted(str(error))}")


def _wanted(said: str) -> str:
    """What would have worked, as far as the message tells."""
    lowered = said.lower()
    if any(
        word in lowered for word in ("dtype", "scalar type", "double", "expected floating point", "not implemented")
    ):
        return (
            "wanted are inputs of the model's own type, float32 unless it says otherwise (whole numbers for an "
            "embedding), and targets as loss_fn takes them: int64 for classes, float32 for numbers"
        )
    return "wanted is a scalar tensor from loss_fn(model(inputs), targets)"


def describe(part: Any) -> str:
    """The types and shapes of a batch's part."""
    if isinstance(part, torch.Tensor):
        return f"{str(part.dtype).removeprefix('torch.')} {tuple(part.shape)}"
    if isinstance(part, dict):
        return "{" + ", ".join(f"{name}: {describe(value)}" for name, value in part.items()) + "}"
    if isinstance(part, tuple | list):
        return "(" + ", ".join(map(describe, part)) + ")"
    return type(part).__name__
