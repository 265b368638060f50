"""What is run and what came of it: Size, Recipe, Trial, Plan, Outcome."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Literal

from flopsfit_tui.core.experiment import Experiment
from flopsfit_tui.core.identity import Identity
from flopsfit_tui.core.request import Goal as Goal  # noqa: PLC0414 - they belong to a plan's types
from flopsfit_tui.core.request import Request as Request  # noqa: PLC0414
from flopsfit_tui.core.sizes import Setting, restore_size
from flopsfit_tui.core.text import cut_middle
from flopsfit_tui.core.units import format_count, format_flops, format_ratio

Status = Literal["pending", "running", "finished", "failed", "skipped"]
# Of loss_fn over a batch: a mean; a sum over samples, or over tokens; anything else depends on the batch's size.
Reduction = Literal["mean", "sum", "token sum", "batch"]
Compile = Literal["off", "on", "auto"]  # torch.compile of steps: never, of every size, or of sizes where it saves time


@dataclass(frozen=True)
class Size:
    """One setting of the size knob, as measured on the model itself."""

    size: Setting
    params: int  # trainable parameters, N
    flops_per_token: float  # training FLOPs (forward and backward) a token, F(N)
    compiled: bool | None = None  # whether its trials' steps are compiled; None: not decided, and not compiled


@dataclass(frozen=True)
class RateRule:
    """A peak learning rate that depends on a trial's length: peak * (steps / base_steps)^power."""

    peak: float  # of a trial of base_steps steps
    power: float  # 0: one rate whatever the steps; -0.2: long trials get a lower one
    base_steps: int = 1000

    def __post_init__(self) -> None:
        if not (0 < self.peak < math.inf and math.isfinite(self.power) and self.base_steps >= 1):
            raise ValueError(f"{self!r} is no rule; give a positive peak, a finite power and 1 or more base_steps")


@dataclass(frozen=True)
class Recipe:
    """How every trial of a sweep is trained; AdamW with warm-up and a linear fall to zero."""

    learning_rate: float  # peak, of a trial of base_steps steps
    base_size: Setting | None = None  # hidden matrices get learning_rate * base fan-in / fan-in; None: one rate for all
    wider_size: Setting | None = None  # a larger size; the matrices that grow from base_size to it are hidden
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.1  # on hidden matrices only
    clip: float = 1.0  # gradient norm; 0 means none
    warmup_fraction: float = 0.05
    warmup_steps: int = 40  # at least; 10 slightly penalised large sizes at small budgets
    pass_labels: str = ""  # the name under which the model's forward gets the targets; "": it does not
    reduction: Reduction = "mean"  # what loss_fn gives for a batch
    steps_power: float = 0.0  # the peak rate goes as steps^steps_power
    base_steps: int = 1000
    nproc: int = 1  # processes that train a trial together; they add float32 numbers in another order than one does

    def __post_init__(self) -> None:
        betas, decay = self.betas, self.weight_decay
        allowed = isinstance(betas, tuple) and all(isinstance(beta, int | float) and 0 <= beta < 1 for beta in betas)
        if not (allowed and len(betas) == 2):
            raise ValueError(f"betas={betas!r} are not AdamW's; give two numbers from 0 to below 1, e.g. (0.9, 0.95)")
        if not (isinstance(decay, int | float) and 0 <= decay < math.inf):
            raise ValueError(f"weight_decay={decay!r} is not AdamW's; give 0 or a positive number, e.g. 0.1")

    def rate(self, steps: int) -> float:
        """The peak learning rate of a trial of so many steps."""
        if not self.steps_power:
            return self.learning_rate
        return float(f"{self.learning_rate * (steps / self.base_steps) ** self.steps_power:.4g}")

    @property
    def content(self) -> dict[str, Any]:
        """What decides a loss, for a hash: without the power of the steps where there is none, and one process."""
        left_out = set() if self.steps_power else {"steps_power", "base_steps"}
        left_out |= {"nproc"} if self.nproc == 1 else set()
        return {name: value for name, value in vars(self).items() if name not in left_out}


