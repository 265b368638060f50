"""What a recipe check says: what the planned rates lose where, how far that moves N_opt, and a rule to use instead."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from flopsfit_tui.core.options import BEYOND
from flopsfit_tui.core.sizes import Setting
from flopsfit_tui.core.trial import Outcome, Plan, RateRule, Trial
from flopsfit_tui.fit import Fit, TokenCost, cost_of_tokens, fit_law
from flopsfit_tui.fit.arrays import Array
from flopsfit_tui.fit.recipe import RateCurve, RateLoss, RatePower, optimum_shift, rate_losses, rate_power
from flopsfit_tui.plan.grid import SPAN

MATTERS = 0.005  # of the loss: what a rate may lose before another is recommended
LEAST, MOST, Z = 0.05, 1.5, 1.96  # exponents of a plausible law; of a 95 % interval
SIZES = 7  # of each budget of the sweep whose N_opt is looked at


@dataclass(frozen=True)
class CheckedPoint:
    """One point of a recipe check."""

    budget: float
    size: Setting
    params: int
    steps: int
    rate: float  # planned peak
    losses: tuple[tuple[float, float], ...]  # (peak rate, mean held-out loss), ascending
    lost: float | None  # share of the loss that the planned rate loses; None where it is not known
    lost_error: float | None  # its standard error
    best_rate: float | None
    beyond: bool  # the best rate lies beyond those tried, and at least so much is lost
    left: float | None  # what the rule would lose

    @property
    def gained(self) -> float:
        """By how much, in log loss, the best rate tried is better than the planned one; nan where that failed."""
        planned = min(self.losses, key=lambda tried: abs(math.log(tried[0] / self.rate)))[1]
        return math.log(planned / min((loss for _, loss in self.losses if not math.isnan(loss)), default=math.nan))


@dataclass(frozen=True)
class Shift:
    """How much larger the sweep's N_opt comes out than with the best rates, as a factor, with a 95 % interval."""

    budget: float  # training FLOPs
    factor: float
    low: float
    high: float


@dataclass(frozen=True)
class RecipeCheck:
    """All of it."""

    workload: str
    size_name: str
    points: tuple[CheckedPoint, ...]
    noise: float | None  # of a trial, standard deviation of its log loss
    seeds: int  # trials of a rate at a point, at least
    matters: bool  # a point loses more than half a per cent, and more than noise
    rule: RateRule | None  # to use instead; None where it is not known, or would not lose less
    rule_power_error: float | None
    scaled: bool  # hidden matrices get the rate times base fan-in / fan-in
    shifts: tuple[Shift, ...]
    law: str  # whose law the shifts are by: "sweep", "check", or "" where there is none
    flops: float
    unfinished: int  # trials that have not ended, or failed
    notes: tuple[str, ...] = ()


def recipe_check(plan: Plan, outcomes: Mapping[str, Outcome], sweep: Fit | None = None) -> RecipeCheck:
    """What the trials of a check say. sweep: the fit of the sweep that it belongs to, where that was run."""
    finished = {t.key: outcomes[t.key].loss for t in plan.trials if _finished(outcomes.get(t.key))}
    groups: dict[tuple[float, Setting], list[Trial]] = {}
    for trial in plan.trials:
        groups.setdefault(trial.point, []).append(trial)
    tried = {point: here for point, here in groups.items() if len({t.learning_rate for t in here}) > 1}
    curves = [_curve(plan, [t for t in here if t.key in finished], here[0], finished) for here in tried.values()]
    losses, noise = rate_losses(curves)
    power = rate_power(curves, losses)
    lefts = iter(power.left if power else ())
    points = tuple(
        _point(plan, here, finished, lost, next(lefts, None) if lost else None)
        for here, lost in zip(tried.values(), losses, strict=True)
    )
    known = [p for p in points if p.lost is not None and p.lost_error is not None]
    matters = any(p.lost > MATTERS and p.lost > 2 * p.lost_error for p in known)  # type: ignore[operator]
    better = power is not None and sum(p.left or 0 for p in known) < sum(max(p.lost or 0, 0) for p in known)
    law = sweep if sweep is not None and sweep.law is not None else _own_law(plan, finished)
    return RecipeCheck(
        workload=plan.workload,
        size_name=plan.size_name,
        points=points,
        noise=noise,
        seeds=min((n for here in tried.values() for n in Counter(t.learning_rate for t in here).values()), default=1),
        matters=matters,
        rule=_rule(power) if power and matters and better else None,
        rule_power_error=power.power_error if power else None,
        scaled=plan.recipe.base_size is not None,
        shifts=tuple(_shifts(plan, list(tried), losses, law)) if law else (),
        law="" if law is None else "sweep" if law is sweep else "check",
        flops=sum(outcomes[key].flops for key in finished),
        unfinished=len(plan.trials) - len(finished),
        notes=plan.notes,
    )


