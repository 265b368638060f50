"""Points that are trained at several peak learning rates: which rate is fitted (Porian et al., arXiv 2406.19146)."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple, Protocol

from flopsfit_tui.core.sizes import Setting

WAITS = "its other rates are not in yet"
EACH = (0.5, 1.0, 2.0)  # times the planned peak rate: a factor two costs 1 to 3 % of the loss on the default workloads


class Tried(Protocol):
    """What is known of a trial."""

    @property
    def key(self) -> str: ...
    @property
    def budget(self) -> float: ...
    @property
    def size(self) -> Setting: ...
    @property
    def seed(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def status(self) -> str: ...
    @property
    def loss(self) -> float: ...


class OneTry(NamedTuple):
    """The same, where nothing else holds it together."""

    key: str
    budget: float
    size: Setting
    seed: int
    learning_rate: float
    status: str
    loss: float


def rates_aside(trials: Iterable[Tried]) -> dict[str, str]:
    """Why trials of points with several rates are not fitted, by key: another rate is better, or not all are in.

    A rate's loss is its mean over the seeds that have ended at every rate of the point; a rate at which one of them
    failed or diverged comes after those at which none did. Points of one rate are left alone.
    """
    points: dict[tuple[float, Setting], list[Tried]] = defaultdict(list)
    for trial in trials:
        points[trial.budget, trial.size].append(trial)
    aside: dict[str, str] = {}
    for here in points.values():
        rates = {trial.learning_rate for trial in here}
        if len(rates) < 2:
            continue
        open_seeds = {t.seed for t in here if t.status in ("pending", "running")}
        ended = [t for t in here if t.seed not in open_seeds]
        aside |= {t.key: WAITS for t in here if t.seed in open_seeds}
        if ended:
            best = min(rates, key=lambda rate: _rank([t for t in ended if t.learning_rate == rate], rates))
            aside |= {t.key: f"rate {best:.3g} is better here" for t in ended if t.learning_rate != best}
    return aside


def _rank(trials: list[Tried], rates: set[float]) -> tuple[int, float, float]:
    """Failures first, then the mean loss; of equal ones, the rate in the middle."""
    losses = [t.loss for t in trials if t.status == "finished" and math.isfinite(t.loss)]
    mean = sum(losses) / len(losses) if losses else math.inf
    middle = sorted(rates)[(len(rates) - 1) // 2]
    at = trials[0].learning_rate if trials else middle
    return len(trials) - len(losses) if trials else len(rates) + 1, mean, abs(math.log(at / middle))
