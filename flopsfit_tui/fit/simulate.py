"""Losses drawn from a known law, with the kinds of noise that real sweeps have.

draw_losses makes many at once from a generator; draw_loss makes one at a time and needs nothing but a seed, so that
trials run in any order, or in several processes, share exactly the effects that they should share.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from flopsfit_tui.fit.arrays import Array, Labels
from flopsfit_tui.fit.budgets import group_budgets
from flopsfit_tui.fit.law import Law


@dataclass(frozen=True)
class Noise:
    """Standard deviations in log loss (0.01 is one per cent), and how often and how far trials diverge."""

    per_trial: float = 0.005  # each trial its own: seeds
    per_point: float = 0.0  # shared by all trials of a (budget, size): a recipe that suits it better or worse
    per_budget: float = 0.0  # shared by all trials of a budget: a schedule that suits it
    per_size: float = 0.0  # shared by all trials of a size: a width that divides well
    diverged: float = 0.0  # share of trials that diverge
    divergence: float = 0.10  # how much higher their loss is: 0.10 is ten per cent


def draw_losses(
    law: Law, N: ArrayLike, D: ArrayLike, noise: Noise, rng: np.random.Generator, *, budgets: ArrayLike | None = None
) -> Array:
    """Losses (n,) of trials with N params and D tokens, (n,) each. budgets: (n,) FLOPs; None is 6ND.

    Rows with equal N and D are trials of one point.
    """
    n, d = (np.asarray(values, dtype=np.float64).ravel() for values in (N, D))
    spent = 6 * n * d if budgets is None else np.asarray(budgets, dtype=np.float64).ravel()
    groups = group_budgets(spent)[1]
    budget = np.where(groups < 0, groups.max(initial=-1) + 1 + np.arange(n.size), groups)
    log_loss = np.log(np.atleast_1d(law.loss(n, d))) + noise.per_trial * rng.normal(size=n.size)
    for deviation, labels in (
        (noise.per_point, np.unique(np.column_stack([n, d]), axis=0, return_inverse=True)[1].ravel()),
        (noise.per_budget, budget),
        (noise.per_size, np.unique(n, return_inverse=True)[1]),
    ):
        log_loss += deviation * _shared(labels, rng)
    log_loss[rng.random(n.size) < noise.diverged] += np.log1p(noise.divergence)
    return np.asarray(np.exp(log_loss))


def _shared(labels: Labels, rng: np.random.Generator) -> Array:
    return np.asarray(rng.normal(size=int(labels.max(initial=0)) + 1)[labels])


def draw_loss(
    law: Law, N: float, D: float, noise: Noise, seed: int, *, trial: int = 0, budget: float | None = None
) -> float:
    """The loss of one trial; the same arguments give the same loss, in any order and process.

    seed: of the whole simulated world, below 2^32; trial: which repeat of the point this is; budget: FLOPs, None is
    6ND.
    """
    spent = 6 * N * D if budget is None else budget
    own = _generator(seed, 1, N, D, trial)
    loss = law.E + law.A / N**law.alpha + law.B / D**law.beta  # as law.loss; of two numbers at a tenth of the cost
    log_loss = math.log(loss) + noise.per_trial * own.normal()
    for kind, deviation, shared in (
        (2, noise.per_point, (N, D)),
        (3, noise.per_budget, (spent,)),
        (4, noise.per_size, (N,)),
    ):
        if deviation:
            log_loss += deviation * _generator(seed, kind, *shared).normal()
    if own.random() < noise.diverged:
        log_loss += math.log1p(noise.divergence)
    return math.exp(log_loss)


def _generator(seed: int, kind: int, *values: float) -> np.random.Generator:
    """A generator of its own for each seed, kind and exact floats."""
    words = np.frombuffer(struct.pack(f"=2I{len(values)}d", seed, kind, *values), np.uint32)  # a list takes 8 times
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))  # type: ignore[arg-type]
