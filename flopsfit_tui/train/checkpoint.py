"""Checkpoints inside a trial: saved now and then and when the trial is left, so that it goes on to the same loss.

A checkpoint holds all that the next step depends on: model, optimizer, random states, and the number of batches drawn
with a digest of the next one. To go on, the source is positioned there, fast where it can be (`batches_from`), else by
drawing again what was drawn; a next batch with another digest means that it gives other data now, and is said.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from flopsfit_tui.core.checkpoint_files import Checkpointing
from flopsfit_tui.core.events import Note, TrialAlive
from flopsfit_tui.core.trial import Trial
from flopsfit_tui.train.checkpoint_file import CannotResume, read_checkpoint, write_checkpoint
from flopsfit_tui.train.model_state import hidden_state, load_model_state, model_state
from flopsfit_tui.train.random_state import random_state, set_random_state
from flopsfit_tui.train.training import Training

MOST_SHARE = 0.02  # of a trial's time that goes into its checkpoints
Log = Mapping[str, Any]


class Checkpoints:
    """The checkpoint of one trial; without a place to save it, nothing is saved."""

    def __init__(self, trial: Trial, place: Checkpointing | None, name: str) -> None:
        self._trial, self._place, self._name = trial, place, name
        self._saved_at, self._cost = time.monotonic(), 0.0
        self._hidden = ""  # of the model as it was built
        self._told: set[str] = set()

    def begin(self, training: Training) -> None:
        """Take note of the model as it was built."""
        if self._place is not None:
            self._hidden = hidden_state(training.model)

    def read(self) -> dict[str, Any] | None:
        """The checkpoint of this trial; None where there is none. Raises CannotResume for one that does not fit."""
        content = read_checkpoint(self._place.path) if self._place else None
        if content is not None:
            if content["trial"] != self._trial.key:
                raise CannotResume("it is of another trial")
            if content["torch"] != str(torch.__version__):
                raise CannotResume(f"it was written by torch {content['torch']}, and this is {torch.__version__}")
        return content

    def save_when_due(self, training: Training, log: Callable[[], Log]) -> Iterator[Note]:
        """Save when the last one is old enough; a note when that fails."""
        if self._place is None or time.monotonic() - self._saved_at < max(
            self._place.seconds, self._cost / MOST_SHARE if self._place.seconds > 1 else 0
        ):
            return
        try:
            self.save(training, log())
        except (OSError, CannotResume) as error:
            self._saved_at = time.monotonic()
            if str(error) not in self._told:
                self._told.add(str(error))
                yield Note("warning", f"no checkpoint of {self._name}: {error}; stopped now, it begins anew")

    def save(self, training: Training, log: Log) -> None:
        """Save now. Raises OSError, what drawing raises, and CannotResume for a model that cannot be saved."""
        if self._place is None:
            return
        began = time.monotonic()
        if hidden_state(training.model) != self._hidden:
            raise CannotResume("the model changes attributes that are neither tensors nor plain values")
        state = training.random_at_end or random_state(training.device)
        content = {
            "trial": self._trial.key,
            "torch": str(torch.__version__),
            "step": training.steps,
            "parts": training.parts,
            "device": training.device,
            "random": state,
            "batch": digest(training.peek()) if training.steps < self._trial.steps else "",
            "model": model_state(training.model),
            "optimizer": training.optimizer.state_dict(),
            "loss_fn": _loss_state(training),
            "log": dict(log),
        }
        write_checkpoint(self._place.path, content)
        self._saved_at = time.monotonic()
        self._cost = self._saved_at - began

    def delete(self) -> None:
        """The trial is not to go on from here."""
        if self._place is not None:
            self._place.path.unlink(missing_ok=True)


def load(training: Training, content: dict[str, Any], trial: Trial) -> Iterator[TrialAlive]:
    """Bring a new Training to a checkpoint. Raises CannotResume; the Training is of no use then."""
    if content["device"] != training.device:
        raise CannotResume(f"it was trained on {content['device']}")
    load_model_state(training.model, content["model"])
    try:
        training.optimizer.load_state_dict(content["optimizer"])
    except Exception as error:
        raise CannotResume(f"the optimizer takes no such state ({str(error).splitlines()[0]})") from error
    if isinstance(training.workload.loss_fn, nn.Module):
        training.workload.loss_fn.load_state_dict(content["loss_fn"])
    training.parts = content["parts"]
    for _ in training.position(content["step"]):
        yield TrialAlive(trial.key)
    set_random_state(content["random"])
    if content["step"] < trial.steps and digest(training.peek()) != content["batch"]:
        raise CannotResume("the data set gives other batches than before")


def _loss_state(training: Training) -> dict[str, Any]:
    loss = training.workload.loss_fn
    return loss.state_dict() if isinstance(loss, nn.Module) else {}


def digest(batch: Any) -> str:
    """A digest of a batch's tensors, shapes and types."""
    found = hashlib.sha256()
    _update(found, batch)
    return found.hexdigest()


def _update(found: Any, part: Any) -> None:
    found.update(type(part).__name__.encode())
    if isinstance(part, Tensor):
        found.update(f"{part.dtype} {tuple(part.shape)}".encode())
        found.update(
            part.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data if part.numel() else b""
        )
    elif isinstance(part, Mapping):
        for name, value in part.items():
            found.update(repr(name).encode())
            _update(found, value)
    elif isinstance(part, tuple | list):
        for value in part:
            _update(found, value)
    elif isinstance(part, str | bytes | int | float | bool | None):
        found.update(repr(part).encode())
