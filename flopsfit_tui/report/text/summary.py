"""The answer as text: what was read, the optimum at each budget, the law, what to build, the warnings."""

from __future__ import annotations

from collections.abc import Sequence

from flopsfit_tui.core.units import format_count, format_flops
from flopsfit_tui.fit import FitWarning, HoldOut, Interval
from flopsfit_tui.report.answer.analysis import Analysis, OptimumRow, optimum_at
from flopsfit_tui.report.answer.no_optimum import why_no_optimum
from flopsfit_tui.report.text.recommendation import recommendation_sentence
from flopsfit_tui.report.text.table import interval_text, optimum_table, range_text, table
from flopsfit_tui.report.text.wrap import wrap

WIDTH = 100  # of what is written into a file
SMALL_POWER = 0.05


def summary(analysis: Analysis, width: int = WIDTH) -> str:
    """The whole answer of a sweep: table, law, exponents, warnings."""
    return _join(_optima(analysis, width), law_text(analysis), warnings_text(analysis.warnings, width))


def report_text(analysis: Analysis, width: int = WIDTH) -> str:
    """The whole report on a table: source, law with its parameters, optima, what to build, hold-out, warnings."""
    return _join(
        wrap(_source(analysis), width),
        law_text(analysis),
        parameter_table(analysis),
        _optima(analysis, width),
        _recommendations(
            analysis, analysis.targets or ((analysis.main_target,) if analysis.main_target else ()), width
        ),
        wrap(_held_out(analysis.held_out), width) if analysis.held_out else "",
        warnings_text(analysis.warnings, width),
    )


def prediction_text(analysis: Analysis, width: int = WIDTH) -> str:
    """Only what was asked: the optimum at the target budgets, what to build there, and the warnings."""
    rows = [row for row in (optimum_at(analysis, target) for target in analysis.targets) if row]
    return _join(
        optimum_table(analysis, rows) if rows else wrap(why_no_optimum(analysis), width),
        wrap(noise_only_text(rows), width),
        _recommendations(analysis, analysis.targets, width),
        warnings_text(analysis.warnings, width),
    )


def law_text(analysis: Analysis) -> str:
    """The law with its numbers, and how the optimum grows with compute by both methods."""
    fit, runs = analysis.fit, analysis.runs
    lines = []
    if fit.law:
        law = fit.law
        lines.append(
            f"L(N, D) = {law.E:.4g} + {law.A:.4g} / N^{law.alpha:.4f} + {law.B:.4g} / D^{law.beta:.4f}"
            f"   (N params, D {runs.unit}, L loss)"
        )
    if fit.law and runs.bayes_loss is not None:
        known = fit.parameters.get("E", Interval(fit.law.E))
        lines.append(f"E = {interval_text(known)} (the data's Bayes loss is {runs.bayes_loss:.3f})")
    if fit.joint:
        lines.append(
            f"terms that do not add: g = {interval_text(fit.joint.g)}, E = {interval_text(fit.joint.E)}; losses are "
            "taken from this form"
        )
    if fit.exponent:
        lines.append(f"N_opt ~ C^a   a = {interval_text(fit.exponent)} by the law, under C = 6ND")
    if fit.with_outliers and fit.with_outliers.exponent:
        count = int(fit.outliers.sum())
        lines.append(f"              a = {interval_text(fit.with_outliers.exponent)} with the {count} runs left out")
    elif fit.exponent_without_flagged:
        lines.append(f"              a = {interval_text(fit.exponent_without_flagged)} without the flagged runs")
    if fit.power_laws:
        parabolas = fit.power_laws[0]
        lead = ", which lead: the runs do not follow the law" if fit.leading == "parabolas" else ""
        lines.append(f"              a = {interval_text(parabolas.exponent)} by {parabolas.vertices} parabolas{lead}")
    if fit.sigma is not None:
        second = f" ({fit.joint.sigma:.2%} about the form whose terms do not add)" if fit.joint else ""
        lines.append(
            f"{fit.points} runs fitted, scatter {fit.sigma:.2%} of the loss{second}; Huber's delta {fit.delta:.2g}; "
            f"95 % confidence intervals by {fit.method or 'nothing'}"
        )
    if fit.noise_trend:
        lines.append(f"noise goes as {_powers(fit.noise_trend)}: runs are weighed by it")
    return "\n".join(lines)


