"""The next trial of a sweep that is to end when its answer is narrow enough, and whether it is.

A pure function of the plan, its outcomes and what runs, so that a sweep that is resumed goes on as it would have.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from flopsfit_tui.core.sizes import Setting
from flopsfit_tui.core.trial import Outcome, Plan, Size, Trial
from flopsfit_tui.core.units import format_flops, format_seconds
from flopsfit_tui.fit import Fit, fit_law
from flopsfit_tui.fit.next_trial import interval_factor, next_trials
from flopsfit_tui.report.answer.runs import Runs
from flopsfit_tui.report.answer.sweep_runs import sweep_runs

# Before a stop: so many runs, and so many refits in a row that are narrow enough. An interval is too narrow by chance
# now and then, the more so the fewer the runs, and a sweep that may end after every trial waits for that chance.
FEWEST, REFITS = 30, 2
# Candidates lie within this factor of the law's optimum in N, as far above as below it: where the law is not quite
# true, a range that reaches further to one side moves the answer (benchmarks/next_trial.py).
AROUND_OPTIMUM = 5.0
# From FAR_ABOVE times the optimum on, a trial has at least LEAST_WARMUPS times the steps of the warm-up: losses of very
# short trials leave the law (gpt-bytes, 60 to 150 steps: 4 to 16 % below it).
FAR_ABOVE, LEAST_WARMUPS = 3.5, 4.0
AROUND_SIZES = 4.0  # and within this factor of the sizes that were run
BRACKETED, ACROSS = 2, 3  # so many of the largest budgets used show their minimum between so many sizes
REACH = 0.25  # of the largest budget: a stop needs one about as large
FAR_FROM_OPTIMUM = 2.0  # no size within this factor of the law's optimum: the minimum is looked for there first
# An interval asks for two sizes of a budget, the stop for three: opening a larger one is dearer than it looks.
OPENING = ACROSS / (ACROSS - 1)

Price = Callable[[float, Size], float | None]  # predicted seconds of a trial at (budget, size); None: not known


@dataclass(frozen=True)
class Choice:
    """The next trial, or why there is none."""

    budget: float | None
    size: Size | None
    reason: str  # one line: what it costs and promises, or why the sweep ends


def choose(plan: Plan, outcomes: Mapping[str, Outcome], running: Collection[str], price: Price) -> Choice:
    """What to train next of a plan that has a goal, given what has ended and the keys of the trials that run."""
    goal = plan.goal
    assert goal is not None
    assert goal.target is not None
    runs = sweep_runs(plan, outcomes)
    fit = _fit(runs)
    width = interval_factor(fit, goal.target)
    waiting = _points_on_their_way(plan, running)
    enough = runs.losses.size >= FEWEST and width <= goal.factor
    if enough and waiting:
        return Choice(None, None, "")  # what runs may settle it
    cells = _candidates(plan, outcomes, runs, fit, waiting)
    if enough:
        needed = _needed(plan, outcomes, runs, fit, waiting)
        if not needed and _narrow(plan, outcomes, goal.factor, goal.target):
            return Choice(None, None, _reached(plan, runs, fit, goal.target, width))
        cells = needed or cells
    if not cells:
        return Choice(None, None, "no trial is left that these budgets and sizes allow")
    spent = sum(t.flops for t in plan.trials if t.key in outcomes or t.key in running)
    if goal.most_flops is not None:
        cells = [cell for cell in cells if spent + cell[0] * len(plan.rates) <= goal.most_flops]
        if not cells:
            most = format_flops(goal.most_flops)
            return Choice(None, None, f"one more trial would take more than the {most} FLOPs allowed")
    return _best(plan, outcomes, runs, fit, cells, waiting, goal.target, price)


def propose(
    plan: Plan, outcomes: Mapping[str, Outcome], coming: Collection[str], price: Price, target: float
) -> Choice:
    """The trial that would narrow the interval at `target` FLOPs most for its price, of any plan.

    coming: keys of the trials that run or wait, as if they had their losses. No budget where there is no law yet.
    """
    runs = sweep_runs(plan, outcomes)
    fit = _fit(runs)
    if not math.isfinite(interval_factor(fit, target)):
        return Choice(None, None, f"no interval at {format_flops(target)} FLOPs yet: it takes more finished trials")
    waiting = _points_on_their_way(plan, coming)
    cells = _candidates(plan, outcomes, runs, fit, waiting)
    if not cells:
        return Choice(None, None, "no trial is left that these budgets and sizes allow")
    return _best(plan, outcomes, runs, fit, cells, waiting, target, price)


def price_by(trials: Collection[Trial], seconds: Mapping[str, float]) -> Price:
    """Prices from the seconds of some trials, by key: those of the one nearest in size, in proportion to FLOPs."""
    timed = [t for t in trials if seconds.get(t.key, 0.0) > 0]

    def price(budget: float, size: Size) -> float | None:
        if not timed:
            return None
        near = min(timed, key=lambda t: (abs(math.log(t.params / size.params)), abs(t.budget - budget)))
        return seconds[near.key] * budget / near.flops

    return price


def _reached(plan: Plan, runs: Runs, fit: Fit, target: float, width: float) -> str:
    """That the noise interval is narrow enough, and what it leaves open that no more trials of these budgets narrow."""
    assert runs.budgets is not None
    said = f"the interval at {format_flops(target)} FLOPs is within {_times(width)}"
    best, used = fit.predict(target), float(runs.budgets.max())
    if best is None or best.params_low is None or best.params_high is None:
        return said
    shown = best.params_high / best.params_low
    if target <= used or shown <= width * 1.01:
        return said
    nearer = plan.budgets[-1] if used < plan.budgets[-1] < target else math.sqrt(used * target)
    return (
        f"{said} by noise; with the error of the law itself it is {_times(shown)}, "
        f"which a budget near {format_flops(float(f'{nearer:.2g}'))} FLOPs would narrow"
    )


def _candidates(
    plan: Plan, outcomes: Mapping[str, Outcome], runs: Runs, fit: Fit, waiting: list[Trial]
) -> list[tuple[float, Size]]:
    """What may be proposed; where the runs do not follow the law, of larger budgets, then of the larger half."""
    cells = list(_cells(plan, outcomes, runs, fit, waiting))
    if fit.misfit:  # small budgets cannot show where a law bends: spend on a larger one
        used = max((t.budget for t in plan.trials if t.key in outcomes), default=0.0)
        middle = math.sqrt(plan.budgets[0] * plan.budgets[-1])
        larger = [cell for cell in cells if cell[0] > used] or [cell for cell in cells if cell[0] > middle * 1.01]
        cells = larger or cells
    return cells


def _best(
    plan: Plan,
    outcomes: Mapping[str, Outcome],
    runs: Runs,
    fit: Fit,
    cells: list[tuple[float, Size]],
    waiting: list[Trial],
    target: float,
    price: Price,
) -> Choice:
    seconds = [price(budget, size) for budget, size in cells]
    known = [s for s in seconds if s is not None and s > 0]
    prices = known if len(known) == len(cells) else [budget for budget, _ in cells]
    count = dict.fromkeys(cells, 0)
    here = {(t.point, t.seed) for t in (*waiting, *(t for t in plan.trials if t.key in outcomes))}
    at_point = Counter(point for point, _ in here)
    for cell in cells:
        count[cell] = at_point[cell[0], cell[1].size]
    opening = _opening(plan, runs, waiting)
    found = next_trials(
        fit,
        np.append(runs.params, [t.params for t in waiting]),
        np.append(runs.tokens, [t.tokens for t in waiting]),
        target,
        [size.params for _, size in cells],
        [budget / size.flops_per_token for budget, size in cells],
        [price * opening(budget) for price, (budget, _) in zip(prices, cells, strict=True)],
        repeats=[count[cell] for cell in cells],
    )
    at = found[0].index if found else int(np.argmin([budget for budget, _ in cells]))
    budget, size = cells[at]
    cost = f"{format_seconds((seconds[at] or 0.0) * len(plan.rates))}, " if known and seconds[at] else ""
    promise = f"interval {_times(found[0].before)} -> {_times(found[0].after)}" if found else "there is no law yet"
    return Choice(budget, size, f"{plan.size_name} {size.size} at {format_flops(budget)}, {cost}{promise}")


def _opening(plan: Plan, runs: Runs, waiting: list[Trial]) -> Callable[[float], float]:
    """The factor by which a trial at a budget is dearer because the sweep has to show the minimum there, too."""
    assert runs.budgets is not None
    sizes: dict[float, set[float]] = {}
    ran = zip(runs.budgets.tolist(), runs.params.tolist(), strict=True)
    for budget, n in (*ran, *((t.budget, float(t.params)) for t in waiting)):
        sizes.setdefault(budget, set()).add(n)
    largest = sorted(sizes)[-BRACKETED:]
    least = largest[0] if plan.goal and len(largest) == BRACKETED else math.inf
    return lambda budget: OPENING if budget >= least and len(sizes.get(budget, ())) < ACROSS - 1 else 1.0


def _points_on_their_way(plan: Plan, running: Collection[str]) -> list[Trial]:
    """One trial of each point and seed that runs, whatever the rates."""
    return list({(t.point, t.seed): t for t in plan.trials if t.key in running}.values())


def _fit(runs: Runs) -> Fit:
    return fit_law(runs.params, runs.tokens, runs.losses, flops=runs.cost, budgets=runs.budgets)


def _narrow(plan: Plan, outcomes: Mapping[str, Outcome], factor: float, target: float) -> bool:
    """Whether the interval was narrow enough before each of the last points that finished, too, at all their rates."""
    order = {key: place for place, key in enumerate(plan.added, 1)}  # of planned ones first
    finished = [t for t in plan.trials if t.key in outcomes and outcomes[t.key].status == "finished"]
    points = list({(t.point, t.seed): None for t in sorted(finished, key=lambda t: order.get(t.key, 0))})
    for count in range(1, REFITS):
        last = {t.key for t in finished if (t.point, t.seed) in points[-count:]}
        before = {key: outcome for key, outcome in outcomes.items() if key not in last}
        if interval_factor(_fit(sweep_runs(plan, before)), target) > factor:
            return False
    return True


def _cells(
    plan: Plan, outcomes: Mapping[str, Outcome], runs: Runs, fit: Fit, waiting: list[Trial]
) -> Iterator[tuple[float, Size]]:
    """Every point that may be proposed: affordable, near the optimum and near what was run, and not failed before."""
    refused = _refused(plan, outcomes)
    params = [*runs.params.tolist(), *(t.params for t in waiting)]
    if not params:
        return
    low, high = min(params) / AROUND_SIZES, max(params) * AROUND_SIZES
    batch = plan.trials[0].batch_size * plan.tokens_per_sample
    for budget, guess in zip(plan.budgets, plan.expected, strict=True):
        best = fit.predict(budget)
        centre = best.params if best else guess
        for size in plan.sizes:
            near = centre / AROUND_OPTIMUM <= size.params <= centre * AROUND_OPTIMUM and low <= size.params <= high
            least = LEAST_WARMUPS * plan.recipe.warmup_steps if size.params > centre * FAR_ABOVE else 1
            if near and budget >= size.flops_per_token * batch * least and (budget, size.size) not in refused:
                yield budget, size


def _refused(plan: Plan, outcomes: Mapping[str, Outcome]) -> set[tuple[float, Setting]]:
    """Points of a trial that failed or was skipped."""
    ended = [t for t in plan.trials if t.key in outcomes]
    refused = {t.point for t in ended if outcomes[t.key].status != "finished"}
    if len(plan.rates) > 1:  # a rate that diverged refuses no point at which another did not
        refused -= {t.point for t in ended if outcomes[t.key].status == "finished"}
    return refused


def _needed(
    plan: Plan, outcomes: Mapping[str, Outcome], runs: Runs, fit: Fit, waiting: list[Trial]
) -> list[tuple[float, Size]]:
    """Points of which the stop asks for one more, however narrow the interval is; none once it has what it needs.

    It needs a budget of about REACH of the largest, because noise is not all that an answer far beyond the runs is off
    by, and of the largest two used a minimum that lies between three sizes.
    """
    assert runs.budgets is not None
    near = list(_cells(plan, outcomes, runs, fit, waiting))
    reach = max((b for b in plan.budgets if b <= plan.budgets[-1] * REACH * 1.01), default=plan.budgets[0])
    used = sorted(set(runs.budgets.tolist()))
    if used[-1] < reach and (found := [cell for cell in near if cell[0] == reach]):
        return found
    refused = _refused(plan, outcomes) | {t.point for t in waiting}
    for budget in used[-BRACKETED:]:
        here = runs.budgets == budget
        losses: dict[float, list[float]] = {}
        for n, loss in zip(runs.params[here].tolist(), runs.losses[here].tolist(), strict=True):
            losses.setdefault(n, []).append(loss)
        sizes = sorted(losses)
        lowest = min(sizes, key=lambda n: sum(losses[n]) / len(losses[n]))
        if len(sizes) >= ACROSS and lowest not in (sizes[0], sizes[-1]):
            continue
        best = fit.predict(budget)
        centre = best.params if best else lowest
        across = [c for c in near if c[0] == budget and (c[1].params > centre) != (lowest > centre)]
        if len(sizes) == 1 and across:
            return across
        fresh = [s for s in plan.sizes if s.params not in losses and (budget, s.size) not in refused]
        side = [s for s in fresh if (s.params < sizes[0] if lowest == sizes[0] else s.params > sizes[-1])]
        gap = min(abs(math.log(n / centre)) for n in sizes) > math.log(FAR_FROM_OPTIMUM)
        if not side or (gap and sizes[0] < centre < sizes[-1]):
            side = fresh
        if side:
            return [(budget, min(side, key=lambda s: abs(math.log(s.params / centre))))]
    return []


def _times(value: float) -> str:
    return f"x{value:.3g}" if math.isfinite(value) else "unbounded"
