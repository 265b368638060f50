"""The plan as text: a row a budget, then the totals and what they cost. Pure: a board in, text out."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from flopsfit_tui.core.units import format_bytes, format_count, format_flops, format_seconds
from flopsfit_tui.report.palette import Palette, glyph
from flopsfit_tui.tui.board import Board
from flopsfit_tui.tui.columns import Field, columns_text
from flopsfit_tui.tui.lines import shorten, str_path
from flopsfit_tui.tui.look import style


def plan_table(board: Board, width: int, palette: Palette) -> Text:
    """Budget, sizes, params, tokens, epochs and expected optimum of every ladder; columns leave when it is narrow."""
    plan = board.plan
    if plan is None:
        word = "" if board.problem else "measuring the model's sizes…"
        return Text(word, style(palette.muted))
    fields = [
        Field("budget", right=False),
        Field(shorten(plan.size_name, 20, front=False), right=False, rank=1),
        Field("params N", right=False, rank=3),
        Field(f"{plan.unit} D", right=False, rank=4),
        Field("epochs", rank=5),
        Field("optimum near", rank=2),
    ]
    plain, rows = style(palette.foreground), []
    for number, (budget, expected) in enumerate(zip(plan.budgets, plan.expected, strict=True)):
        trials = [t for t in plan.trials if t.budget == budget]
        epochs = max(plan.epochs(t) for t in trials)
        rows.append(
            [
                (f"{glyph(number)} {format_flops(budget)}", style(palette.budget(number, len(plan.budgets)))),
                (" ".join(map(str, plan.ladder(budget))), plain),
                (_range([t.params for t in trials]), plain),
                (_range([t.tokens for t in trials]), plain),
                (f"{epochs:.2f}" if epochs else "–", plain),
                (f"N {format_count(expected)}", plain),
            ]
        )
    return columns_text(fields, rows, width, style(palette.muted, bold=True))


def _range(values: Sequence[float]) -> str:
    low, high = format_count(min(values)), format_count(max(values))
    return low if low == high else f"{low}–{high}"


def plan_totals(board: Board, width: int, palette: Palette) -> Text:
    """What all of it comes to, and where it goes."""
    plan, label, value = board.plan, style(palette.muted), style(palette.foreground, bold=True)
    text = Text()
    if plan is None:
        return text
    left = len(plan.trials) - board.finished_before
    text.append(f"{len(plan.trials)} trials", value)
    text.append("   ")
    text.append(f"{format_flops(sum(t.flops for t in plan.trials))} FLOPs", value).append("   ")
    text.append(f"{format_count(sum(t.tokens for t in plan.trials))} {plan.unit}", value).append("   ")
    cost = board.estimate
    if cost is None:
        text.append("timing…", label)
    else:
        text.append(f"about {format_seconds(cost.total_seconds)}", style(palette.live, bold=True))
        workers = f" on {cost.workers} {cost.device} worker{'s' * (cost.workers > 1)}"
        text.append(workers + f"   {format_bytes(cost.memory_bytes)} of memory", value)
    if board.directory:
        text.append("\nwritten to ", label)
        text.append(shorten(str_path(board.directory), width - 12), style(palette.foreground))
    if board.finished_before and left:
        earlier = f"{board.finished_before} finished, {left} left"
        text.append(f"\ngoes on with an earlier sweep: {earlier}", style(palette.good))
    elif board.finished_before:
        text.append("\nfinished already: starting shows its optimum", style(palette.good))
    for note in plan.notes:
        text.append(f"\n{shorten(note, width, front=False)}", label)
    return text
