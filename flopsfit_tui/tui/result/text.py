"""The answer as text: headline, Chinchilla table, law, the warnings, files. Pure: an app state in, text out."""

from __future__ import annotations

from textwrap import wrap

from rich.text import Text

from flopsfit_tui.core.text import printable
from flopsfit_tui.core.trial import Plan
from flopsfit_tui.core.units import format_count, format_flops, format_ratio
from flopsfit_tui.report.answer.analysis import Analysis, optimum_at
from flopsfit_tui.report.plots.palette import Palette, glyph
from flopsfit_tui.report.text.progress import failures_text
from flopsfit_tui.report.text.recommendation import how_far_beyond, recommendation
from flopsfit_tui.report.text.table import interval_text, parabola_text
from flopsfit_tui.tui.session.app_state import AppState
from flopsfit_tui.tui.text import flow, shorten, str_path
from flopsfit_tui.tui.theme import style
from flopsfit_tui.tui.widgets.columns import Field, columns_text

LEAST_COMMENT = 16  # characters of a comment worth beginning


def headline(app_state: AppState, width: int, palette: Palette) -> Text:
    """The optimum at the target, in two lines where they have room."""
    row, target = app_state.optimum(), app_state.target
    if app_state.plan is None or target is None:
        return Text()
    plain = style(palette.foreground)
    text = Text().append("★ ", style(palette.minimum, bold=True))
    text.append("compute-optimal at ", style(palette.muted)).append(
        format_flops(target), style(palette.live, bold=True)
    )
    beyond = how_far_beyond(app_state.plan, app_state.analysis, target)
    text.append(f" FLOPs{f', {beyond}' if beyond else ''}\n", style(palette.muted))
    if row is None:
        return text.append("  not known yet: it takes more finished sizes", style(palette.foreground))
    bold = style(palette.foreground, bold=True)
    parts = [
        Text(format_count(row.params), bold).append(f" params {bounds(row.params_low, row.params_high)}", plain),
        Text(f"{shorten(app_state.plan.size_name, 20, front=False)} ", plain).append(str(row.size), bold),
        Text(format_count(row.tokens), bold).append(f" {app_state.plan.unit}", plain),
        Text("loss ", plain).append(f"{row.loss:.3f}", bold),
    ]
    for line in flow(parts, width - 2).split():
        text.append("  ").append_text(line).append("\n")
    text.right_crop(1)
    return text


def asked(app_state: AppState, budget: float | None, problem: str, palette: Palette) -> Text:
    """The answer to the field: the optimum there, or what is wrong with what was typed."""
    plan, analysis = app_state.plan, app_state.analysis
    if problem or budget is None or plan is None or analysis is None:
        return Text(printable(problem), style(palette.bad))
    row = optimum_at(analysis, budget)
    if row is None:
        return Text("not known there: it takes a law", style(palette.muted))
    text = Text().append("★ ", style(palette.minimum, bold=True))
    text.append(format_count(row.params), style(palette.foreground, bold=True))
    text.append(f" params {bounds(row.params_low, row.params_high)}  {format_count(row.tokens)} {plan.unit}")
    return text.append(f"  loss {row.loss:.3f}")


def python(plan: Plan, analysis: Analysis, budget: float, width: int, palette: Palette) -> Text:
    """The recommendation as code, its comments only where there is room."""
    text = Text(no_wrap=True)
    for line in printable(recommendation(plan, analysis, budget)).splitlines():
        code, mark, why = line.partition("#")
        text.append("\n" if text else "").append(code, style(palette.foreground))
        if width - len(code) >= LEAST_COMMENT:
            comment = wrap(why.strip(), width - len(code) - 2)
            text.append(f"\n{' ' * len(code)}".join(f"{mark} {part}" for part in comment), style(palette.muted))
    return text


def bounds(low: float | None, high: float | None) -> str:
    """An interval for a cell: ``104k–221k``; a side that the data leave open is a question mark."""
    if low is None and high is None:
        return ""
    return "–".join("?" if bound is None else format_count(bound) for bound in (low, high))


