"""What a trial of learning rates says, as text and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flopsfit_tui.core.trial import Outcome, Plan
from flopsfit_tui.core.units import format_flops
from flopsfit_tui.report.text.table import table


def tune_text(plan: Plan, outcomes: Mapping[str, Outcome], best: Mapping[Any, float]) -> str:
    """A table of losses by rate and size, the lowest of each size starred, and what to make of it."""
    sizes = plan.settings()
    rates = sorted({t.learning_rate for t in plan.trials})
    rows = [[f"{rate:.3g}", *(_cell(plan, outcomes, size, rate, best) for size in sizes)] for rate in rates]
    head = ["peak rate", *(f"{plan.size_name} {size}" for size in sizes)]
    title = f"held-out loss at {format_flops(plan.budgets[0])} FLOPs, by peak learning rate"
    return f"{title}\n\n{table(head, rows)}\n\n{_verdict(plan, best, rates)}"


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


def _cell(plan: Plan, outcomes: Mapping[str, Outcome], size: Any, rate: float, best: Mapping[Any, float]) -> str:
    for trial in plan.trials:
        if (trial.size, trial.learning_rate) == (size, rate) and trial.key in outcomes:
            outcome = outcomes[trial.key]
            if outcome.status != "finished":
                return outcome.status
            return f"{outcome.loss:.4f}" + (" ★" if best.get(size) == rate else "  ")
    return "–"


def _verdict(plan: Plan, best: Mapping[Any, float], rates: list[float]) -> str:
    if not best:
        return "No rate trained to the end; the tracebacks above say why."
    planned, found = plan.recipe.learning_rate, sorted(best.values())
    at_end = [rate for rate in found if rate in (rates[0], rates[-1])]
    if at_end:
        rate = f"{at_end[0]:.3g}"
        return f"The best rate lies at the end of those tried ({rate}); declare learning_rate={rate}, and try again."
    spread, middle = found[-1] / found[0], (found[0] * found[-1]) ** 0.5
    if spread > 2:
        return (
            f"The best rate moves by x{spread:.3g} between the sizes: one for all biases the optimum; check base_size."
        )
    if planned / 2 < middle < planned * 2:
        return f"The planned rate, {planned:.3g}, suits both sizes within a factor of two."
    return f"Both sizes want another rate than the planned {planned:.3g}; declare learning_rate={middle:.3g}."