def _finished(outcome: Outcome | None) -> bool:
    return outcome is not None and outcome.status == "finished" and math.isfinite(outcome.loss) and outcome.loss > 0


def _curve(plan: Plan, here: list[Trial], first: Trial, losses: Mapping[str, float]) -> RateCurve:
    planned = plan.recipe.rate(first.steps)
    return RateCurve(
        offsets=np.array([round(math.log(t.learning_rate / planned), 9) for t in here]),
        log_losses=np.array([math.log(losses[t.key]) for t in here]),
        log_steps=math.log(first.steps),
        log_rate=math.log(planned),
    )


def _point(
    plan: Plan, here: list[Trial], losses: Mapping[str, float], lost: RateLoss | None, left: float | None
) -> CheckedPoint:
    first, planned = here[0], plan.recipe.rate(here[0].steps)
    means = []
    for rate in sorted({t.learning_rate for t in here}):
        found = [losses[t.key] for t in here if t.learning_rate == rate and t.key in losses]
        means.append((rate, sum(found) / len(found) if found else math.nan))
    return CheckedPoint(
        first.budget, first.size, first.params, first.steps, planned, tuple(means),
        lost.lost if lost else None, lost.lost_error if lost else None,
        planned * math.exp(lost.best) if lost else None, lost.beyond if lost else False, left,
    )  # fmt: skip


def _rule(power: RatePower) -> RateRule:
    return RateRule(float(f"{math.exp(power.log_rate):.3g}"), round(power.power, 2), power.base_steps)


def _own_law(plan: Plan, losses: Mapping[str, float]) -> Fit | None:
    """A law through the check's own trials at the planned rate, where those few determine a plausible one."""
    here = [t for t in plan.trials if t.key in losses and t.learning_rate == plan.recipe.rate(t.steps)]
    params, tokens = [t.params for t in here], [t.tokens for t in here]
    fit = fit_law(params, tokens, [losses[t.key] for t in here], flops=_cost(plan), intervals=False)
    law = fit.law
    return fit if law and fit.status == "converged" and all(LEAST < x < MOST for x in (law.alpha, law.beta)) else None


def _cost(plan: Plan) -> TokenCost:
    return cost_of_tokens([s.params for s in plan.sizes], [s.flops_per_token for s in plan.sizes])


def _shifts(
    plan: Plan, points: Sequence[tuple[float, Setting]], losses: Sequence[RateLoss | None], fit: Fit
) -> Iterator[Shift]:
    """At the sweep's largest budget and ten times it. What is lost between the points checked is drawn through them;
    above the largest budget checked it is taken as it is there."""
    params = {s.size: s.params for s in plan.sizes}
    guess = {b: math.log(n) for b, n in zip(plan.budgets, plan.expected, strict=True)}
    if any(lost is None for lost in losses) or len(losses) < 5:
        return
    excess = np.array([lost.lost for lost in losses if lost])
    errors = np.array([lost.lost_error for lost in losses if lost])
    u = np.array([math.log(params[size]) - guess[budget] for budget, size in points])
    v = np.array([math.log(budget) for budget, _ in points])
    low, high = v.min(), v.max()

    def surface(u: Array, v: Array) -> Array:
        z = (2 * np.clip(v, low, high) - low - high) / (high - low)
        return np.stack([np.ones_like(u), u, z, u * z, u * u], axis=1)

    through = np.linalg.pinv(surface(u, v))  # (5, 5): from what the points lose to the surface
    ends = math.log(SPAN) * np.linspace(-1, 1, SIZES)
    budgets = np.repeat(plan.budgets, SIZES)
    n = np.array([guess[b] for b in plan.budgets]).repeat(SIZES) + np.tile(ends, len(plan.budgets))
    each = surface(np.tile(ends, len(plan.budgets)), np.log(budgets)) @ through
    tokens = budgets / _cost(plan)(np.exp(n))
    for target in (plan.budgets[-1], plan.budgets[-1] * BEYOND[0]):
        found = optimum_shift(fit, target, np.exp(n), tokens, each @ excess)
        if found is None:
            continue
        shift, weights = found
        error = float(np.linalg.norm((weights @ each) * errors))
        yield Shift(target, *(math.exp(shift + z * error) for z in (0.0, -Z, Z)))