@dataclass(frozen=True)
class Trial:
    """One training run: a (budget, size) point with one seed; the unit that is run, stored and retried."""

    key: str
    budget: float  # training FLOPs allowed
    size: Setting
    params: int  # N
    tokens: int  # D
    samples: int
    steps: int
    batch_size: int
    seed: int
    flops: float  # that tokens really cost: within one batch of the budget
    learning_rate: float
    compiled: bool = False  # its steps, by torch.compile: float32 numbers are then added in another order

    @property
    def point(self) -> tuple[float, Setting]:
        """The dot of the IsoFLOP curve that this trial belongs to."""
        return self.budget, self.size


@dataclass(frozen=True, repr=False)
class Plan:
    """The trials of a sweep, fixed before it starts, with all that a front end shows beside them."""

    workload: str  # its name
    identity: str  # hash of everything about the workload that decides a loss; part of every trial's key
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
    added: tuple[str, ...] = ()  # keys of the trials that the user added to what was planned
    model_cls_name: str = ""
    model_kwargs: Mapping[str, Any] = field(default_factory=dict, compare=False)  # to be shown, not to build with
    content: Identity = field(default_factory=Identity)  # what `identity` is the hash of
    goal: Goal | None = None  # trials are chosen one by one until this is reached; None: the trials are all there are
    rates: tuple[float, ...] = (1.0,)  # times the planned peak rate, each trained at every point; the best is fitted
    checks_recipe: bool = False  # the trials tell how good the recipe is, and are no sweep
    left_out: tuple[tuple[str, str], ...] = ()  # keys of the trials that the user keeps out of the fit, and why
    compile: Compile = "off"  # by which the sizes that are compiled were chosen

    @property
    def experiments(self) -> list[Experiment]:
        """The trials under flops-fit's names."""
        return [Experiment(t.key, t.budget, t.size, t.params, t.tokens, t.tokens / t.params) for t in self.trials]

    @property
    def num_experiments(self) -> int:
        """How many trials there are."""
        return len(self.trials)

    @property
    def total_flops(self) -> float:
        """Training FLOPs of all trials: within one batch each, the sum of their budgets."""
        return sum(trial.flops for trial in self.trials)

    @property
    def compute_budgets(self) -> list[float]:
        """The budgets, ascending."""
        return list(self.budgets)

    @property
    def size_param(self) -> str:
        """The size knob's name."""
        return self.size_name

    def __repr__(self) -> str:
        head = (
            f"<Plan of {self.workload}: {self.num_experiments} trials, {len(self.budgets)} budgets, "
            f"total_flops={self.total_flops:.2e}>"
        )
        return "\n".join([head, *self.notes])

    def _repr_html_(self) -> str:
        from flopsfit_tui.core.html import html_lines, html_table  # only a notebook shows it

        head = ["FLOPs", self.size_name, "seed", "params", self.unit, f"{self.unit}/param", "steps"]
        rows = [
            [
                format_flops(t.budget),
                str(t.size),
                str(t.seed),
                format_count(t.params),
                format_count(t.tokens),
                format_ratio(t.tokens / t.params),
                str(t.steps),
            ]
            for t in self.trials
        ]
        title = f"{self.workload}: {self.num_experiments} trials, {format_flops(self.total_flops)} FLOPs in all"
        return html_lines("\n".join([title, *self.notes])) + html_table(head, rows)

    def flops_per_token(self, size: Setting) -> float:
        """Measured training FLOPs a token at one setting of the knob."""
        return next(s.flops_per_token for s in self.sizes if s.size == size)

    def ladder(self, budget: float) -> tuple[Setting, ...]:
        """The sizes planned at a budget, ascending in params."""
        return self.settings({t.size for t in self.trials if t.budget == budget})

    def settings(self, among: Collection[Setting] | None = None) -> tuple[Setting, ...]:
        """The planned settings of the knob, or some of the measured ones, ascending in params."""
        wanted = {t.size for t in self.trials} if among is None else among
        return tuple(s.size for s in sorted(self.sizes, key=lambda s: (s.params, str(s.size))) if s.size in wanted)

    def epochs(self, trial: Trial) -> float:
        """How often a trial goes through the data set; 0 when it is endless."""
        return trial.samples / self.dataset_samples if self.dataset_samples else 0.0

    def to_json(self) -> str:
        """The plan as text, for the store; from_json reads it back equal."""
        return json.dumps(self, sort_keys=True, default=_fields_or_repr)

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """Read what to_json wrote; what a later version has added to it is passed over."""
        raw = json.loads(text)
        sizes = {name: restore_size(raw["recipe"].get(name)) for name in ("base_size", "wider_size")}
        recipe = Recipe(**{**_known(Recipe, raw["recipe"]), **sizes, "betas": tuple(raw["recipe"]["betas"])})
        return cls(
            **{
                **_known(cls, raw),
                "recipe": recipe,
                "budgets": tuple(raw["budgets"]),
                "expected": tuple(raw["expected"]),
                "sizes": tuple(Size(**{**_known(Size, s), "size": restore_size(s["size"])}) for s in raw["sizes"]),
                "trials": tuple(Trial(**{**_known(Trial, t), "size": restore_size(t["size"])}) for t in raw["trials"]),
                "notes": tuple(raw["notes"]),
                "added": tuple(raw.get("added", ())),
                "rates": tuple(raw.get("rates", (1.0,))),
                "left_out": tuple((key, reason) for key, reason in raw.get("left_out", ())),
                "content": Identity.from_json(raw.get("content", {})),
                "goal": Goal(**raw["goal"]) if raw.get("goal") else None,
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
    error: str = ""  # a failed trial's traceback; of a very long one, both ends
    peak_flops: float = math.nan  # FLOP/s of a matrix product in the worker that ended it; NaN where not measured

    def __post_init__(self) -> None:
        object.__setattr__(self, "error", cut_middle(self.error))

    @property
    def tokens_per_second(self) -> float:
        """Training speed, without pauses and evaluation."""
        return self.tokens / self.seconds if self.seconds > 0 else math.nan

    @property
    def mfu(self) -> float:
        """Model FLOPs utilisation (Chowdhery et al., "PaLM", arXiv 2204.02311, appendix B): FLOPs of training by what a
        matrix product would have done in the same seconds, without pauses and evaluation; NaN where it is not known."""
        return mfu(self.flops, self.seconds, self.peak_flops)


def mfu(flops: float, seconds: float, peak_flops: float) -> float:
    """Model FLOPs utilisation, 0 to 1; NaN where the seconds or the peak (FLOP/s) are not known."""
    return flops / seconds / peak_flops if flops > 0 and seconds > 0 and peak_flops > 0 else math.nan


def content_hash(content: Mapping[str, Any]) -> str:
    """Twelve hex digits that change when anything in `content` does."""
    import hashlib  # with OpenSSL, before which the app paints its start screen

    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def keep_unknown(text: str, before: str) -> str:
    """A plan's text with what a later version has added to an earlier text of it: it is not lost by writing here."""
    known = {field.name for field in fields(Plan)}
    added = {name: value for name, value in (json.loads(before) if before else {}).items() if name not in known}
    return json.dumps({**json.loads(text), **added}, sort_keys=True) if added else text


def _fields_or_repr(value: Any) -> Any:
    return vars(value) if is_dataclass(value) and not isinstance(value, type) else repr(value)


def _known(kind: Any, raw: Mapping[str, Any]) -> dict[str, Any]:
    names = {field.name for field in fields(kind)}
    return {name: value for name, value in raw.items() if name in names}
