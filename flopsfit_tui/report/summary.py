"""The answer as text: the Chinchilla table, the law, what to beware of."""

from __future__ import annotations

from collections.abc import Sequence

from flopsfit_tui.core.trial import Plan
from flopsfit_tui.core.units import format_count, format_flops, format_ratio
from flopsfit_tui.fit import Interval
from flopsfit_tui.report.analysis import Analysis, OptimumRow


def summary(plan: Plan, analysis: Analysis) -> str:
    """The whole answer, for stdout: table, law, exponents, warnings."""
    parts = [chinchilla_table(plan, analysis), law_text(plan, analysis), warnings_text(plan, analysis)]
    return "\n\n".join(part for part in parts if part)


def chinchilla_table(plan: Plan, analysis: Analysis) -> str:
    """Compute-optimal size and data for each budget, as in Chinchilla's table 3 (arXiv 2203.15556), with intervals."""
    if not analysis.optimum:
        return "No optimum yet: it takes at least three finished sizes at one budget."
    return table(table_head(plan), [table_row(row, analysis) for row in analysis.optimum])


def table_head(plan: Plan) -> list[str]:
    """The titles over `table_row`'s cells."""
    return ["FLOPs", "params", "95 % interval", plan.unit, f"{plan.unit}/param", "loss", plan.size_name, "parabola"]


def table_row(row: OptimumRow, analysis: Analysis) -> list[str]:
    """The cells of one budget; an extrapolated one is marked by an arrow."""
    return [
        ("→ " if row.kind == "extrapolated" else "") + format_flops(row.budget),
        format_count(row.params),
        range_text(row.params_low, row.params_high),
        format_count(row.tokens),
        format_ratio(row.tokens_per_param),
        f"{row.loss:.3f}",
        str(row.size),
        parabola_text(row.budget, analysis),
    ]


def range_text(low: float | None, high: float | None) -> str:
    """Bounds for a cell; a side that the data leave open is a question mark."""
    if low is None and high is None:
        return "–"
    return " to ".join("?" if bound is None else format_count(bound) for bound in (low, high))


def parabola_text(budget: float, analysis: Analysis) -> str:
    """Approach 2's N at a budget: the parabola's own vertex, else its power law's value, else why there is none."""
    for parabola in analysis.parabolas:
        if parabola.budget == budget:
            if parabola.status == "ok" and parabola.vertex:
                return format_count(parabola.vertex.value)
            return {"edge": "at edge", "opens_downwards": "no minimum"}.get(parabola.status, "–")
    if analysis.power_laws:
        return format_count(float(analysis.power_laws[0](budget)))
    return "–"


def law_text(plan: Plan, analysis: Analysis) -> str:
    """The law with its numbers, and how the optimum grows with compute by both methods."""
    fit = analysis.fit
    lines = []
    if fit.law:
        law = fit.law
        lines.append(
            f"L(N, D) = {law.E:.3f} + {law.A:.4g} / N^{law.alpha:.3f} + {law.B:.4g} / D^{law.beta:.3f}   "
            f"(N params, D {plan.unit}, L nats)"
        )
    if fit.law and plan.bayes_loss is not None:
        lines.append(f"E = {_entropy(analysis)}, where the loss that no model can beat is known: {plan.bayes_loss:.3f}")
    if fit.exponent:
        lines.append(f"N_opt ~ C^a   a = {interval_text(fit.exponent)} by the law, at 6ND")
    if analysis.power_laws:
        lines.append(f"              a = {interval_text(analysis.power_laws[0].exponent)} by the parabolas")
    if fit.sigma is not None:
        lines.append(f"{fit.points} trials fitted, scatter {fit.sigma:.2%} of the loss")
    return "\n".join(lines)


def _entropy(analysis: Analysis) -> str:
    known = analysis.fit.parameters.get("E")
    return interval_text(known) if known else f"{analysis.fit.law.E:.3f}" if analysis.fit.law else "?"


def interval_text(interval: Interval) -> str:
    """A value with its 95 % interval where there is one."""
    if interval.low is None or interval.high is None:
        return f"{interval.value:.3f}"
    return f"{interval.value:.3f} ({interval.low:.3f} to {interval.high:.3f})"


def warnings_text(plan: Plan, analysis: Analysis) -> str:
    """What to beware of, and what was left out of the fit, one a line."""
    lines = [f"! {warning.message}" for warning in analysis.warnings]
    lines += [
        f"! left out: {format_flops(trial.budget)}, {plan.size_name} {trial.size}, seed {trial.seed}: {reason}"
        for trial, reason in analysis.left_out
    ]
    return "\n".join(lines)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Plain text columns, numbers to the right."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    rule = ["─" * width for width in widths]
    lines = [[cell.rjust(width) for cell, width in zip(row, widths, strict=True)] for row in [head, *rows]]
    return "\n".join("  ".join(line).rstrip() for line in [lines[0], rule, *lines[1:]])
