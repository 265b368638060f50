"""What a trial of learning rates says, as text and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flopsfit_tui.core.trial import Outcome, Plan, Trial
from flopsfit_tui.core.units import format_flops
from flopsfit_tui.report.text.table import table


def tune_text(plan: Plan, outcomes: Mapping[str, Outcome], best: Mapping[Any, float]) -> str:
    """A table of losses by rate and size, the lowest of each size starred, and what to make of it."""
    sizes = plan.settings()
    factors = sorted({_factor(plan, t) for t in plan.trials})
    rows = [[_rate(plan, f), *(_cell(plan, outcomes, size, f, best) for size in sizes)] for f in factors]
    head = [f"{'times the ' if plan.recipe.steps_power else ''}peak rate", *(f"{plan.size_name} {s}" for s in sizes)]
    title = f"held-out loss at {format_flops(plan.budgets[0])} FLOPs, by peak learning rate"
    return f"{title}\n\n{table(head, rows)}\n\n{_verdict(plan, best, factors)}"


def tune_json(plan: Plan, outcomes: Mapping[str, Outcome], best: Mapping[Any, float]) -> dict[str, Any]:
    """The same for programs."""
    trials = [
        {
            "size": t.size,
            "learning_rate": t.learning_rate,
            "loss": outcomes[t.key].loss,
            "status": outcomes[t.key].status,
        }
        for t in plan.trials
        if t.key in outcomes
    ]
    return {"budget": plan.budgets[0], "trials": trials, "best": {str(size): rate for size, rate in best.items()}}


def _factor(plan: Plan, trial: Trial) -> float:
    """A trial's peak rate by the planned one, which may depend on its steps."""
    return float(f"{trial.learning_rate / plan.recipe.rate(trial.steps):.3g}")


def _rate(plan: Plan, factor: float) -> str:
    """As it is declared: a rate, or where the planned one is a rule, a multiple of it."""
    return f"x{factor:g}" if plan.recipe.steps_power else f"{plan.recipe.learning_rate * factor:.3g}"


def _declared(plan: Plan, factor: float) -> str:
    recipe = plan.recipe
    peak = f"{recipe.learning_rate * factor:.3g}"
    return f"RateRule({peak}, {recipe.steps_power:g}, {recipe.base_steps})" if recipe.steps_power else peak


def _cell(plan: Plan, outcomes: Mapping[str, Outcome], size: Any, factor: float, best: Mapping[Any, float]) -> str:
    for trial in plan.trials:
        if (trial.size, _factor(plan, trial)) == (size, factor) and trial.key in outcomes:
            outcome = outcomes[trial.key]
            if outcome.status != "finished":
                return outcome.status
            return f"{outcome.loss:.4f}" + (" ★" if best.get(size) == trial.learning_rate else "  ")
    return "–"


def _verdict(plan: Plan, best: Mapping[Any, float], factors: list[float]) -> str:
    if not best:
        return "No rate trained to the end; the tracebacks above say why."
    found = sorted(_factor(plan, t) for t in plan.trials if best.get(t.size) == t.learning_rate)
    at_end = [factor for factor in found if factor in (factors[0], factors[-1])]
    if at_end:
        rate, declared = _rate(plan, at_end[0]), _declared(plan, at_end[0])
        return f"The best rate lies at the end of those tried ({rate}); declare learning_rate={declared}; try again."
    spread, middle = found[-1] / found[0], (found[0] * found[-1]) ** 0.5
    if spread > 2:
        return (
            f"The best rate moves by x{spread:.3g} between the sizes: one for all biases the optimum; check base_size."
        )
    if 0.5 < middle < 2:
        return f"The planned rate, {_declared(plan, 1.0)}, suits both sizes within a factor of two."
    declared = _declared(plan, middle)
    return f"Both sizes want another rate than the planned {_declared(plan, 1.0)}; declare learning_rate={declared}."
