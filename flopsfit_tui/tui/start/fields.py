"""What the start screen's fields say, as options: pure, so that the same sentence refuses a field and a test."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from flopsfit_tui.core.cores import cores
from flopsfit_tui.core.options import Options
from flopsfit_tui.core.request import Goal
from flopsfit_tui.core.sizes import parse_sizes
from flopsfit_tui.core.units import format_flops, parse_numbers
from flopsfit_tui.tui.session.app_state import AppState

AUTO = "auto"  # in a field: the workload's own, or what was measured
GRID = "grid"  # in the field until: every trial is planned before the sweep starts
DEVICES = ("auto", "cpu", "cuda", "mps")


@dataclass(frozen=True)
class FieldSpec:
    """A field: its name, and what help says of it."""

    name: str
    about: str


FIELDS = (
    FieldSpec("budgets", "FLOPs of a trial, as 3e10,1e11 or 1e10..1e12:5; auto: the default"),
    FieldSpec("sizes", "16,24,32 at every budget; auto: chosen for each budget"),
    FieldSpec("points", "sizes per budget, where they are chosen for each"),
    FieldSpec("seeds", "trials per point"),
    FieldSpec("until", "grid; or 1.2: one trial after another until N is known within x1.2"),
    FieldSpec("workers", "trials at once"),
    FieldSpec("device", "auto, cpu, cuda or mps"),
)


def options_of(texts: Mapping[str, str], base: Options) -> Options:
    """`base` with what the fields say; an empty field is the default.

    Raises ValueError with one sentence that names the field and what would have worked.
    """
    text = {name: "" if value.strip() == AUTO else value.strip() for name, value in texts.items()}
    request = replace(
        base.request,
        budgets=parse_numbers(text["budgets"], "budget") if text["budgets"] else None,
        sizes=parse_sizes(text["sizes"], "size") if text["sizes"] else None,
        points=_count(text["points"], "points"),
        seeds=_count(text["seeds"], "seeds") or 1,
    )
    device = text["device"] or "auto"
    request = replace(request, goal=_goal(text["until"], base))
    if device not in DEVICES:
        raise ValueError(f"device {device!r} is none of {', '.join(DEVICES)}")
    return replace(base, request=request, workers=_count(text["workers"], "workers"), device=device)


def _goal(text: str, base: Options) -> Goal | None:
    if not text or text == GRID:
        return None
    try:
        factor = float(text.lstrip("x×"))
    except ValueError:
        factor = math.nan
    if not 1 < factor < math.inf:
        raise ValueError(f"until {text!r} is neither {GRID} nor a factor above 1, such as 1.2")
    before = base.request.goal
    return Goal(
        factor, before.target if before else (base.targets or (None,))[0], before.most_flops if before else None
    )


def _count(text: str, what: str) -> int | None:
    if not text:
        return None
    if not text.isdecimal() or int(text) == 0:
        raise ValueError(f"{what} {text!r} is not a whole number of 1 or more")
    return int(text)


def texts_of(options: Options) -> dict[str, str]:
    """What the fields show for some options: empty where the default holds."""
    request = options.request
    return {
        "budgets": ",".join(map(format_flops, request.budgets or ())),
        "sizes": ",".join(map(str, request.sizes or ())),
        "points": str(request.points or ""),
        "seeds": "" if request.seeds == 1 else str(request.seeds),
        "until": f"{request.goal.factor:g}" if request.goal else "",
        "workers": str(options.workers or ""),
        "device": "" if options.device == "auto" else options.device,
    }


def defaults_of(app_state: AppState) -> dict[str, str]:
    """What an empty field means, as far as it is known: not where the plan follows what was typed there."""
    plan, cost, options = app_state.plan, app_state.estimate, app_state.options
    request = options.request
    chosen = plan if plan and not plan.checks_recipe else None
    ladders = {len(chosen.ladder(budget)) for budget in chosen.budgets} if chosen and request.points is None else set()
    return {
        "budgets": ",".join(map(format_flops, plan.budgets)) if plan and request.budgets is None else AUTO,
        "sizes": AUTO,
        "points": str(max(ladders)) if ladders else "7",
        "seeds": "1",
        "until": GRID,
        "workers": str(cost.workers if cost and options.workers is None else cores()),
        "device": "auto",
    }
