"""What to train for a budget: as a sentence, and as lines of Python that can be pasted into a script."""

from __future__ import annotations

import keyword
import re

from flopsfit_tui.core.trial import Plan
from flopsfit_tui.core.units import format_count, format_flops
from flopsfit_tui.report.answer.analysis import Analysis, OptimumRow, optimum_at
from flopsfit_tui.report.text.table import range_text

NEAR = 1.3  # a size further off than this factor in N is treated as not available


def recommendation_sentence(analysis: Analysis, row: OptimumRow) -> str:
    """What to build at the row's budget, and what being off by one size costs; "" where no size is known."""
    found = row.recommendation
    if found is None:
        return ""
    best, runs = found.choice, analysis.runs
    text = (
        f"At {format_flops(row.budget)} FLOPs build {runs.size_name} {best.size} ({format_count(best.params)} params) "
        f"and train it on {format_count(best.tokens)} {runs.unit}: loss {best.loss:.3f}, {best.excess:.4f} above the "
        "lowest."
    )
    near = [f"{runs.size_name} {c.size} {c.loss - best.loss:+.4f}" for c in (found.smaller, found.larger) if c]
    if near:
        text += f" Off by one: {', '.join(near)}."
    if found.at_end:
        text += f" It is the {found.at_end} size known here; the law would go further."
    if found.beyond and found.beyond > 1.05:
        text += f" That is x{found.beyond:.3g} beyond the largest budget run."
    return text


def recommendation(plan: Plan, analysis: Analysis, budget: float) -> str:
    """Size, tokens and recipe at a budget, each with where it comes from; a comment while there is no law."""
    row = optimum_at(analysis, budget)
    if row is None:
        return f"# no optimum at {format_flops(budget)} FLOPs yet: it takes more finished sizes and budgets"
    size = next(s for s in plan.sizes if s.size == row.size)
    near = 1 / NEAR <= size.params / row.params <= NEAR
    tokens = budget / size.flops_per_token if near else row.tokens
    params = size.params if near else row.params
    batch = plan.trials[0].batch_size
    steps = max(1, round(tokens / (batch * plan.tokens_per_sample)))
    base = plan.recipe.base_size
    scaled = f"peak; hidden matrices times base fan-in / fan-in, base {base}" if base else "peak"
    bounds = (
        f", 95 % {range_text(row.params_low, row.params_high)}"
        if (row.params_low, row.params_high) != (None, None)
        else ""
    )
    best = f"the optimum is N = {format_count(row.params)}{bounds}"
    lines = [
        ("compute_budget", f"{budget:.6g}", _source(plan, row, analysis)),
        (_name(plan.size_name), repr(row.size), f"N = {size.params:,}; {best}")
        if near
        else ("params", f"{round(row.params):_}", f"{best}; no {plan.size_name} near it was measured"),
        (plan.unit, f"{round(tokens):_}", f"spend the budget at this size, {tokens / params:.1f} per param"),
        ("batch_size", str(batch), f"{steps:,} steps of {batch * plan.tokens_per_sample:,} {plan.unit}"),
        ("learning_rate", f"{plan.recipe.rate(steps):g}", scaled),
        ("expected_loss", f"{row.loss:.4g}", f"nats{_bounds(row)}"),
    ]
    code = [f"{name} = {value}" for name, value, _ in lines]
    width = max(map(len, code))
    return "\n".join(f"{text:<{width}}  # {why}" for text, (_, _, why) in zip(code, lines, strict=True))


def how_far_beyond(plan: Plan, analysis: Analysis | None, budget: float) -> str:
    """How many times the largest budget run this one is, before the first trial the largest planned; "" for no more."""
    run = analysis.fit.largest_budget if analysis and analysis.fit else None
    times = budget / (run or plan.budgets[-1])
    return f"{times:.3g} times the largest budget {'run' if run else 'planned'}" if times > 1 else ""


def _source(plan: Plan, row: OptimumRow, analysis: Analysis) -> str:
    beyond = how_far_beyond(plan, analysis, row.budget)
    return f"FLOPs{f', {beyond}' if beyond else ''}; {plan.workload}, {row.method} through {analysis.fit.points} trials"


def _bounds(row: OptimumRow) -> str:
    if row.loss_low is None or row.loss_high is None:
        return ""
    return f", 95 % {row.loss_low:.4g} to {row.loss_high:.4g}"


def _name(text: str) -> str:
    """The knob's name as Python can write it."""
    name = re.sub(r"\W", "_", text)
    return f"size_{name}" if not name.isidentifier() or keyword.iskeyword(name) else name
