"""What a user brings: a model with a size knob, data and a loss, declared in one object."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from flopsfit_tui.core.sizes import Setting
from flopsfit_tui.core.trial import RateRule, Trial


@runtime_checkable
class Source(Protocol):
    """Where batches come from. Everything is drawn by seed, so that a trial can be trained again to the last digit.

    One that can begin at a later batch without drawing those before has `batches_from(batch_size, seed, skipped)` too:
    a trial that goes on from a checkpoint draws them again else.
    """

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
    turns into a scalar tensor, the mean loss in nats a token (or a sample). `dataset` is a torch Dataset, a DataLoader,
    a callable that gives batches, or a Source. What is left None gets a default, which the plan names.
    """

    name: str
    model_cls: Callable[..., Any]
    model_size_param: str
    dataset: Any
    loss_fn: Callable[[Any, Any], Any]
    val_dataset: Any = None  # None: a tenth of the dataset is held out
    model_kwargs: Mapping[str, Any] = field(default_factory=dict)
    unit: Literal["tokens", "images", "samples"] | None = None  # None: tokens where a target is a row of whole numbers
    batch_size: int | None = None  # None: the DataLoader's own, else 32
    learning_rate: float | RateRule | None = None  # peak, of hidden matrices at base_size; None: 0.512 / fan-in there
    base_size: Setting | None = None  # None: where the hidden matrices' fan-in is about 64
    scale_learning_rate: bool = True  # hidden matrices of other sizes get theirs by fan-in (muP); False: one for all
    warmup_steps: int = 40  # of the learning rate, at least, up to half of a trial's
    betas: tuple[float, float] = (0.9, 0.95)  # AdamW's
    weight_decay: float = 0.1  # AdamW's, on hidden matrices; on all matrices where none are known
    sizes: Sequence[Setting] | None = None  # settings of the knob that the model takes; None: found by trying
    budgets: tuple[float, ...] | None = None  # training FLOPs, when nobody says otherwise
    points: int = 7  # sizes a budget
    first_guess: Callable[[float], float] | None = None  # expected N_opt at a budget; None: 20 tokens a parameter
    optimizer: Callable[[Any, float], Any] | None = None  # (model, peak rate) -> torch Optimizer; None: AdamW
    flops_per_sample: Callable[[Any], float] | None = None  # training FLOPs at a size; None: counted
    settings: Mapping[str, Any] = field(default_factory=dict)  # whatever else decides a loss; part of a trial's key
    notes: tuple[str, ...] = ()  # what the user should know of the data
    bayes_loss: float | None = None  # nats a token (or a sample) below which no model gets, where that is known
    simulate: Callable[[Trial], float] | None = None  # a trial's loss from a known law; then nothing is trained
