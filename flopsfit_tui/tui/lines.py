"""The lines around the tables and plots: what runs, the optimum, warnings, progress. Pure: a board in, text out."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from flopsfit_tui.core.units import format_count, format_flops, format_ratio, format_seconds
from flopsfit_tui.fit import FitWarning
from flopsfit_tui.plan.estimate import seconds_left
from flopsfit_tui.report.palette import Palette
from flopsfit_tui.tui.board import Board
from flopsfit_tui.tui.look import bar, style

MENDED_BY = {  # the action that mends what a warning is about, and what it does
    "edge_minimum": ("bracket", "adds that point"),
    "shallow": ("seed", "adds a seed"),
    "flagged": ("seed", "adds a seed"),
    "far_target": ("target", "sets another target"),
    "wide_interval": ("target", "sets another target"),
}
NOT_YET = ("too_few", "one_budget", "no_interval")  # codes that a sweep's own course will mend


def title_line(board: Board, width: int, palette: Palette) -> Text:
    """The app, the workload, where it is written, and at the right what goes on."""
    word, color = phase_word(board, palette)
    right = Text(word, style(color, bold=True))
    text = Text().append(" flopsfit ", style(palette.live, bold=True))
    name = board.plan.workload if board.plan else str(board.options.request.workload)
    text.append(" " + shorten(name, max(12, width // 3), front=False), style(palette.foreground))
    room = width - text.cell_len - right.cell_len - 4
    if board.directory and room > 12:
        text.append("  " + shorten(str_path(board.directory), room), style(palette.muted))
    text.append(" " * max(1, width - text.cell_len - right.cell_len - 1))
    return text.append_text(right)


def phase_word(board: Board, palette: Palette) -> tuple[str, tuple[int, int, int]]:
    """What goes on, and the colour it is said in."""
    state = board.state
    if board.wish:
        return board.wish, palette.warn
    if state.phase == "waiting" or board.starting:
        waiting = {"planning": "measuring sizes…", "pricing": "timing…", "refused": "✗ not planned"}
        if board.stage == "ready" and not board.starting:
            return "ready", palette.good
        return waiting.get(board.stage, "starting…"), palette.warn
    words = {
        "running": (
            f"▶ {'following' if board.reading else 'sweeping'} {format_seconds(round(state.running_seconds))}",
            palette.live,
        ),
        "paused": ("‖ paused", palette.warn),
        "done": ("✓ done", palette.good),
        "stopped": ("■ stopped", palette.warn),
    }
    if state.phase == "done" and state.count("failed"):
        return f"✗ done, {state.count('failed')} failed", palette.bad
    return words[state.phase]


def optimum_line(board: Board, width: int, palette: Palette) -> Text:
    """The optimum at the target budget with its interval, as it stands."""
    label = style(palette.muted)
    target = board.target
    if target is None or board.plan is None:
        return Text(" optimum", label)
    times = target / board.plan.budgets[-1]
    head = f" at {format_flops(target)} FLOPs" + (f" ({times:.3g}×)" if width >= 110 else "")
    text = Text().append(head, label)
    row = board.optimum()
    if row is None:
        fitting = board.fitted is None and board.state.count("finished")
        text.append("  fitting…" if fitting else "  the optimum appears when enough sizes have finished", label)
        return text
    value, wide = style(palette.foreground, bold=True), width >= 110
    text.append("  ★", style(palette.minimum, bold=True))
    text.append(" N ", label).append(format_count(row.params), value)
    text.append(f" {interval(row.params_low, row.params_high, format_count)}")
    text.append(f"  {shorten(board.plan.size_name, 12, front=False)} ", label).append(str(row.size), value)
    text.append("  D ", label).append(format_count(row.tokens), value)
    if wide:
        text.append(f"  {board.plan.unit}/N ", label).append(format_ratio(row.tokens_per_param), value)
    text.append("  loss ", label).append(f"{row.loss:.3f}", value)
    if wide and row.loss_low is not None:
        text.append(f" {interval(row.loss_low, row.loss_high, _three)}")
    return text


def interval(low: float | None, high: float | None, show: Callable[[float], str]) -> str:
    """Bounds in brackets; a side that the data leave open is a question mark."""
    if low is None and high is None:
        return "(no interval yet)"
    return f"({'?' if low is None else show(low)} to {'?' if high is None else show(high)})"


def _three(value: float) -> str:
    return f"{value:.3f}"


def warning_line(board: Board, width: int, palette: Palette) -> Text:
    """The most pressing thing to beware of, the key that mends it, how many more there are; empty without any."""
    found = warnings(board)
    if not found:
        return Text()
    shows = board.key("warnings")
    first, more = found[0], f"  (+{len(found) - 1}: {shows})" if len(found) > 1 else f"  ({shows})"
    key = f"  [{first.key}]" if first.key else ""
    text = Text().append(
        f" ! {shorten(first.sentence, width - 4 - len(more) - len(key), front=False)}", style(palette.warn)
    )
    return text.append(key, style(palette.live)).append(more, style(palette.muted))


class Beware(NamedTuple):
    """A thing to beware of, and the key that mends it: ``b adds that point``."""

    sentence: str
    key: str = ""


def warnings(board: Board) -> list[Beware]:
    """Everything to beware of, the most pressing first."""
    found = [Beware(board.problem)] if board.problem else []
    found += [Beware(note.message) for note in reversed(board.state.notes) if note.level != "info"]
    if failed := board.state.count("failed"):
        key = "" if board.reading else f"{board.key('retry')} trains it again"
        found.append(Beware(f"{failed} trial{'s' * (failed > 1)} failed; {board.key('open_row')} on it shows why", key))
    if board.analysis:
        early = board.state.phase == "running"
        found += [
            Beware(w.message, _key(board, w)) for w in board.analysis.warnings if not (early and w.code in NOT_YET)
        ]
    return found


def _key(board: Board, warning: FitWarning) -> str:
    action, does = MENDED_BY.get(warning.code, ("", ""))
    if not action or (board.reading and action != "target"):
        return ""
    return f"{board.key(action)} {does}"


def progress_line(board: Board, width: int, palette: Palette) -> Text:
    """A bar over the sweep's FLOPs, time left, speed."""
    state = board.state
    total = len(state.trials)
    label, value = style(palette.muted), style(palette.foreground)
    if not total:
        return bar(0, width - 2, palette).copy()
    fraction = state.flops_done / state.flops_planned if state.flops_planned else 0.0
    ended = total - state.count("pending") - state.count("running")
    text = Text().append(f" {fraction:4.0%} ", value)
    tail = Text().append(f"  {ended}/{total} trials", value)
    if state.phase in ("running", "paused"):
        left = seconds_left(state)
        tail.append("  ")
        tail.append(f"{format_seconds(left)} left" if math.isfinite(left) else "", style(palette.live, bold=True))
        if state.phase == "running" and state.tokens_per_second:
            unit = board.plan.unit if board.plan else "tokens"
            tail.append(f"  {format_count(state.tokens_per_second)} {unit}/s", label)
    if width >= 100:
        tail.append(f"  {format_flops(state.flops_done)} of {format_flops(state.flops_planned)} FLOPs", label)
    if board.machine and width >= 140 and state.phase in ("running", "paused"):
        tail.append(f"  {board.machine.text()}", label)
    color = {"paused": palette.warn, "stopped": palette.warn, "done": palette.good}.get(state.phase)
    text.append_text(bar(fraction, max(4, width - text.cell_len - tail.cell_len - 1), palette, color))
    return text.append_text(tail)


def str_path(path: Path) -> str:
    """A path with the home directory as ~."""
    try:
        return "~/" + str(path.resolve().relative_to(Path.home()))
    except (ValueError, RuntimeError):
        return str(path)


def printable(text: str) -> str:
    """Text in which control characters and the like are shown, not obeyed."""
    return "".join(c if c.isprintable() or c == "\n" else "�" for c in text)


def shorten(text: str, width: int, front: bool = True) -> str:
    """Text in at most `width` characters, an ellipsis at its front (paths) or its end (sentences)."""
    text = printable(" ".join(text.split()))
    if cell_len(text) <= width:
        return text
    keep = max(1, width - 1)
    if not front:
        return set_cell_size(text, keep).rstrip() + "…"
    while cell_len(text) > keep:
        text = text[1:]
    return "…" + text
