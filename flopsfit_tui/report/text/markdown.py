"""The whole sweep as one Markdown file, to read, to send, to paste into a paper's appendix."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from flopsfit_tui.core.options import main_target
from flopsfit_tui.core.trial import Outcome, Plan
from flopsfit_tui.core.units import format_count, format_flops
from flopsfit_tui.report.answer.analysis import Analysis
from flopsfit_tui.report.answer.no_optimum import why_no_optimum
from flopsfit_tui.report.text.recommendation import recommendation
from flopsfit_tui.report.text.summary import law_text
from flopsfit_tui.report.text.table import optimum_cells, optimum_head

FIGURES = {
    "isoflop": "IsoFLOP curves",
    "scaling": "Optimum by compute",
    "loss_curves": "Training losses",
    "residuals": "Distance from the law",
}


def markdown_report(
    plan: Plan, outcomes: Mapping[str, Outcome], analysis: Analysis, target: float | None = None, figures: bool = False
) -> str:
    """Answer, law, warnings, what was run; `figures` when the PNG files lie beside it."""
    target = target or main_target(plan)
    counted = Counter(outcome.status for outcome in outcomes.values())
    states = ", ".join(f"{count} {status}" for status, count in sorted(counted.items())) or "none ended"
    parts = [
        f"# IsoFLOP sweep of {_cell(plan.workload)}",
        f"{len(plan.trials)} trials ({states}), {len(plan.budgets)} budgets from {format_flops(plan.budgets[0])} to "
        f"{format_flops(plan.budgets[-1])} FLOPs, {format_flops(sum(t.flops for t in plan.trials))} FLOPs in all.",
        "\n".join(f"* {note}" for note in plan.notes),
        "## Compute-optimal models",
        _table(optimum_head(analysis), [optimum_cells(analysis, row) for row in analysis.optimum])
        if analysis.optimum
        else why_no_optimum(analysis),
        f"Training at {format_flops(target)} FLOPs:",
        f"```python\n{recommendation(plan, analysis, target)}\n```",
        "## Law",
        _block(law_text(analysis)) or "No law yet.",
        "## Warnings",
        "\n".join(f"* {warning.code}: {' '.join(warning.message.split())}" for warning in analysis.warnings)
        or "Nothing.",
        "## Points",
        _table(
            ["FLOPs", _cell(plan.size_name), "params", plan.unit, "loss", "lowest", "highest", "trials"],
            [
                [format_flops(p.budget), str(p.size), format_count(p.params), format_count(p.tokens)]
                + [f"{loss:.4f}" for loss in (p.loss, p.lowest, p.highest)]
                + [str(p.trials)]
                for p in analysis.points
            ],
        ),
    ]
    if figures:
        parts += ["## Plots", "\n\n".join(f"![{title}]({name}.png)" for name, title in FIGURES.items())]
    return "\n\n".join(part for part in parts if part) + "\n"


def _block(text: str) -> str:
    return f"```\n{text}\n```" if text else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---:"] * len(head), *([_cell(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
