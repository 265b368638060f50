"""The words and tables of a fit report."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from flopsfit_tui.core.units import format_count, format_flops, format_ratio
from flopsfit_tui.fit import FitWarning, HoldOut, Interval
from flopsfit_tui.report.summary import interval_text, range_text, table

if TYPE_CHECKING:
    from flopsfit_tui.report.fit_report import FitReport, Row

NO_VERTEX = {"edge": "at edge", "opens_downwards": "no minimum", "too_few": "–"}


def report_text(report: FitReport, width: int) -> str:
    """The whole report: source, law, exponents, optima, hold-out, warnings."""
    parts = [
        _wrap(_source(report), width),
        _law(report),
        _exponents(report),
        optimum_table(report.rows, report.fit.exponent is not None),
        _recommendations(report.targets or report.rows[-1:], width),
        _wrap(_held_out(report.held_out), width) if report.held_out else "",
        warnings_text(report.warnings, width),
    ]
    return "\n\n".join(part for part in parts if part)


def prediction_text(report: FitReport, width: int) -> str:
    """The optimum at the targets, what to build there, and what to beware of."""
    parts = [
        optimum_table(report.targets, report.fit.exponent is not None),
        _recommendations(report.targets, width),
        warnings_text(report.warnings, width),
    ]
    return "\n\n".join(part for part in parts if part)


def optimum_table(rows: Sequence[Row], law: bool) -> str:
    """Best size, tokens and loss a budget; an arrow marks what lies beyond the runs."""
    if not rows or not (law or any(row.parabola for row in rows)):
        return "No optimum: it takes at least three sizes at one budget, and a law at least two budgets."
    head = ["FLOPs", "params", "95 % interval", "tokens", "tokens/param", "loss", "95 % interval", "parabola"]
    return table(head, [_cells(row) for row in rows])


def _cells(row: Row) -> list[str]:
    budget = ("→ " if row.kind == "extrapolated" else "") + format_flops(row.budget)
    parabola = format_count(row.parabola) if row.parabola else NO_VERTEX.get(row.parabola_note, "–")
    best = row.optimum
    if best is None:
        return [budget, *["–"] * 6, parabola]
    losses = "–"
    if best.loss_low is not None and best.loss_high is not None:
        losses = f"{best.loss_low:.3f} to {best.loss_high:.3f}"
    return [
        budget,
        format_count(best.params),
        range_text(best.params_low, best.params_high),
        format_count(best.tokens),
        format_ratio(best.tokens_per_param),
        f"{best.loss:.3f}",
        losses,
        parabola,
    ]


def _source(report: FitReport) -> str:
    used, count = report.fit.points, report.runs.losses.size
    shown = f"{used} runs" if used == count else f"{used} of {count} runs"
    return f"{shown} of {report.runs.name}: {'; '.join(report.runs.notes)}."


def _law(report: FitReport) -> str:
    fit = report.fit
    if fit.law is None:
        return ""
    law = fit.law
    lines = [
        f"L(N, D) = {law.E:.4g} + {law.A:.4g} / N^{law.alpha:.4f} + {law.B:.4g} / D^{law.beta:.4f}"
        "   (N params, D tokens, L loss)",
        f"scatter {fit.sigma:.2%} of the loss; Huber's delta {fit.delta:.2g}; intervals by {fit.method or 'nothing'}",
        "",
        table(["", "value", "95 % interval"], [_parameter(name, x) for name, x in fit.parameters.items()]),
    ]
    return "\n".join(lines)


def _parameter(name: str, x: Interval) -> list[str]:
    bounds = "–" if x.low is None or x.high is None else f"{x.low:.4g} to {x.high:.4g}"
    return [name, f"{x.value:.4g}", bounds]


def _exponents(report: FitReport) -> str:
    fit, lines = report.fit, []
    if fit.exponent:
        lines.append(f"N_opt ~ C^a   a = {interval_text(fit.exponent)} by the law, under C = 6ND")
    if fit.exponent_without_flagged:
        lines.append(f"              a = {interval_text(fit.exponent_without_flagged)} without the flagged runs")
    if fit.power_laws:
        parabolas = fit.power_laws[0]
        lines.append(f"              a = {interval_text(parabolas.exponent)} by {parabolas.vertices} parabolas")
    return "\n".join(lines)


def _recommendations(rows: Sequence[Row], width: int) -> str:
    return "\n".join(_wrap(_recommendation(row), width) for row in rows if row.recommendation)


def _recommendation(row: Row) -> str:
    found = row.recommendation
    assert found is not None
    best = found.choice
    text = (
        f"At {format_flops(row.budget)} FLOPs build size {best.size} ({format_count(best.params)} params) and train it "
        f"on {format_count(best.tokens)} tokens: loss {best.loss:.3f}, {best.excess:.4f} above the law's best."
    )
    near = [f"size {c.size} +{c.loss - best.loss:.4f}" for c in (found.smaller, found.larger) if c]
    if near:
        text += f" Off by one: {', '.join(near)}."
    if found.at_end:
        text += f" It is the {found.at_end} size known here; the law would go further."
    if found.beyond and found.beyond > 1.05:
        text += f" That is x{found.beyond:.3g} beyond the largest budget run."
    return text


def _held_out(held: HoldOut) -> str:
    ratio = held.loss_ratio
    sizes = ""
    if held.params and held.params_with:
        sizes = f" The best size there: {format_count(held.params)}, with them {format_count(held.params_with)}."
    return (
        f"Fitted without its largest budgets ({held.points} runs from {format_flops(held.budget)} FLOPs up), the law "
        f"is {ratio.value - 1:+.2%} off in their losses (noise allows {(ratio.high or 1) - ratio.value:.2%}).{sizes}"
    )


def warnings_text(warnings: Sequence[FitWarning], width: int) -> str:
    """One paragraph a warning, its code in front."""
    return "\n".join(_wrap(f"! {warning.code}: {warning.message}", width, "  ") for warning in warnings)


def _wrap(text: str, width: int, indent: str = "") -> str:
    return textwrap.fill(text, max(width, 40), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
