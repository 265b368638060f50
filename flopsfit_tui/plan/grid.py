"""Budgets x measured sizes -> Plan: for each budget a ladder of sizes centred where the optimum is expected.

The ladder spans a factor of about 4 to each side in N, so that the minimum lies well inside and the parabola through it
is nearly symmetric; Chinchilla's own grids span as much (arXiv 2203.15556, figure 3).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from flopsfit_tui.core.events import Note
from flopsfit_tui.core.sizes import Setting
from flopsfit_tui.core.trial import Plan, Recipe, Size, Trial, content_hash

SPAN = 4.0  # the ladder reaches from N0 / SPAN to N0 * SPAN


@dataclass(frozen=True)
class Knob:
    """The settings that a model can be built with, ascending, and the params of each, which grow with them.

    `params` raises ValueError for a setting that the model refuses.
    """

    settings: Sequence[Setting]
    params: Callable[[Setting], int]

    def nearest(self, params: float) -> int:
        """Index of the setting whose N is nearest to `params` in log N; asks only about what the search passes."""
        above = self._first_above(params)
        if above in (0, len(self.settings)):
            return max(0, above - 1)
        low, high = (self.params(self.settings[i]) for i in (above - 1, above))
        return above - 1 if params * params < low * high else above

    def ladder(self, centre: float, points: int, span: float = SPAN) -> tuple[Setting, ...]:
        """`points` different settings within a factor `span` of `centre` in N, about evenly spaced in log N.

        Where the knob is too coarse for that, the ladder reaches further, upwards first; fewer settings come back only
        when the knob has fewer.
        """
        last = len(self.settings) - 1
        points = min(points, last + 1)
        first, final = self._first_above(centre / span), self._first_above(centre * span * (1 + 1e-9)) - 1
        final = min(last, max(final, first + points - 1))
        first = max(0, min(first, final - points + 1))
        low, high = (math.log(self.params(self.settings[i])) for i in (first, final))
        chosen: list[int] = []
        for i in range(points):
            wanted = self.nearest(math.exp(low + (high - low) * i / max(1, points - 1)))
            earliest = chosen[-1] + 1 if chosen else first
            chosen.append(min(max(wanted, earliest), final - (points - 1 - i)))
        return tuple(self.settings[i] for i in chosen)

    def _first_above(self, params: float) -> int:
        return bisect_left(self.settings, params, key=self.params)


def expected_params(budget: float, first_guess: Callable[[float], float] | None) -> float:
    """Where the optimum is expected: the workload's own guess, else D = 20 N under C = 6 N D (arXiv 2203.15556)."""
    guess = first_guess(budget) if first_guess else math.sqrt(budget / 120)
    if not (math.isfinite(guess) and guess > 0):
        raise ValueError(f"first_guess({budget:g}) gave {guess!r}; it must give a positive number of parameters")
    return float(guess)


def plan_point(
    budget: float,
    size: Size,
    seeds: int,
    batch_size: int,
    tokens_per_sample: int,
    recipe: Recipe,
    identity: str,
    rates: Sequence[float] = (1.0,),
) -> list[Trial]:
    """The trials of one point: the whole number of batches whose FLOPs are nearest to the budget.

    Each seed is trained at every one of `rates`, which are times the recipe's peak rate. Raises ValueError when the
    budget does not pay for one batch.
    """
    flops_per_batch = size.flops_per_token * tokens_per_sample * batch_size
    if budget < flops_per_batch:
        raise ValueError(
            f"budget {budget:g} does not pay for one batch of {batch_size} at size {size.size}, which costs "
            f"{flops_per_batch:.3g} FLOPs; give a larger budget, a smaller batch or smaller sizes"
        )
    steps = round(budget / flops_per_batch)
    samples = steps * batch_size
    first = Trial(
        key="",
        budget=budget,
        size=size.size,
        params=size.params,
        tokens=samples * tokens_per_sample,
        samples=samples,
        steps=steps,
        batch_size=batch_size,
        seed=0,
        flops=steps * flops_per_batch,
        learning_rate=recipe.rate(steps),
        compiled=bool(size.compiled),
    )
    trials = [
        replace(first, seed=seed, learning_rate=first.learning_rate * rate) for seed in range(seeds) for rate in rates
    ]
    return [replace(trial, key=trial_key(trial, identity)) for trial in trials]


def trial_key(trial: Trial, identity: str) -> str:
    """A hash of all that decides a trial's loss: its own settings, and the identity of its workload."""
    left_out = {"key"} if trial.compiled else {"key", "compiled"}
    settings = {name: value for name, value in vars(trial).items() if name not in left_out}
    return content_hash({**settings, "identity": identity})


def add_trial(plan: Plan, budget: float, size: Size) -> Plan:
    """The plan with one more trial at a point, of each rate, with the lowest seed that is free there.

    Raises ValueError for a budget that is not the plan's, or does not pay for one batch.
    """
    if budget not in plan.budgets:
        raise ValueError(f"the plan has no budget {budget:g}; it has {', '.join(f'{b:g}' for b in plan.budgets)}")
    there = {t.seed for t in plan.trials if t.point == (budget, size.size)}
    seed = next(i for i in range(len(there) + 1) if i not in there)
    batch_size = plan.trials[0].batch_size
    args = (batch_size, plan.tokens_per_sample, plan.recipe, plan.identity, plan.rates)
    new = plan_point(budget, size, seed + 1, *args)[-len(plan.rates) :]
    sizes = {s.size: s for s in (*plan.sizes, size)}
    trials = sorted((*plan.trials, *new), key=lambda t: (plan.budgets.index(t.budget), t.params, str(t.size), t.seed))
    return replace(
        plan,
        sizes=tuple(sorted(sizes.values(), key=lambda s: (s.params, str(s.size)))),
        trials=tuple(trials),
        added=(*plan.added, *(trial.key for trial in new)),
    )


def keep_added(plan: Plan, before: Plan | None) -> Plan:
    """A plan with the trials that the user added when it was run before, and without those left out then."""
    if before is None or before.identity != plan.identity:
        return plan
    here = {t.key for t in plan.trials}
    theirs = {t.key: t for t in before.trials}
    for trial in (theirs[key] for key in before.added if key in theirs):
        if trial.key not in here and trial.budget in plan.budgets:
            size = next(s for s in before.sizes if s.size == trial.size)
            grown = add_trial(plan, trial.budget, size)
            if trial.key in grown.added:
                plan, here = grown, {t.key for t in grown.trials}
    known = {*(key for key, _ in plan.left_out), *({t.key for t in before.trials} - here)}
    return replace(plan, left_out=(*plan.left_out, *(one for one in before.left_out if one[0] not in known)))


def leave_out(plan: Plan, key: str, reason: str | None) -> Plan:
    """The plan with a trial kept out of the fit for a reason, or with None back in it."""
    others = tuple(one for one in plan.left_out if one[0] != key)
    if reason is None or all(trial.key != key for trial in plan.trials):
        return replace(plan, left_out=others)
    return replace(plan, left_out=(*others, (key, reason)))


def left_out_note(plan: Plan, key: str, reason: str | None) -> Note:
    """What is said of a trial that is kept out of the fit, or put back into it."""
    trial = next((t for t in plan.trials if t.key == key), None)
    where = f"{plan.size_name} {trial.size} at {trial.budget:g} FLOPs" if trial else key
    return Note(
        "info", f"fitted again: {where}" if reason is None else f"left out of the fit: {where}: {reason or '-'}"
    )
