"""A step's forward and backward pass by torch.compile; where that cannot be done, as the model is written.

What is compiled is the loss of a batch as a function of (model, inputs, targets), once a size and process: further
trials of a size, whose model is another object of the same structure, take the same compiled code. Random numbers are
drawn as the model as it is written draws them, so that losses differ by rounding alone.
"""

from __future__ import annotations

import contextlib
import copy
import inspect
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from typing import Any

import torch
from torch import Tensor, nn

from flopsfit_tui.core.sizes import Setting
from flopsfit_tui.core.workload import Workload
from flopsfit_tui.plan.compiled import INDUCTOR_FOLDER, inductor_folder
from flopsfit_tui.train.data import shapes
from flopsfit_tui.train.isolation import LossState
from flopsfit_tui.train.loss import Form, LossForm, batch_loss
from flopsfit_tui.train.model_state import load_model_state, model_state
from flopsfit_tui.train.random_state import random_state, set_random_state

MOST_VERSIONS = 2  # of a size's code, where a model's own attributes change from step to step
MOST_SAID = 200  # characters of a compiler's message
KEPT = 64  # sizes compiled in a process
_NUMBERS = count()
_COMPILED: dict[tuple[Any, ...], tuple[Workload, Callable[..., Tensor]]] = {}


@cache
def prepare_compiler() -> None:
    """Let inductor keep what it compiles in the user's cache directory, unless the user has said where, and compile a
    first function: torch then changes itself and its process (Module.__init__, sys.path), which no trial is to blame
    for. Nothing is raised: what cannot be compiled says so in its place."""
    os.environ[INDUCTOR_FOLDER] = str(inductor_folder())
    os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")  # a worker has one core
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # on machines without a GPU it warns of that
    with contextlib.suppress(Exception):
        torch.compile(lambda x: x + 1)(torch.zeros(8))


class CompiledLoss:
    """The mean loss of a batch by compiled code, for batches of the shapes of the first; others, and all once it has
    failed, take the model as it is written."""

    def __init__(self, workload: Workload, size: Setting, form: Form, device: str) -> None:
        self._workload, self._form = workload, LossForm(form.pass_labels, form.reduction)
        self._call = _function(workload, size, self._form, device)
        self._shapes: Any = None
        self.others = 0  # passes over batches of other shapes
        self.problem = ""  # why nothing is compiled (any more)

    @property
    def uncompiled(self) -> str:
        """What was not done by compiled code, and why; empty where all was."""
        return self.problem or (f"{self.others} passes, over batches of other shapes" if self.others else "")

    def __call__(self, model: nn.Module, batch: tuple[Any, Any]) -> Tensor:
        """As batch_loss."""
        if self._shapes is None:
            self._shapes = shapes(batch)
        if self.problem:
            return batch_loss(self._workload, model, batch, self._form)
        if shapes(batch) != self._shapes:
            self.others += 1
            return batch_loss(self._workload, model, batch, self._form)
        try:
            return self._call(model, *batch)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - what cannot be compiled is trained as it is written
            self.problem = _why(error)
            return batch_loss(self._workload, model, batch, self._form)


def compile_now(training: Any, first: Any) -> float:
    """Make a forward and a backward pass of a Training by its compiled loss on the batch `first`, and leave no trace
    of them but the compiled code; seconds it took. What goes wrong is in the loss's `problem`.
    """
    model, loss = training.model, training.compiled
    assert isinstance(loss, CompiledLoss)
    began = time.perf_counter()
    with _untouched(model, training.workload.loss_fn, training.device):
        try:
            training.backward(first)
        except (torch.OutOfMemoryError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 - such as of the gradient's code, which is made last
            loss.problem = loss.problem or _why(error)
        training.optimizer.zero_grad(set_to_none=True)
    return time.perf_counter() - began


@contextmanager
def _untouched(model: nn.Module, loss_fn: Any, device: str) -> Iterator[None]:
    """Put back what a pass changes: buffers, plain attributes, random numbers."""
    state = model_state(model)
    kept = {name: copy.deepcopy(part) for name, part in state.items() if name != "parameters"}
    numbers, loss_state = random_state(device), LossState(loss_fn)
    try:
        yield
    finally:
        loss_state.restore()
        set_random_state(numbers)
        load_model_state(model, {**kept, "parameters": model.state_dict()})


def _function(workload: Workload, size: Setting, form: LossForm, device: str) -> Callable[..., Tensor]:
    """The compiled loss of one size, made once a process; what is kept here keeps its id."""
    key = id(workload.model_cls), id(workload.loss_fn), size, form, device
    if key not in _COMPILED:
        while len(_COMPILED) >= KEPT:
            del _COMPILED[next(iter(_COMPILED))]

        def loss(model: nn.Module, inputs: Any, targets: Any) -> Tensor:
            return batch_loss(workload, model, (inputs, targets), form)

        loss.__code__ = loss.__code__.replace(co_name=f"loss_of_{next(_NUMBERS)}")  # torch keeps versions by the code
        _COMPILED[key] = workload, _compile(loss, device)
    return _COMPILED[key][1]


def _compile(function: Callable[..., Tensor], device: str) -> Callable[..., Tensor]:
    """On CUDA both passes are a CUDA graph each, where torch finds that they can be: one launch for all their kernels,
    which is most of a small model's step there."""
    options: dict[str, Any] = {"fallback_random": True}
    if device == "cuda":
        options["triton.cudagraphs"] = True
    known = inspect.signature(torch.compile).parameters
    more: dict[str, Any] = {"recompile_limit": MOST_VERSIONS} if "recompile_limit" in known else {}  # since torch 2.9
    compiled: Callable[..., Tensor] = torch.compile(function, fullgraph=True, dynamic=False, options=options, **more)
    return compiled


def _why(error: Exception) -> str:
    """The first line of what the compiler says, which goes on for pages."""
    if "InvalidCxxCompiler" in str(error):
        return "torch finds no C++ compiler (g++ or clang++)"
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and not line.endswith("raised:")]
    return f"{type(error).__name__}: {lines[0][:MOST_SAID]}" if lines else type(error).__name__
