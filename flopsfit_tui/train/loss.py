"""The loss of a batch, in nats a token (or a sample), whatever form a user's loss function has.

Most losses are means over the batch. A sum is found, and divided; one that hangs on the batch's size, such as a
contrastive loss, is found too, and then evaluated in batches of the training size.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from flopsfit_tui.core.trial import Reduction
from flopsfit_tui.core.workload import Workload
from flopsfit_tui.train.data import TARGETS, batch_length, cut
from flopsfit_tui.train.model import ContractError, call_model, parameter_of

SAME = 1e-3  # relative difference at which two losses count as equal


class Form(Protocol):
    """How a loss is taken; a Recipe has it."""

    @property
    def pass_labels(self) -> str:
        """The name under which the model's forward gets the labels; "" for not at all."""
        ...

    @property
    def reduction(self) -> Reduction:
        """What loss_fn does over a batch."""
        ...


@dataclass(frozen=True)
class LossForm:
    """A Form on its own."""

    pass_labels: str = ""
    reduction: Reduction = "mean"


def check_loss_fn(loss_fn: Any) -> None:
    """Raise ContractError for what can be no loss function, whatever the model."""
    if inspect.isclass(loss_fn):
        raise ContractError(
            f"loss_fn is the class {loss_fn.__name__}; give an instance, {loss_fn.__name__}(), or a function of "
            f"(model output, targets)"
        )
    if not callable(loss_fn):
        raise ContractError(
            f"loss_fn is a {type(loss_fn).__name__}; give a function of (model output, targets) -> scalar tensor"
        )


def batch_loss(workload: Workload, model: nn.Module, batch: tuple[Any, Any], form: Form) -> Tensor:
    """The mean loss of a batch, scalar.

    Raises ContractError when it is no scalar tensor, or has no gradient where gradients are taken.
    """
    targets = batch[1]
    loss: Tensor = _raw_loss(workload, model, batch, form.pass_labels)
    if form.reduction == "sum":
        return loss / batch_length(targets)
    if form.reduction == "token sum":
        tokens: int = batch_length(targets) * workload.dataset.tokens_per_sample
        return loss / tokens
    return loss


def _raw_loss(workload: Workload, model: nn.Module, batch: tuple[Any, Any], pass_labels: str) -> Tensor:
    inputs, targets = batch
    output = call_model(model, inputs, {pass_labels: targets} if pass_labels else None)
    loss = workload.loss_fn(output, targets)
    if not isinstance(loss, Tensor):
        raise ContractError(f"loss_fn gave a {type(loss).__name__}; it must give a scalar tensor")
    if loss.numel() != 1:
        raise ContractError(
            f"loss_fn gave a tensor of shape {tuple(loss.shape)}; it must give a scalar, such as its mean"
        )
    if torch.is_grad_enabled() and not loss.requires_grad:
        raise ContractError("the loss has no gradient; loss_fn must compute it from the model's output, undetached")
    return loss.reshape(())


def find_form(workload: Workload, model: nn.Module, batch: tuple[Any, Any]) -> LossForm:
    """How the workload's loss is to be taken, tried on a real batch.

    Raises what the model or the loss raises, also when the labels are passed on.
    """
    labels = ""
    try:
        _raw_loss(workload, model, batch, labels)
    except Exception:
        labels = parameter_of(model, TARGETS)
        if not labels:
            raise
        try:
            _raw_loss(workload, model, batch, labels)
        except Exception:  # noqa: BLE001 - what it said without them is nearer to what was written
            _raw_loss(workload, model, batch, "")
    return LossForm(labels, _reduction(workload, model, batch, labels))


@torch.no_grad()
def _reduction(workload: Workload, model: nn.Module, batch: tuple[Any, Any], labels: str) -> Reduction:
    """What loss_fn does over a batch, told from a batch and its halves, in evaluation, where samples are apart."""
    count = batch_length(batch[1])
    if count < 2:
        return "mean"
    half = count // 2
    model.eval()
    try:
        whole, again = (float(_raw_loss(workload, model, batch, labels)) for _ in range(2))
        parts = [cut(batch, 0, half), cut(batch, half, None)]
        first, second = (float(_raw_loss(workload, model, part, labels)) for part in parts)
    finally:
        model.train()
    noise = 4 * abs(whole - again)  # of a loss that draws random numbers
    near = max(SAME * max(abs(whole), abs(first), abs(second)), noise)
    if not math.isfinite(whole) or abs((half * first + (count - half) * second) / count - whole) <= near:
        return "mean"
    if abs(first + second - whole) <= near:
        return _sum_over(workload, model, batch, labels, whole / count)
    return "batch"


def _sum_over(workload: Workload, model: nn.Module, batch: tuple[Any, Any], labels: str, a_sample: float) -> Reduction:
    """Samples or tokens: whichever brings the untrained loss nearer to that of guessing among the outputs."""
    tokens = workload.dataset.tokens_per_sample
    if tokens == 1:
        return "sum"
    output = call_model(model, batch[0], {labels: batch[1]} if labels else None)
    choices = next((t.shape[-1] for t in _outputs(output) if t.ndim > 1), 1)
    if choices < 2 or a_sample <= 0:
        return "token sum"
    guessing = math.log(choices)
    return "sum" if abs(math.log(a_sample / guessing)) < abs(math.log(a_sample / tokens / guessing)) else "token sum"


def _outputs(output: Any) -> Iterator[Tensor]:
    logits = getattr(output, "logits", output)
    for part in logits if isinstance(logits, tuple | list) else [logits]:
        if isinstance(part, Tensor):
            yield part


def form_notes(form: Form, workload: Workload, batch_size: int) -> list[str]:
    """What a user should know about how the loss is taken."""
    notes = []
    if form.pass_labels:
        notes.append(f"the model's forward is given the targets as {form.pass_labels!r}, since loss_fn needs its loss")
    if form.reduction == "sum":
        notes.append("loss_fn sums over the samples of a batch: it is divided by their number, in training and after")
    if form.reduction == "token sum":
        notes.append(f"loss_fn sums over the {workload.unit} of a batch: it is divided by their number")
    if form.reduction == "batch":
        notes.append(
            f"loss_fn is no mean over the samples of a batch (it differs from the mean over its halves): it is "
            f"evaluated in batches of {batch_size}, as in training, and depends on that size"
        )
    return notes
