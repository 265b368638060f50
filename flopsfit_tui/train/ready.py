"""A declared Workload made ready to train: data as Sources, and every hook that was left out filled in and named."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from statistics import median
from typing import Any

import torch

from flopsfit_tui.core.workload import Workload
from flopsfit_tui.train.data import batch_length, sources
from flopsfit_tui.train.measure import build_model, count_params
from flopsfit_tui.train.optim import fan_in, hidden_shapes

BATCH = 32
TRIED = (1, 2, 3, 4, 5, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 512)  # settings that tell which a model takes
REACH = 10**10  # params up to which settings are looked for
BASE_FAN_IN = 64  # the width at which a rate is taken to hold, when nobody says
DEFAULT_BUDGETS = (1e11, 2e11, 4e11, 8e11, 1.6e12)  # minutes on a laptop, when nobody has said anything
RATE_BY_FAN_IN = 0.512  # times 1/fan-in: 1.6e-2 at 32, measured on gpt-bytes; 6.7e-4 at GPT-2's 768


def make_ready(workload: Workload) -> Workload:
    """The same workload with nothing left to guess; its notes name every default that was taken.

    Raises TypeError or ValueError, naming what was given and what is wanted, for data or a model that cannot be used.
    """
    defaults: list[str] = []

    def take(what: str, value: Any) -> Any:
        defaults.append(f"{what} {value:g}" if isinstance(value, float) else f"{what} {value}")
        return value

    train, held_out = sources(workload.dataset, workload.val_dataset)
    probe = _probe(held_out)
    batch_size = getattr(train, "batch_size", None) or workload.batch_size or take("batch_size", BATCH)
    unit = workload.unit or take("unit", _unit(probe))
    if unit == "tokens" and train.tokens_per_sample == 1 and isinstance(probe[1], torch.Tensor) and probe[1].ndim > 1:
        train.tokens_per_sample = held_out.tokens_per_sample = probe[1][0].numel()
    sizes = workload.sizes or find_sizes(workload)
    found = replace(workload, dataset=train, val_dataset=held_out, unit=unit, batch_size=batch_size, sizes=sizes)
    if workload.scale_learning_rate and workload.base_size is None:
        base = base_size(found)
        found = replace(found, base_size=base)
        if base:
            take("base_size", base)
    if workload.learning_rate is None:
        found = replace(found, learning_rate=take("learning_rate", default_rate(found)))
    if workload.budgets is None:
        found = replace(found, budgets=DEFAULT_BUDGETS)
    if defaults:
        found = replace(found, notes=(*workload.notes, f"left to defaults: {', '.join(defaults)}"))
    return found


def _probe(held_out: Any) -> tuple[Any, Any]:
    """A few samples, from the held-out data where there are some, so that counting what is trained on stays exact."""
    for batch in held_out.once(getattr(held_out, "batch_size", None) or 2):
        inputs, targets = batch
        batch_length(targets)
        return inputs, targets
    raise ValueError("val_dataset is empty; give one with samples")


def _unit(probe: tuple[Any, Any]) -> str:
    inputs, targets = probe
    if isinstance(targets, torch.Tensor) and targets.ndim > 1 and not targets.is_floating_point():
        return "tokens"
    return "images" if isinstance(inputs, torch.Tensor) and inputs.ndim == 4 else "samples"


def find_sizes(workload: Workload) -> range:
    """Settings of the knob that the model takes: multiples of a step found by trying, up to about ten billion params.

    Raises TypeError when the model takes no setting at all, with what it said.
    """
    taken, said = [], ""
    for size in TRIED:
        try:
            build_model(workload, size, "meta")
            taken.append(size)
        except TypeError:
            raise  # it does not know the knob, or gives no Module: no size will help
        except Exception as error:  # noqa: BLE001 - a size refused by an assertion of the user's own is still refused
            said = f"{type(error).__name__}: {error}"
    if not taken:
        raise TypeError(
            f"{workload.model_cls!r} takes none of {workload.model_size_param} = {TRIED[0]} to {TRIED[-1]} ({said}); "
            f"declare the sizes that it can be built with"
        )
    step = reduce(math.gcd, taken)
    last = max(taken)
    while _params(workload, last) < REACH and _params(workload, 2 * last) > 1.5 * _params(workload, last):
        last *= 2
    return range(min(taken), last + 1, step)


def _params(workload: Workload, size: int) -> int:
    try:
        return count_params(build_model(workload, size, "meta"))
    except (ValueError, RuntimeError):
        return 0


def base_size(workload: Workload) -> int | None:
    """The setting at which the hidden matrices' median fan-in is nearest to 64; None when none grow with the knob."""
    assert workload.sizes is not None
    nearest: tuple[float, int] | None = None
    for size in _geometric(workload.sizes):
        hidden = hidden_shapes(workload, size)
        if not hidden:
            return None
        off = abs(math.log(median(fan_in(shape) for shape in hidden) / BASE_FAN_IN))
        if nearest and off > nearest[0]:
            break
        nearest = (off, size)
    return nearest[1] if nearest else None


def _geometric(sizes: Sequence[int]) -> list[int]:
    chosen = [sizes[0]]
    while (i := bisect_left(sizes, 1.3 * chosen[-1])) < len(sizes):
        chosen.append(sizes[i])
    return chosen


def default_rate(workload: Workload) -> float:
    """0.512 over the fan-in of hidden matrices at the base size; 3e-3 where no matrix grows with the knob."""
    if workload.base_size is None:
        return 3e-3
    hidden = hidden_shapes(workload, workload.base_size)
    return float(f"{min(2e-2, RATE_BY_FAN_IN / median(fan_in(shape) for shape in hidden)):.3g}") if hidden else 3e-3
