"""A declared Workload made ready to train: data as Sources, and every default filled in and named."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from statistics import median
from typing import Any

import torch

from flopsfit_tui.core.sizes import Setting
from flopsfit_tui.core.workload import Workload
from flopsfit_tui.train.data import batch_length, is_stream_split, sources
from flopsfit_tui.train.loss import check_loss_fn
from flopsfit_tui.train.measure import Looks
from flopsfit_tui.train.model import ContractError, SizeRefused, quote
from flopsfit_tui.train.optim import fan_in, hidden_shapes

BATCH = 32
BASE_FAN_IN = 64  # the width at which a rate is taken to hold, when nobody says
DEFAULT_BUDGETS = (1e11, 2e11, 4e11, 8e11, 1.6e12)  # minutes on a laptop, when nobody has said anything
RATE_BY_FAN_IN = 0.512  # times 1/fan-in: 1.6e-2 at 32, measured on gpt-bytes; 6.7e-4 at GPT-2's 768


def fill_defaults(workload: Workload) -> Workload:
    """The same workload with data, unit, batch size and budgets known; its notes name every default that was taken.

    Raises TypeError or ValueError, naming what was given and what is wanted, for data or a loss that cannot be used.
    """
    defaults: list[str] = []

    def use_default(what: str, value: Any) -> Any:
        defaults.append(f"{what} {value}")
        return value

    check_loss_fn(workload.loss_fn)
    if workload.model_size_param in workload.model_kwargs:
        raise ContractError(
            f"model_kwargs sets {workload.model_size_param!r}, the size knob; take it out, and give its values as sizes"
        )
    train, held_out = sources(workload.dataset, workload.val_dataset)
    probe = _probe(held_out)
    if is_stream_split(train):
        _check_rest(train)
    batch_size = getattr(train, "batch_size", None) or workload.batch_size or use_default("batch_size", BATCH)
    unit = workload.unit or use_default("unit", _unit(probe))
    if unit == "tokens" and train.tokens_per_sample == 1 and isinstance(probe[1], torch.Tensor) and probe[1].ndim > 1:
        train.tokens_per_sample = held_out.tokens_per_sample = probe[1][0].numel()
    notes = (*workload.notes, *named(defaults))
    budgets = workload.budgets or DEFAULT_BUDGETS
    return replace(
        workload, dataset=train, val_dataset=held_out, unit=unit, batch_size=batch_size, budgets=budgets, notes=notes
    )


def named(defaults: Sequence[str]) -> list[str]:
    """The note that names defaults."""
    return [f"left to defaults: {', '.join(defaults)}"] if defaults else []


def _probe(held_out: Any) -> tuple[Any, Any]:
    """A few samples, from the held-out data where there are some, so that counting what is trained on stays exact."""
    try:
        for batch in held_out.once(getattr(held_out, "batch_size", None) or 2):
            inputs, targets = batch
            batch_length(targets)
            return inputs, targets
    except (TypeError, ValueError):
        raise
    except Exception as error:
        raise ValueError(
            f"no batch could be drawn from the data ({quote(error)}); give samples that torch's default_collate can "
            f"put together, or a DataLoader with a collate_fn"
        ) from error
    raise ValueError("val_dataset is empty; give one with samples")


def _check_rest(train: Any) -> None:
    """Raise ValueError when a stream ends before the samples that are left to train on."""
    held, dataset = train.skip, train.dataset
    if next(iter(islice(dataset, held, None)), None) is None:
        count = sum(1 for _ in islice(dataset, held))
        raise ValueError(
            f"dataset is a stream of {count:,} samples, of which the first {held:,} are held out: none is left to "
            f"train on; give a val_dataset, a longer stream, or a Dataset with a length"
        )


def _unit(probe: tuple[Any, Any]) -> str:
    inputs, targets = probe
    if isinstance(targets, torch.Tensor) and targets.ndim > 1 and not targets.is_floating_point():
        return "tokens"
    return "images" if isinstance(inputs, torch.Tensor) and inputs.ndim == 4 else "samples"


def choose_base(looks: Looks, candidates: Sequence[Setting]) -> Setting | None:
    """The setting at which the hidden matrices' median fan-in is nearest to 64; None when none grow with the knob."""
    nearest: tuple[float, Setting] | None = None
    tried = _geometric(candidates)
    for size in tried:
        wider = choose_wider(looks, candidates, size)
        hidden = hidden_shapes(looks.at(size).shapes, looks.at(wider).shapes) if wider is not None else []
        if not hidden:
            return None
        off = abs(math.log(median(fan_in(shape) for shape in hidden) / BASE_FAN_IN))
        if nearest and off > nearest[0]:
            break
        nearest = (off, size)
    return nearest[1] if nearest else None


def _geometric(candidates: Sequence[Setting]) -> list[Setting]:
    """Every candidate, or numbers at least a factor 1.3 apart."""
    chosen = list(candidates[:1])
    for size in candidates[1:]:
        last = chosen[-1]
        if not (isinstance(size, int | float) and isinstance(last, int | float)) or size >= 1.3 * last:
            chosen.append(size)
    return chosen


def choose_wider(looks: Looks, candidates: Sequence[Setting], base: Setting) -> Setting | None:
    """Another size to tell hidden matrices by: the next larger, twice the base, or the next smaller."""
    others: list[Setting] = []
    place = list(candidates).index(base) if base in candidates else -1
    if place >= 0:
        others += candidates[place + 1 : place + 2]
    elif isinstance(base, int | float):
        others += [c for c in candidates if isinstance(c, int | float) and c > base][:1]
    if isinstance(base, int | float):
        others.append(2 * base)
    if place > 0:
        others.append(candidates[place - 1])
    for other in others:
        try:
            looks.at(other)
        except SizeRefused:
            continue
        return other
    return None


def default_rate(looks: Looks, base: Setting | None, wider: Setting | None) -> float:
    """0.512 over the fan-in of hidden matrices at the base size; 3e-3 where no matrix grows with the knob."""
    if base is None or wider is None:
        return 3e-3
    hidden = hidden_shapes(looks.at(base).shapes, looks.at(wider).shapes)
    return float(f"{min(2e-2, RATE_BY_FAN_IN / median(fan_in(shape) for shape in hidden)):.3g}") if hidden else 3e-3
