"""What a user brings: a model with a size knob, data and a loss, declared in one object."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from flopsfit_tui.core.trial import Trial


@runtime_checkable
class Source(Protocol):
    """Where batches come from. Everything is drawn by seed, so that a trial can be trained again to the last digit."""

    samples: int | None  # distinct samples; None: endless
    tokens_per_sample: int
    fingerprint: str  # changes when the data does

    def batches(self, batch_size: int, seed: int) -> Iterator[tuple[Any, Any]]:
        """Endless (inputs, targets), each of `batch_size` samples; reshuffled every epoch."""
        ...

    def once(self, batch_size: int) -> Iterator[tuple[Any, Any]]:
        """Every sample once, in a fixed order: for the held-out loss."""
        ...


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A model with a size knob, its data and its loss; the same words as `find_optimal`.

    `model_cls(**{model_size_param: size}, **model_kwargs)` gives a torch Module whose output `loss_fn(output, target)`
    turns into a scalar tensor, the mean loss in nats a token (or a sample). `dataset` and `val_dataset` are Sources.
    """

    name: str
    model_cls: Callable[..., Any]
    model_size_param: str
    dataset: Source
    loss_fn: Callable[[Any, Any], Any]
    val_dataset: Source
    model_kwargs: Mapping[str, Any] = field(default_factory=dict)
    unit: Literal["tokens", "images"] = "tokens"
    batch_size: int = 8
    learning_rate: float = 1e-3  # peak; at base_size, for hidden matrices
    base_size: int | None = None  # None: one rate for every size
    sizes: tuple[int, ...] = tuple(range(8, 1025, 8))  # settings of the knob that the model can really be built with
    budgets: tuple[float, ...] = (1e12, 3e12, 1e13, 3e13, 1e14)  # training FLOPs, when nobody says otherwise
    points: int = 7  # sizes a budget
    first_guess: Callable[[float], float] | None = None  # expected N_opt at a budget; None: 20 tokens a parameter
    settings: Mapping[str, Any] = field(default_factory=dict)  # whatever else decides a loss; part of a trial's key
    notes: tuple[str, ...] = ()  # what a person should know of the data
    simulate: Callable[[Trial], float] | None = None  # a trial's loss from a known law; then nothing is trained
