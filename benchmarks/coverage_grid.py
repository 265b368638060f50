"""The worlds that fit_coverage.py draws its runs from: laws, designs, kinds of noise, and truths that are not the law.

Every number here was chosen before the fit was measured on it; a world added later is another test of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from flopsfit_tui.fit import Law

Array = np.ndarray
Design = Callable[[Law, np.random.Generator], tuple[Array, Array]]  # N and D of the runs
Bend = Callable[[Law, Array, Array], Array]  # added to ln L at N and D

LAWS = {
    "Hoffmann": Law(1.69, 406.4, 410.7, 0.34, 0.28),
    "Besiroglu": Law(1.8172, 482.01, 2085.43, 0.3478, 0.3658),
    "alpha .6, beta .25": Law(1.5, 3e4, 300.0, 0.6, 0.25),
    "alpha .25, beta .6": Law(0.8, 60.0, 1e5, 0.25, 0.6),
}
SMALLEST = 1e18


def _ladders(
    budgets: int, sizes: int, *, span: float = 100.0, ratio: float = 1.7, off: float = 1.0, seeds: int = 1
) -> Design:
    """A grid of budgets, spanning a factor, by sizes so far apart, around the optimum times `off`."""

    def design(law: Law, _: np.random.Generator) -> tuple[Array, Array]:
        C = SMALLEST * np.geomspace(1.0, span, budgets)
        best = off * np.array([law.optimum(c).params for c in C])
        N = np.outer(best, ratio ** (np.arange(sizes) - (sizes - 1) / 2))
        return np.repeat(N.ravel(), seeds), np.repeat((C[:, None] / (6 * N)).ravel(), seeds)

    return design


def _scattered(count: int) -> Design:
    """Runs anywhere within a factor of 8 of the best size, budgets over a factor of 300: data read off a figure."""

    def design(law: Law, rng: np.random.Generator) -> tuple[Array, Array]:
        C = SMALLEST * np.exp(rng.uniform(0, math.log(300), count))
        N = np.array([law.optimum(c).params for c in C]) * np.exp(rng.uniform(-1, 1, count) * math.log(8))
        return N, C / (6 * N)

    return design


def _rectangle(sizes: int, lengths: int) -> Design:
    """Every size at every number of tokens: checkpoints of a few long runs, as many are published."""

    def design(law: Law, _: np.random.Generator) -> tuple[Array, Array]:
        low, high = law.optimum(SMALLEST), law.optimum(100 * SMALLEST)
        N = np.geomspace(low.params / 2, high.params * 2, sizes)
        D = np.geomspace(low.tokens / 2, high.tokens * 2, lengths)
        return np.repeat(N, lengths), np.tile(D, sizes)

    return design


DESIGNS = {
    "5x7": _ladders(5, 7),
    "5x7 span 16": _ladders(5, 7, span=16.0),
    "4x5": _ladders(4, 5),
    "3x7": _ladders(3, 7),
    "8x9": _ladders(8, 9, span=1000.0, ratio=1.5),
    "5x7 off x2.5": _ladders(5, 7, off=2.5),
    "5x5 wide": _ladders(5, 5, ratio=3.0),
    "5x7 x3 seeds": _ladders(5, 7, seeds=3),
    "7x8 rectangle": _rectangle(7, 8),
    "100 scattered": _scattered(100),
    "240 scattered": _scattered(240),
}


@dataclass(frozen=True)
class Kind:
    """Noise of one run: its standard deviation grows as size^by_size tokens^by_tokens, its shape is drawn."""

    deviation: float = 0.005  # of log loss, at the middle of the runs
    by_size: float = 0.0
    by_tokens: float = 0.0
    shape: str = "normal"

    def __call__(self, N: Array, D: Array, rng: np.random.Generator) -> Array:
        level = self.by_size * np.log(N / np.median(N)) + self.by_tokens * np.log(D / np.median(D))
        draws: dict[str, Callable[[], Array]] = {
            "normal": lambda: rng.normal(size=N.size),
            "t3": lambda: rng.standard_t(3, N.size) / math.sqrt(3),
            "skewed": lambda: rng.exponential(size=N.size) - 1.0,
            "diverged": lambda: rng.normal(size=N.size) + (rng.random(N.size) < 0.05) * 0.1 / self.deviation,
        }
        return np.asarray(self.deviation * np.exp(level - level.mean()) * draws[self.shape]())


NOISES = {
    "0.5 %": Kind(),
    "2 %": Kind(0.02),
    "~N^.5": Kind(by_size=0.5),
    "~N^-.5": Kind(by_size=-0.5),
    "~D^.5": Kind(by_tokens=0.5),
    "~D^-.5": Kind(by_tokens=-0.5),
    "t3": Kind(shape="t3"),
    "skewed": Kind(shape="skewed"),
    "5 % diverged": Kind(shape="diverged"),
}


@dataclass(frozen=True)
class Truth:
    """A loss surface that is not the law, or is: ln L at N and D, and where its best size lies."""

    name: str
    law: Law
    bend: Callable[[Law, Array, Array], Array] | None = None  # what is added to ln L, at N and D

    def log_loss(self, N: Array, D: Array) -> Array:
        base = np.log(self.law.loss(N, D))
        return base if self.bend is None else base + self.bend(self.law, np.asarray(N), np.asarray(D))

    def best(self, C: float) -> float:
        """ln of the size with the lowest loss for C = 6ND."""
        n = math.log(self.law.optimum(C).params) + np.linspace(-3, 3, 6001)
        losses = self.log_loss(np.exp(n), C / 6 / np.exp(n))
        return float(n[np.argmin(losses)])


def _ratio_of_terms(law: Law, N: Array, D: Array) -> tuple[Array, Array]:
    u, v = law.A / N**law.alpha, law.B / D**law.beta
    return u, v


def _interacting(strength: float) -> Bend:
    def bend(law: Law, N: Array, D: Array) -> Array:
        u, v = _ratio_of_terms(law, N, D)
        return np.asarray(np.log1p(strength * np.sqrt(u * v) / (law.E + u + v)))

    return bend


def _power_mean(g: float) -> Bend:
    def bend(law: Law, N: Array, D: Array) -> Array:
        u, v = _ratio_of_terms(law, N, D)
        return np.asarray(np.log((law.E + (u**g + v**g) ** (1 / g)) / (law.E + u + v)))

    return bend


def _ends(worst: float, side: float) -> Bend:
    """Sizes at the ends of a ladder (a factor 5 from the best) lose so much, on both sides or on one."""

    def bend(law: Law, N: Array, D: Array) -> Array:
        best = np.array([law.optimum(c).params for c in 6 * N * D])
        w = np.log(N / best) / math.log(5)
        return worst * np.where(w * side >= 0 if side else np.ones_like(w, bool), np.abs(w) ** 3, 0.0)

    return bend


def _drift(a: float, b: float) -> Bend:
    """A recipe that gets worse with size or tokens: so much for each factor e."""

    def bend(law: Law, N: Array, D: Array) -> Array:
        middle = law.optimum(10 * SMALLEST)
        return a * np.log(N / middle.params) ** 2 + b * np.log(D / middle.tokens) ** 2

    return bend


def wrong_truths(law: Law) -> list[Truth]:
    """What real tables do: terms that interact, ends of the ladders trained badly, recipes that drift."""
    return [
        Truth("terms interact", law, _interacting(0.3)),
        Truth("power mean g=1.3", law, _power_mean(1.3)),
        Truth("power mean g=.8", law, _power_mean(0.8)),
        Truth("ends 2 % worse above", law, _ends(0.02, 1)),
        Truth("ends 2 % worse below", law, _ends(0.02, -1)),
        Truth("recipe drifts with N", law, _drift(0.002, 0.0)),
        Truth("recipe drifts with D", law, _drift(0.0, 0.002)),
    ]
