"""What a recipe check says, as text and as JSON."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from flopsfit_tui.core.to_json import to_json
from flopsfit_tui.core.units import format_flops
from flopsfit_tui.report.answer.recipe import CheckedPoint, RecipeCheck, Shift
from flopsfit_tui.report.text.table import table
from flopsfit_tui.report.text.wrap import wrap

WIDTH = 100
SPARE = ("steps", "rule loses", "planned rate")  # columns that a narrow table leaves out, the first one first


def recipe_text(check: RecipeCheck, width: int = WIDTH) -> str:
    """A row a point, then in words what is lost, what that does to the optimum, and what to do.

    width: in characters; a table that is wider leaves out columns.
    """
    head = [
        "FLOPs",
        check.size_name,
        "steps",
        "planned rate",
        "loss at x0.5, x1, x2",
        "best rate",
        "planned loses",
        "rule loses",
    ]
    rows = [_row(point) for point in check.points]
    noise = f"noise of a trial {check.noise:.2%} of its loss" if check.noise is not None else "the noise is not known"
    title = f"recipe check of {check.workload}: {format_flops(check.flops)} FLOPs, {noise}"
    said = [wrap(text, width) for text in (title, *sentences(check))]
    return "\n\n".join(part for part in (said[0], _fitting_table(head, rows, width), *said[1:]) if part)


def _fitting_table(head: list[str], rows: list[list[str]], width: int) -> str:
    text = table(head, rows)
    for name in SPARE:
        if len(text.splitlines()[1]) <= width:
            break
        place = head.index(name)
        head, rows = head[:place] + head[place + 1 :], [row[:place] + row[place + 1 :] for row in rows]
        text = table(head, rows)
    return text


def recipe_json(check: RecipeCheck) -> dict[str, Any]:
    """The same for programs."""
    found: dict[str, Any] = to_json(asdict(check))
    return found


def sentences(check: RecipeCheck) -> list[str]:
    """In words: what is lost, what that does to the optimum, and what to do."""
    return [said for said in (_lost(check), _shifted(check), _advice(check)) if said]


def _row(point: CheckedPoint) -> list[str]:
    losses = "  ".join("failed" if math.isnan(loss) else f"{loss:.4f}" for _, loss in point.losses)
    sign = ""
    if point.beyond and point.best_rate is not None:
        sign = ">" if point.best_rate > point.rate else "<"
    return [
        format_flops(point.budget),
        str(point.size),
        f"{point.steps:,}",
        f"{point.rate:.3g}",
        losses,
        f"{sign}{point.best_rate:.2g}" if point.best_rate is not None else "?",
        "?" if point.lost is None else f"{'>' * point.beyond}{max(point.lost, 0):.1%} ± {point.lost_error:.1%}",
        "–" if point.left is None else f"{point.left:.1%}",
    ]


def _lost(check: RecipeCheck) -> str:
    if check.unfinished:
        return f"{check.unfinished} trials have not finished; what follows is without them."
    known = [point for point in check.points if point.lost is not None]
    if not known:
        return _bounded(check)
    worst = max(known, key=lambda point: point.lost or 0.0)
    where = f"{check.size_name} {worst.size} at {format_flops(worst.budget)} FLOPs"
    if not check.matters:
        most = f"{max(worst.lost or 0, 0):.1%} at {where}"
        return f"The planned rates lose nowhere more than half a per cent beyond noise (most: {most})."
    return f"The planned rates lose up to {worst.lost:.1%} (at {where}), each ± its standard error."


def _bounded(check: RecipeCheck) -> str:
    """What can be said where no best rate shows."""
    gained = [point for point in check.points if not math.isnan(point.gained)]
    repeats = f"Repeats (--seeds {2 * check.seeds}) tell more."
    if check.noise is not None and gained:
        most = max(gained, key=lambda point: point.gained)
        error = check.noise * math.sqrt(2 / check.seeds)
        if most.gained <= 2 * error:
            return (
                f"No rate tried is better than the planned one by more than noise: by {most.gained:.1%} ± {error:.1%} "
                f"at most (at {check.size_name} {most.size}, {format_flops(most.budget)} FLOPs). {repeats}"
            )
    return (
        "What the planned rates lose cannot be told: the losses do not rise on both sides of a best rate by more than "
        f"noise. {repeats}"
    )


def _shifted(check: RecipeCheck) -> str:
    if not check.shifts:
        return "How far that moves the optimum cannot be told yet: it takes a law. Run the sweep, and this check again."
    whose = "the sweep's law" if check.law == "sweep" else "a law through the check's few trials"
    each = " and ".join(f"{_times(shift)} at {format_flops(shift.budget)} FLOPs" for shift in check.shifts)
    return f"By {whose}, to first order, the sweep's N_opt comes out {each} of that with the best rates."


def _times(shift: Shift) -> str:
    return f"x{shift.factor:.3g} ({shift.low:.3g} to {shift.high:.3g})"


def _advice(check: RecipeCheck) -> str:
    beyond = [point for point in check.points if point.beyond]
    if check.rule is None:
        if check.matters:
            return "No rule of the rate by steps loses less; --tune-lr each trains every point at three rates instead."
        return "" if not beyond else "Some best rates lie beyond those tried; the noise hides whether that matters."
    rule = check.rule
    fan_in = " x (base fan-in / fan-in) for hidden matrices" if check.scaled else ""
    steps = f" x (steps / {rule.base_steps})^{rule.power:g}" if rule.power else ""
    error = f", the power known to ± {check.rule_power_error:.2f}" if rule.power and check.rule_power_error else ""
    declared = f"RateRule({rule.peak:g}, {rule.power:g}, {rule.base_steps})" if rule.power else f"{rule.peak:g}"
    again = " Some best rates lie beyond those tried: check again with it." if beyond else ""
    return f"Use instead the peak rate {rule.peak:g}{steps}{fan_in}{error}: learning_rate={declared}.{again}"