def parameter_table(analysis: Analysis) -> str:
    """E, A, B, alpha and beta with their intervals; nothing without a law."""
    if analysis.fit.law is None:
        return ""
    rows = [_parameter(name, interval) for name, interval in analysis.fit.parameters.items()]
    return table(["", "value", "95 % interval"], rows)


def warnings_text(warnings: Sequence[FitWarning], width: int = WIDTH) -> str:
    """One paragraph a warning, its code in front."""
    return "\n".join(wrap(f"! {warning.code}: {warning.message}", width, "  ") for warning in warnings)


def _powers(trend: tuple[float, float]) -> str:
    """ "N^0.4", "N^0.4 D^-0.2": without a power too small to matter."""
    parts = [f"{letter}^{power:.1f}" for letter, power in zip("ND", trend, strict=True) if abs(power) >= SMALL_POWER]
    return " ".join(parts) or "a small power of N and D"


def _optima(analysis: Analysis, width: int) -> str:
    if not analysis.optimum:
        return wrap(why_no_optimum(analysis), width)
    parts = (optimum_table(analysis, analysis.optimum), wrap(noise_only_text(analysis.optimum), width))
    return "\n".join(part for part in parts if part)


def noise_only_text(rows: Sequence[OptimumRow]) -> str:
    """What the intervals beyond the budgets run would be without the error of the law itself."""
    beyond = [
        f"{format_flops(row.budget)}: {range_text(row.params_noise_low, row.params_noise_high)}"
        for row in rows
        if row.params_noise_low and row.params_low != row.params_noise_low
    ]
    bent = [
        f"{format_flops(row.budget)}: {range_text(row.params_bent_low, row.params_bent_high)}"
        for row in rows
        if row.params_bent_low and row.params_low != row.params_noise_low
    ]
    if not beyond:
        return ""
    text = f"Beyond the budgets run, intervals include the error of the law itself; by noise alone {', '.join(beyond)}"
    return text + (f"; if the law bends as the runs do {', '.join(bent)}." if bent else ".")


def _source(analysis: Analysis) -> str:
    used, count = analysis.fit.points, analysis.runs.losses.size
    shown = f"{used} runs" if used == count else f"{used} of {count} runs"
    return f"{shown} of {analysis.runs.name}{': ' if analysis.runs.notes else ''}{'; '.join(analysis.runs.notes)}."


def _recommendations(analysis: Analysis, budgets: Sequence[float], width: int) -> str:
    rows = [row for row in (optimum_at(analysis, budget) for budget in budgets) if row and row.recommendation]
    return "\n".join(wrap(recommendation_sentence(analysis, row), width) for row in rows)


def _parameter(name: str, x: Interval) -> list[str]:
    bounds = "–" if x.low is None or x.high is None else f"{x.low:.4g} to {x.high:.4g}"
    return [name, f"{x.value:.4g}", bounds]


def _held_out(held: HoldOut) -> str:
    ratio = held.loss_ratio
    sizes = ""
    if held.params and held.params_with:
        sizes = f" The best size there: {format_count(held.params)}, with them {format_count(held.params_with)}."
    return (
        f"Fitted without its largest budgets ({held.points} runs from {format_flops(held.budget)} FLOPs up), the law "
        f"is {ratio.value - 1:+.2%} off in their losses (noise allows {(ratio.high or 1) - ratio.value:.2%}).{sizes}"
    )


def _join(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)
