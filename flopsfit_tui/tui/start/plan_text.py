"""The plan as text: a row a budget, then the totals and what they cost. Pure: an app state in, text out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from rich.text import Text

from flopsfit_tui.core.text import printable
from flopsfit_tui.core.units import format_bytes, format_count, format_flops, format_seconds, format_share
from flopsfit_tui.report.plots.palette import Palette, glyph
from flopsfit_tui.tui.session.app_state import AppState
from flopsfit_tui.tui.text import flow, shorten, str_path
from flopsfit_tui.tui.theme import style
from flopsfit_tui.tui.widgets.columns import Field, columns_text
from flopsfit_tui.workloads.builtin import BUILTIN

if TYPE_CHECKING:  # the first paint comes before a plan
    from flopsfit_tui.core.trial import Trial

NOTE_LINES, LEAST_NOTE = 3, 8  # lines of a note at most; columns that one is broken for, in any window


def waiting_text(app_state: AppState) -> str:
    """What is waited for, how long it has been, and how long it usually is."""
    name = shorten(str(app_state.options.request.workload), 40, front=False)
    since = format_seconds(round(app_state.waited))
    if app_state.stage == "planning":
        return f"measuring the sizes of {name}… {since} (loading torch comes first, usually 3 to 20 s in all)"
    return f"timing the smallest and the largest size… {since} (usually 2 to 10 s)"


def problem_text(app_state: AppState) -> str:
    """Why there is no plan; or, in a line, why the one in sight was not started, and what starting it does."""
    if app_state.runs_in is not None and app_state.plan is not None:
        return "another process is sweeping in this directory; enter offers to watch it"
    return printable(app_state.problem)


def plan_of_another(name: str, palette: Palette) -> Text:
    """In the place of a plan, while another workload is marked than the one that is planned."""
    builtin = BUILTIN.get(name)
    if builtin and not builtin.downloads:
        return Text("…", style(palette.muted))
    why = f"it downloads {builtin.downloads} when first used" if builtin else "planning runs your file"
    return Text(f"enter plans {shorten(name, 40, front=False)}: {why}", style(palette.foreground))


def plan_table(app_state: AppState, width: int, palette: Palette) -> Text:
    """Budget, sizes, params, tokens, epochs and expected optimum of every ladder; columns leave when it is narrow."""
    plan = app_state.plan
    if plan is None:
        return Text("" if app_state.problem else waiting_text(app_state), style(palette.muted))
    used = app_state.estimate.mfu if app_state.estimate else {}
    fields = [
        Field("budget", right=False),
        Field(shorten(plan.size_name, 20, front=False), right=False, rank=1),
        Field("params N", right=False, rank=3),
        Field(f"{plan.unit} D", right=False, rank=4),
        Field("epochs", rank=5),
        Field("optimum near", rank=2),
        *([Field("MFU", rank=6)] if used else []),
    ]
    plain, rows = style(palette.foreground), []
    for number, (budget, expected) in enumerate(zip(plan.budgets, plan.expected, strict=True)):
        trials = [t for t in plan.trials if t.budget == budget]
        name = (f"{glyph(number)} {format_flops(budget)}", style(palette.budget(number, len(plan.budgets))))
        if not trials:
            what = "as chosen" if plan.goal else "not looked at"
            faint = style(palette.muted)
            rows.append([name, (what, faint), *[("", plain)] * 3, (f"N {format_count(expected)}", faint), ("", plain)])
            continue
        epochs = max(plan.epochs(t) for t in trials)
        rows.append(
            [
                name,
                (" ".join(map(str, plan.ladder(budget))), plain),
                (_range([t.params for t in trials]), plain),
                (_range([t.tokens for t in trials]), plain),
                (f"{epochs:.2f}" if epochs else "–", plain),
                (f"N {format_count(expected)}", plain),
                (_mfu_range(trials, used), plain),
            ]
        )
    return columns_text(fields, rows, width, style(palette.muted, bold=True))


def _range(values: Sequence[float]) -> str:
    low, high = format_count(min(values)), format_count(max(values))
    return low if low == high else f"{low}–{high}"


def _mfu_range(trials: Sequence[Trial], used: Mapping[str, float]) -> str:
    """Expected model FLOPs utilisation of some trials; empty where it is not known."""
    known = [used[t.key] for t in trials if t.key in used]
    if not known:
        return ""
    low, high = format_share(min(known)), format_share(max(known))
    return low if low == high else f"{low.removesuffix('%')}–{high}"


def plan_totals(app_state: AppState, width: int, palette: Palette) -> Text:
    """What all of it comes to, and where it goes."""
    plan, label, value = app_state.plan, style(palette.muted), style(palette.foreground, bold=True)
    text = Text()
    if plan is None:
        return text
    before, left = len(app_state.planned.kept) if app_state.planned else 0, app_state.left
    parts = [
        Text(f"{len(plan.trials)} trials{' to begin with' * bool(plan.goal)}", value),
        Text(f"{format_flops(sum(t.flops for t in plan.trials))} FLOPs", value),
        Text(f"{format_count(sum(t.tokens for t in plan.trials))} {plan.unit}", value),
    ]
    cost = app_state.estimate
    if cost is not None and left:
        from flopsfit_tui.plan.estimate import predicted_seconds  # the first paint comes before a plan

        seconds = predicted_seconds(app_state.planned.left if app_state.planned else (), cost)
        time = Text(f"about {format_seconds(seconds)}", style(palette.live, bold=True))
        parts.append(time.append(f" on {cost.workers} {cost.device} worker{'s' * (cost.workers > 1)}", value))
        parts.append(Text(f"{format_bytes(cost.memory_bytes)} of memory", value))
        if mfu := _mfu_range(plan.trials, cost.mfu):
            parts.append(Text(f"MFU {mfu}", value))
    text.append_text(flow(parts, width))
    if cost is None and app_state.stage == "pricing":
        text.append(f"\n{waiting_text(app_state)}", label)
    if app_state.directory:
        text.append("\nwritten to ", label)
        text.append(shorten(str_path(app_state.directory), width - 12), style(palette.foreground))
    if before and left:
        earlier = f"{before} finished, {left} left"
        text.append(f"\nresumes an earlier sweep: {earlier}", style(palette.good))
    elif before:
        text.append("\nalready finished; start to see the result", style(palette.good))
    for note in plan.notes:
        for line in wrap(shorten(note, NOTE_LINES * width, front=False), max(LEAST_NOTE, width)):
            text.append(f"\n{line}", label)
    return text