def optimum_table(app_state: AppState, analysis: Analysis, width: int, palette: Palette) -> Text:
    """A row a budget, the extrapolated ones below and marked."""
    plan = app_state.plan
    assert plan is not None
    fields = [
        Field("budget", right=False),
        Field("params N"),
        Field("95 %", rank=1),
        Field(f"{plan.unit} D"),
        Field("D/N", rank=4),
        Field("loss", rank=2),
        Field(shorten(plan.size_name, 12, front=False), rank=0),
        Field("parabola N", rank=3),
    ]
    plain, muted = style(palette.foreground), style(palette.muted)
    rows = []
    for row in analysis.optimum:
        beyond = row.kind == "extrapolated"
        place = plan.budgets.index(row.budget) if row.budget in plan.budgets else None
        mark = "→" if place is None else glyph(place)
        color = palette.live if place is None else palette.budget(place, len(plan.budgets))
        loss = f"{row.loss:.3f}"
        rows.append(
            [
                (f"{mark} {format_flops(row.budget)}", style(color, bold=beyond)),
                (format_count(row.params), style(palette.foreground, bold=True)),
                (bounds(row.params_low, row.params_high) or "–", muted),
                (format_count(row.tokens), plain),
                (format_ratio(row.tokens_per_param), plain),
                (loss, plain),
                (str(row.size), plain),
                (parabola_text(row), muted),
            ]
        )
    return columns_text(fields, rows, width, style(palette.muted, bold=True))


def law_lines(plan: Plan, analysis: Analysis, palette: Palette) -> Text:
    """The law, and how the optimum grows by both methods."""
    fit, label, plain = analysis.fit, style(palette.muted), style(palette.foreground)
    text = Text()
    if fit.law:
        law = fit.law
        text.append("law        ", label)
        text.append(f"L = {law.E:.3f} + {law.A:.4g}/N^{law.alpha:.3f} + {law.B:.4g}/D^{law.beta:.3f}", plain)
        if fit.sigma is not None:
            text.append(f"   scatter {fit.sigma:.1%}", label)
        if fit.joint is not None:
            text.append("\nlosses     ", label)
            text.append(f"g = {interval_text(fit.joint.g)}, E = {interval_text(fit.joint.E)}", plain)
            text.append(f"   by the form whose terms do not add, scatter {fit.joint.sigma:.1%}", label)
        if plan.bayes_loss is not None:
            text.append("\nentropy    ", label).append(f"E = {law.E:.3f}", plain)
            text.append(f"   the data's Bayes loss is {plan.bayes_loss:.3f}", label)
    for name, exponent in (
        ("law", fit.exponent),
        ("parabolas", analysis.power_laws[0].exponent if analysis.power_laws else None),
    ):
        if exponent:
            text.append("\n" if text else "").append("growth     ", label)
            leads = ", which lead" if name == fit.leading == "parabolas" else ""
            text.append(f"N_opt ~ C^{interval_text(exponent)}", plain).append(f"   by the {name}{leads}", label)
    return text or Text("no law yet", label)


def warning_lines(app_state: AppState, analysis: Analysis, palette: Palette) -> Text:
    """What failed, then the fit's warnings, one a paragraph."""
    text = Text()
    found = app_state.key("go_failed")
    failed = [f"{line}; in the sweep the key {found} goes there" for line in failures_text(app_state.state.outcomes())]
    for message in [*failed, *(warning.message for warning in analysis.warnings)]:
        text.append("\n" if text else "").append("! ", style(palette.warn, bold=True)).append(printable(message))
    return text


def files(app_state: AppState, palette: Palette) -> Text:
    if not app_state.exported:
        return Text()
    text = Text("written to ", style(palette.muted)).append(printable(str_path(app_state.exported[0].parent)))
    names = ", ".join(path.name for path in app_state.exported)
    text.append(f"\n{names}", style(palette.muted))
    if not app_state.exporting and not any(path.suffix == ".png" for path in app_state.exported):
        text.append("\nPNG plots need matplotlib: pip install 'flopsfit-tui[plots]'", style(palette.muted))
    return text
