"""Why there is no optimum to show, in one sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from flopsfit_tui.core.units import format_flops
from flopsfit_tui.report.answer.analysis import Analysis
from flopsfit_tui.report.answer.runs import LeftOut
from flopsfit_tui.report.answer.sweep_runs import NOT_POSITIVE, UNTRAINED

ENOUGH = 3  # sizes at a budget make a parabola


def why_no_optimum(analysis: Analysis) -> str:
    """What the trials that ended, or the runs of a table, lack."""
    runs = analysis.runs
    used, left = sum(p.trials for p in analysis.points), len(analysis.left_out)
    yet, word = (
        (" yet", "trial") if runs.trials and used + left < runs.trials else ("", "trial" if runs.trials else "run")
    )
    if not used + left:
        return f"No optimum{yet}: no {word} has finished."
    without = f" ({_left(analysis.left_out)})" if left else ""
    if not used:
        return f"No optimum{yet}: no {word} that ended has a loss that can be fitted{without}.{_advice(analysis)}"
    sizes = max(Counter(p.budget for p in analysis.points).values())
    if sizes < ENOUGH:
        have = f"there {'is' if sizes == 1 else 'are'} {sizes}{without}.{_advice(analysis)}"
        return f"No optimum{yet}: it takes at least three finished sizes at one budget, and {have}"
    return f"No optimum{yet}: {_curves(analysis)}{_law(analysis)}{without}."


def _left(left_out: Sequence[LeftOut]) -> str:
    kinds: Counter[str] = Counter()
    for one in left_out:
        reason = one.reason
        if reason.startswith(UNTRAINED):
            kinds[UNTRAINED] += 1
        elif NOT_POSITIVE in reason:
            kinds["with a loss of zero or below"] += 1
        else:
            kinds["failed or skipped"] += 1
    return ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())


def _advice(analysis: Analysis) -> str:
    reasons = [one.reason for one in analysis.left_out]
    if any(reason.startswith(UNTRAINED) for reason in reasons):
        return " Give larger budgets, or another learning rate."
    if any(NOT_POSITIVE in reason for reason in reasons):
        return " Add a constant to loss_fn that keeps the loss above zero; it moves no optimum."
    return ""


def _curves(analysis: Analysis) -> str:
    """Where the parabolas have no minimum within the sizes run."""
    found: dict[str, list[str]] = {}
    for curve in analysis.parabolas:
        if curve.status in ("opens_downwards", "edge"):
            below = curve.vertex is not None and curve.vertex.value <= curve.smallest
            word = (
                "no minimum"
                if curve.status == "opens_downwards"
                else f"beyond the {'smallest' if below else 'largest'}"
            )
            found.setdefault(word, []).append(format_flops(curve.budget))
    parts = [
        f"the losses at {', '.join(budgets)} FLOPs have no minimum within the sizes run"
        if word == "no minimum"
        else f"the lowest loss at {', '.join(budgets)} FLOPs lies {word} size run"
        for word, budgets in found.items()
    ]
    return "; ".join(parts) or "the losses determine no best size"


def _law(analysis: Analysis) -> str:
    """Why the law gives none either."""
    fit = analysis.fit
    if fit.law is None:
        return f"; and no law: {fit.warnings[0].message.rstrip('.')}" if fit.warnings else ""
    if fit.law.A <= 0 or fit.law.B <= 0:
        return f"; the law found no effect of {'size' if fit.law.A <= 0 else 'tokens'} on the loss"
    return "; the law puts the best size below one parameter, or its data below one token"
