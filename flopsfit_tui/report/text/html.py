"""The whole sweep as one HTML file that needs nothing else: no network, no script, no picture beside it."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from itertools import cycle

from flopsfit_tui.core.error_text import repeated
from flopsfit_tui.core.options import main_target
from flopsfit_tui.core.text import printable
from flopsfit_tui.core.trial import Outcome, Plan
from flopsfit_tui.core.units import format_count, format_flops
from flopsfit_tui.core.version import __version__
from flopsfit_tui.report.answer.analysis import Analysis, OptimumRow, optimum_at
from flopsfit_tui.report.answer.compare import settings
from flopsfit_tui.report.answer.no_optimum import why_no_optimum
from flopsfit_tui.report.plots.series import isoflop_series, residual_series
from flopsfit_tui.report.plots.svg import COLORS, SvgChart
from flopsfit_tui.report.text.recommendation import recommendation, recommendation_sentence
from flopsfit_tui.report.text.summary import law_text
from flopsfit_tui.report.text.table import optimum_cells, optimum_head, range_text

STYLE = """
:root { color-scheme: light dark; --line: #8884; --quiet: #777; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 58rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.15rem; margin-top: 2rem; } h3 { font-size: 1rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { text-align: right; padding: .25rem .5rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
td.text { text-align: left; white-space: normal; overflow-wrap: anywhere; }
pre.text { white-space: pre-wrap; } .answer { font-size: 1.1rem; } .key { font-size: .85rem; margin: 0; }
.key span { margin-right: 1rem; display: inline-block; }
pre { overflow-x: auto; background: #8882; padding: .7rem; border-radius: .4rem; font-size: .85rem; }
svg { width: 100%; height: auto; font: 13px system-ui, sans-serif; } svg text { fill: currentColor; }
svg .grid { stroke: var(--line); stroke-width: 1; } svg .zero { stroke: currentColor; stroke-width: 1; }
.quiet { color: var(--quiet); } li { overflow-wrap: anywhere; }
"""


def html_report(plan: Plan, outcomes: Mapping[str, Outcome], analysis: Analysis, target: float | None = None) -> str:
    """Answer, law, plots that say their numbers on hover, points, warnings, plan and versions."""
    target = target or main_target(plan)
    counted = Counter(outcome.status for outcome in outcomes.values())
    states = ", ".join(f"{count} {status}" for status, count in sorted(counted.items())) or "none ended"
    title = f"IsoFLOP sweep of {plan.workload}"
    row = optimum_at(analysis, target)
    first = _answer(analysis, row) if row else ""
    answer = (
        _table(optimum_head(analysis), [optimum_cells(analysis, row) for row in analysis.optimum])
        if analysis.optimum
        else f"<p>{_text(why_no_optimum(analysis))}</p>"
    )
    warnings = [f"{warning.code}: {warning.message}" for warning in analysis.warnings]
    warnings += [f"{len(keys)} failed: {head}" for head, keys in repeated(outcomes)]
    parts = [
        f"<h1>{_text(title)}</h1>",
        f"<p>{len(plan.trials)} trials ({_text(states)}), {len(plan.budgets)} budgets from "
        f"{format_flops(plan.budgets[0])} to {format_flops(plan.budgets[-1])} FLOPs.</p>",
        f'<p class="answer">{_text(first)}</p>' if first else "",
        "<h2>Compute-optimal models</h2>",
        answer,
        f"<p>Training at {format_flops(target)} FLOPs:</p><pre>{_text(recommendation(plan, analysis, target))}</pre>",
        "<h2>Law</h2>",
        f'<pre class="text">{_text(law_text(analysis) or "No law yet.")}</pre>',
        "<h2>Plots</h2>",
        *_plots(analysis),
        "<h2>Warnings</h2>",
        _list(warnings) if warnings else "<p>Nothing.</p>",
        "<h2>Points</h2>",
        _table(
            ["FLOPs", plan.size_name, "params", plan.unit, "loss", "trials"],
            [
                [
                    format_flops(p.budget),
                    str(p.size),
                    format_count(p.params),
                    format_count(p.tokens),
                    f"{p.loss:.4f}",
                    str(p.trials),
                ]
                for p in analysis.points
            ],
        ),
        "<h2>Plan</h2>",
        _list(list(plan.notes)),
        _table(["setting", ""], [[name, value] for name, value in settings(plan).items()], text=True),
        f'<p class="quiet">flopsfit-tui {__version__}, Python {platform.python_version()}; {_text(_devices(outcomes))}'
        "</p>",
    ]
    view = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    head = f'<meta charset="utf-8">{view}<title>{_text(title)}</title>'
    body = "\n".join(filter(None, parts))
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}<style>{STYLE}</style></head>\n<body>\n{body}\n</body></html>\n'
    )


def _answer(analysis: Analysis, row: OptimumRow) -> str:
    """The answer at one budget in sentences, its interval among them."""
    best = f"The best size is {format_count(row.params)} params"
    if row.params_low and row.params_high:
        best += f", 95 % confidence interval {range_text(row.params_low, row.params_high)}"
    return f"{recommendation_sentence(analysis, row)} {best}.".lstrip()


def _plots(analysis: Analysis) -> list[str]:
    return [
        f"<h3>{title}</h3>{chart}"
        for title, chart in (
            ("Loss by params, one curve a budget", _isoflop(analysis)),
            ("Optimum by budget", _optimum(analysis)),
            ("Distance from the law", _residuals(analysis)),
        )
        if chart
    ]


def _keyed(chart: SvgChart, names: Sequence[str]) -> str:
    """The plot under what each of its colours stands for; empty without points."""
    drawn, marks = chart.text(), zip(cycle(COLORS), names, strict=False)
    spans = "".join(f'<span><b style="color:{color}">●</b> {_text(name)}</span>' for color, name in marks)
    return f'<p class="key">{spans}</p>{drawn}' if drawn else ""


def _isoflop(analysis: Analysis) -> str:
    chart = SvgChart("params N", "held-out loss", format_count)
    curves = isoflop_series(analysis)
    for number, curve in enumerate(curves):
        color, budget = COLORS[number % len(COLORS)], format_flops(curve.budget)
        chart.line(curve.parabola.x, curve.parabola.y, color)
        for dot in curve.dots:
            chart.point(dot.x, dot.y, color, f"{budget} FLOPs: N {format_count(dot.x)}, loss {dot.y:.4f}")
    return _keyed(chart, [f"{format_flops(curve.budget)} FLOPs" for curve in curves])


def _optimum(analysis: Analysis) -> str:
    chart = SvgChart("budget C, FLOPs", "params N, tokens D", format_flops, format_count)
    rows = analysis.optimum
    for number, (name, values) in enumerate((("N", [r.params for r in rows]), ("D", [r.tokens for r in rows]))):
        chart.line([r.budget for r in rows], values, COLORS[number])
        for row, value in zip(rows, values, strict=True):
            said = f"{format_flops(row.budget)} FLOPs: {name} {format_count(value)}, loss {row.loss:.3f} ({row.kind})"
            chart.point(row.budget, value, COLORS[number], said)
    sure = [r for r in rows if r.params_low and r.params_high]
    chart.line([r.budget for r in sure], [r.params_low or 0.0 for r in sure], COLORS[0], dashed=True)
    chart.line([r.budget for r in sure], [r.params_high or 0.0 for r in sure], COLORS[0], dashed=True)
    return _keyed(chart, ["params N" + ", 95 % interval dashed" * bool(sure), "tokens D"])


def _residuals(analysis: Analysis) -> str:
    chart, residuals = SvgChart("params N", "loss above the law, %", format_count), residual_series(analysis)
    for number, params, off in residuals.points:
        said = f"{format_flops(residuals.budgets[number])} FLOPs: N {format_count(params)}, {off:+.2%} of the loss"
        chart.point(params, 100 * off, COLORS[number % len(COLORS)], said)
    return _keyed(chart, [f"{format_flops(budget)} FLOPs" for budget in residuals.budgets])


def _devices(outcomes: Mapping[str, Outcome]) -> str:
    devices = sorted({outcome.device for outcome in outcomes.values() if outcome.device})
    return f"trained on {', '.join(devices)}" if devices else "nothing trained yet"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], text: bool = False) -> str:
    kind = ' class="text"' if text else ""
    titles = "".join(f"<th>{_text(title)}</th>" for title in head)
    lines = "".join("<tr>" + "".join(f"<td{kind}>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{titles}</tr></thead><tbody>{lines}</tbody></table></div>'


def _list(lines: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{_text(line)}</li>' for line in lines)}</ul>" if lines else ""


def _text(text: str) -> str:
    """Text of any origin as HTML: no tag of it is one, no control character is there."""
    return escape(printable(text))
