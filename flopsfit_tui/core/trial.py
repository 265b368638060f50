"""What is run and what came of it: Size, Recipe, Trial, Plan, Outcome."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Status = Literal["pending", "running", "finished", "failed", "skipped"]


@dataclass(frozen=True)
class Size:
    """One setting of the size knob, as measured on the model itself."""

    size: int
    params: int  # trainable parameters, N
    flops_per_token: float  # training FLOPs (forward and backward) a token, F(N)


@dataclass(frozen=True)
class Recipe:
    """How every trial of a sweep is trained; AdamW with warm-up and a linear fall to zero."""

    learning_rate: float  # peak
    base_size: int | None = None  # hidden matrices get learning_rate * base fan-in / fan-in; None: one rate for all
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.1  # on hidden matrices only
    clip: float = 1.0  # gradient norm; 0 means none
    warmup_fraction: float = 0.05
    warmup_steps: int = 40  # at least; 10 slightly penalised large sizes at small budgets


@dataclass(frozen=True)
class Trial:
    """One training run: a (budget, size) point with one seed; the unit that is run, stored and retried."""

    key: str
    budget: float  # training FLOPs allowed
    size: int
    params: int  # N
    tokens: int  # D
    samples: int
    steps: int
    batch_size: int
    seed: int
    flops: float  # that tokens really cost: within one batch of the budget
    learning_rate: float

    @property
    def point(self) -> tuple[float, int]:
        """The dot of the IsoFLOP curve that this trial belongs to."""
        return self.budget, self.size


@dataclass(frozen=True)
class Plan:
    """The trials of a sweep, fixed before it starts, with all that a front end shows beside them."""

    workload: str  # its name
    identity: str  # hash of everything about the workload that decides a loss
    size_name: str
    unit: str  # "tokens" or "images"
    tokens_per_sample: int
    dataset_samples: int | None  # None: endless
    recipe: Recipe
    budgets: tuple[float, ...]
    expected: tuple[float, ...]  # the first guess of N_opt at each budget
    sizes: tuple[Size, ...]  # every size that was measured, also beyond the ladders
    trials: tuple[Trial, ...]
    notes: tuple[str, ...] = ()
    bayes_loss: float | None = None  # nats below which no model gets, where that is known: what E should be
    added: tuple[str, ...] = ()  # keys of the trials that a person added to what was planned

    def flops_per_token(self, size: int) -> float:
        """Measured training FLOPs a token at one setting of the knob."""
        return next(s.flops_per_token for s in self.sizes if s.size == size)

    def ladder(self, budget: float) -> tuple[int, ...]:
        """The sizes planned at a budget, ascending."""
        return tuple(sorted({t.size for t in self.trials if t.budget == budget}))

    def epochs(self, trial: Trial) -> float:
        """How often a trial goes through the data set; 0 when it is endless."""
        return trial.samples / self.dataset_samples if self.dataset_samples else 0.0

    def to_json(self) -> str:
        """The plan as text, for the store; from_json reads it back equal."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """Read what to_json wrote."""
        raw = json.loads(text)
        recipe = Recipe(**{**raw["recipe"], "betas": tuple(raw["recipe"]["betas"])})
        return cls(
            **{
                **raw,
                "recipe": recipe,
                "budgets": tuple(raw["budgets"]),
                "expected": tuple(raw["expected"]),
                "sizes": tuple(Size(**s) for s in raw["sizes"]),
                "trials": tuple(Trial(**t) for t in raw["trials"]),
                "notes": tuple(raw["notes"]),
                "added": tuple(raw.get("added", ())),
            }
        )


@dataclass(frozen=True)
class Outcome:
    """How a trial ended: what was spent, and the loss it bought."""

    status: Status
    steps: int = 0
    samples: int = 0
    tokens: int = 0
    flops: float = 0.0
    loss: float = math.nan  # held out, nats per token (or per sample)
    train_loss: float = math.nan  # mean over the last tenth of training
    first_loss: float = math.nan  # of the untrained model, on its first batch
    seconds: float = math.nan  # of training, without pauses
    device: str = ""
    error: str = ""  # a failed trial's whole traceback

    @property
    def tokens_per_second(self) -> float:
        """Training speed, without pauses and evaluation."""
        return self.tokens / self.seconds if self.seconds > 0 else math.nan


@dataclass(frozen=True)
class Request:
    """What a person asks to be planned; what is None, the workload decides."""

    workload: Any  # a name, a reference, or a Workload
    budgets: tuple[float, ...] | None = None
    sizes: tuple[int, ...] | None = None
    points: int | None = None  # sizes a budget
    seeds: int = 1
    batch_size: int | None = None
    learning_rate: float | None = None


def content_hash(content: Mapping[str, Any]) -> str:
    """Twelve hex digits that change when anything in `content` does."""
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
