"""The Chinchilla table as Markdown, under the headings that flops-fit gives it."""

from __future__ import annotations

from collections.abc import Sequence

from flopsfit_tui.report.answer.analysis import Analysis, OptimumRow, optimum_at
from flopsfit_tui.report.answer.no_optimum import why_no_optimum
from flopsfit_tui.report.text.table import range_text

HEADINGS = ("Compute Budget", "Optimal N", "Optimal D", "D/N Ratio", "Predicted Loss")
NOT_KNOWN = "–"


def chinchilla_markdown(analysis: Analysis, budgets: Sequence[float] | None = None) -> str:
    """Compute-optimal size and data at each budget; None: the plan's budgets, and 10 and 100 times the largest.

    After flops-fit's five columns come the 95 % interval of N, the setting of the knob, among those measured, that
    is best there, and whether the budget was measured or extrapolated to. A budget at which the losses determine
    nothing has dashes; without any, the table gives way to the sentence that says why.
    """
    rows: dict[float, OptimumRow | None]
    if budgets is None:
        rows = {row.budget: row for row in analysis.optimum}
    else:
        rows = {budget: optimum_at(analysis, budget) for budget in map(float, budgets)}
    if not any(rows.values()):
        return why_no_optimum(analysis)
    head = [*HEADINGS, "95 % interval", analysis.runs.size_name, "kind"]
    head = [heading.replace("|", "\\|") for heading in head]
    lines = [head, *(_cells(budget, row) for budget, row in rows.items())]
    text = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([text[0], "|" + "---|" * len(head), *text[1:]])


def _cells(budget: float, row: OptimumRow | None) -> list[str]:
    if row is None:
        return [f"{budget:.2e}", *[NOT_KNOWN] * 7]
    return [
        f"{budget:.2e}",
        f"{round(row.params):,}",
        f"{round(row.tokens):,}",
        f"{row.tokens_per_param:.1f}",
        f"{row.loss:.4f}",
        range_text(row.params_low, row.params_high),
        str(row.size),
        row.kind,
    ]
