"""The lines around tables and plots: what runs, the optimum, warnings, progress. Pure: an app state in, text out."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from rich.text import Text

from flopsfit_tui.core.state import percent
from flopsfit_tui.core.units import format_count, format_flops, format_ratio, format_seconds
from flopsfit_tui.report.plots.palette import Palette
from flopsfit_tui.tui.session.app_state import AppState
from flopsfit_tui.tui.text import shorten, str_path
from flopsfit_tui.tui.theme import bar, style
from flopsfit_tui.tui.widgets.base_screen import NARROW

if TYPE_CHECKING:  # the first paint comes before what they need
    from flopsfit_tui.core.trial import Plan
    from flopsfit_tui.fit import FitWarning
    from flopsfit_tui.report.answer.analysis import OptimumRow
    from flopsfit_tui.report.answer.recipe import RecipeCheck

FIX_KEYS = {  # the action that answers a warning, and what it does
    "edge_minimum": ("bracket", "adds that point"),
    "shallow": ("seed", "adds a seed"),
    "flagged": ("seed", "adds a seed"),
    "far_target": ("target", "sets another target"),
    "wide_interval": ("target", "sets another target"),
}
READ_ONLY_WIDTH = 60  # columns from which on the title says that a sweep is only read, beside what goes on
RECIPE_APPEARS = "what the recipe loses appears as trials finish"
APPEARS = "the optimum appears when enough sizes have finished"
WORD_WIDTH = 50  # columns from which on a low window says "sweeping" beside its glyph and its time
HALF = 0.5  # of the trials: before, a running sweep is not warned about at all
KEY_WIDTH = 60  # columns from which on the key that answers a warning stands behind it
HIDDEN_WHILE_RUNNING = ("too_few", "one_budget", "no_interval")  # codes that a sweep's own course will mend


def title_line(app_state: AppState, width: int, palette: Palette) -> Text:
    """The app, the workload, where it is written, and at the right what goes on."""
    right = phase_text(app_state, palette, READ_ONLY_WIDTH if width < READ_ONLY_WIDTH else None)
    text = Text().append(" flopsfit ", style(palette.live, bold=True))
    name = app_state.plan.workload if app_state.plan else str(app_state.options.request.workload)
    text.append(" " + shorten(name, max(12, width // 3), front=False), style(palette.foreground))
    if not app_state.commandable and width >= READ_ONLY_WIDTH:
        text.append("  read-only", style(palette.warn))
    room = width - text.cell_len - right.cell_len - 5
    if app_state.directory and room > 12:
        text.append("  " + shorten(str_path(app_state.directory), room), style(palette.muted))
    text.append(" " * max(1, width - text.cell_len - right.cell_len - 1))
    return text.append_text(right)


def phase_text(app_state: AppState, palette: Palette, alone_in: int | None = None) -> Text:
    """What goes on; where it stands alone in so many columns, that a sweep is only read is part of it."""
    word, color = phase_word(app_state, palette)
    if alone_in is not None and not app_state.commandable:
        said = word.replace("following", "read-only")
        word, color = (said, palette.warn) if said != word else (f"{word}, read-only", color)
    elif alone_in is not None and alone_in < WORD_WIDTH:
        word = word.replace("sweeping ", "").replace("following ", "")
    return Text(word, style(color, bold=True))


def phase_word(app_state: AppState, palette: Palette) -> tuple[str, tuple[int, int, int]]:
    """What goes on, and the colour it is said in."""
    state = app_state.state
    if app_state.pending_command:
        return app_state.pending_command, palette.warn
    if state.phase == "waiting" or app_state.start_requested:
        waiting = {"planning": "measuring sizes…", "pricing": "timing…", "refused": "✗ not planned"}
        if app_state.stage == "ready" and not app_state.start_requested:
            return ("✗ not started", palette.warn) if app_state.runs_in else ("ready", palette.good)
        return waiting.get(app_state.stage, "starting…"), palette.warn
    words = {
        "running": (
            f"▶ {'following' if app_state.reading else 'sweeping'} {format_seconds(round(state.running_seconds))}",
            palette.live,
        ),
        "paused": ("‖ paused", palette.warn),
        "done": ("✓ done", palette.good),
        "stopped": ("■ stopped", palette.warn),
    }
    if state.phase == "done" and state.count("failed"):
        return f"✗ done, {state.count('failed')} failed", palette.bad
    return words[state.phase]


def optimum_line(app_state: AppState, width: int, palette: Palette) -> Text:
    """The optimum at the target budget with its interval, as it stands."""
    label = style(palette.muted)
    if app_state.plan is not None and app_state.plan.checks_recipe:
        said = recipe_sentence(app_state.recipe) if app_state.recipe else RECIPE_APPEARS
        return Text(f" {shorten(said, width - 2, front=False)}", style(palette.foreground))
    target = app_state.target
    if target is None or app_state.plan is None:
        return Text(" optimum", label)
    if width < NARROW and (row := app_state.optimum()) is not None:
        return _short_optimum(app_state.plan, row, width, palette)
    times = target / app_state.plan.budgets[-1]
    head = f" at {format_flops(target)} FLOPs" + (f" ({times:.3g}×)" if width >= 110 else "")
    text = Text().append(head, label)
    row = app_state.optimum()
    if row is None:
        fitting = app_state.fitted is None and app_state.state.count("finished")
        over = app_state.state.phase in ("done", "stopped")
        later = "no optimum yet: it takes more finished sizes" if over else APPEARS
        said = "fitting…" if fitting else later
        return text.append(f"  {shorten(said, max(8, width - text.cell_len - 3), front=False)}", label)
    value, wide = style(palette.foreground, bold=True), width >= 110
    text.append("  ★", style(palette.minimum, bold=True))
    text.append(" N ", label).append(format_count(row.params), value)
    text.append(f" {interval(row.params_low, row.params_high, format_count)}")
    text.append(f"  {shorten(app_state.plan.size_name, 12, front=False)} ", label).append(str(row.size), value)
    text.append("  D ", label).append(format_count(row.tokens), value)
    if wide:
        text.append(f"  {app_state.plan.unit}/N ", label).append(format_ratio(row.tokens_per_param), value)
    text.append("  loss ", label).append(f"{row.loss:.3f}", value)
    bounds = f" {interval(row.loss_low, row.loss_high, _three)}"
    if row.loss_low is not None and text.cell_len + len(bounds) < width:
        text.append(bounds)
    return text if text.cell_len <= width else _short_optimum(app_state.plan, row, width, palette)


def recipe_sentence(check: RecipeCheck) -> str:
    """What a recipe check says first."""
    from flopsfit_tui.report.text.recipe_text import sentences  # with numpy, before which the start screen is painted

    return sentences(check)[0]


def _short_optimum(plan: Plan, row: OptimumRow, width: int, palette: Palette) -> Text:
    """N with its interval first, then as much as there is room for."""
    label, value = style(palette.muted), style(palette.foreground, bold=True)
    text = Text(" ★", style(palette.minimum, bold=True)).append(" N ", label).append(format_count(row.params), value)
    text.append(f" {interval(row.params_low, row.params_high, format_count)}", style(palette.foreground))
    for name, said in (
        ("at", format_flops(row.budget)),
        (shorten(plan.size_name, 12, front=False), str(row.size)),
        ("loss", f"{row.loss:.3f}"),
    ):
        if text.cell_len + len(name) + len(said) + 2 < width:
            text.append(f" {name} ", label).append(said, value)
    return text


def interval(low: float | None, high: float | None, show: Callable[[float], str]) -> str:
    """Bounds in brackets; a side that the data leave open is a question mark."""
    if low is None and high is None:
        return "(no interval yet)"
    return f"({'?' if low is None else show(low)} to {'?' if high is None else show(high)})"


def _three(value: float) -> str:
    return f"{value:.3f}"


def warning_line(app_state: AppState, width: int, palette: Palette) -> Text:
    """The most severe warning, the key that answers it, how many more there are; empty without any."""
    found = warnings(app_state)
    if not found:
        return Text()
    shows = app_state.key("warnings")
    first, more = found[0], f"  (+{len(found) - 1}: {shows})" if len(found) > 1 else f"  ({shows})"
    key = f"  [{first.key}]" if first.key and width >= KEY_WIDTH else ""
    text = Text().append(
        f" ! {shorten(first.sentence, width - 4 - len(more) - len(key), front=False)}", style(palette.warn)
    )
    return text.append(key, style(palette.live)).append(more, style(palette.muted))


class WarningLine(NamedTuple):
    """A warning, and the key that answers it: ``b adds that point``."""

    sentence: str
    key: str = ""


def warnings(app_state: AppState) -> list[WarningLine]:
    """Every warning, the most severe first."""
    found = [WarningLine(app_state.problem)] if app_state.problem else []
    found += [WarningLine(note.message) for note in reversed(app_state.state.notes) if note.level != "info"]
    if app_state.state.count("failed"):
        from flopsfit_tui.core.error_text import repeated  # the first paint comes before a failure

        for head, keys in repeated(app_state.state.outcomes()):
            count = f"{len(keys)} trial{'s' * (len(keys) > 1)} failed"
            key = f"{app_state.key('go_failed')} finds {'them' if len(keys) > 1 else 'it'}"
            key += "" if not app_state.commandable else f", {app_state.key('retry')} retries"
            found.append(WarningLine(f"{count}: {head}; {app_state.key('open_row')} on one shows where", key))
    if app_state.analysis:
        early = app_state.state.phase == "running"
        too_early = early and app_state.state.ended < HALF * len(app_state.state.trials)
        found += [
            WarningLine(w.message, _key(app_state, w))
            for w in app_state.analysis.warnings
            if not (early and w.code in HIDDEN_WHILE_RUNNING) and not too_early
        ]
    return found


def _key(app_state: AppState, warning: FitWarning) -> str:
    action, does = FIX_KEYS.get(warning.code, ("", ""))
    if not action or (not app_state.commandable and action != "target"):
        return ""
    return f"{app_state.key(action)} {does}"


def keeps_and_loses(app_state: AppState) -> str:
    """What ending the sweep now keeps, of its finished and of its running trials."""
    running = [now for now in app_state.state.trials.values() if now.status == "running"]
    finished = app_state.state.count("finished")
    kept = "1 finished trial is kept" if finished == 1 else f"{finished} finished trials are kept"
    if not running:
        return f"{kept}."
    if len(running) == 1:
        return f"{kept}; the running trial writes a checkpoint and goes on from it."
    return f"{kept}; the {len(running)} running trials write checkpoints and go on from them."


def progress_line(app_state: AppState, width: int, palette: Palette, warned: bool = False) -> Text:
    """A bar over the sweep's FLOPs, time left, speed; with `warned` how many warnings there are, for want of a line."""
    state = app_state.state
    total = len(state.trials)
    label, value = style(palette.muted), style(palette.foreground)
    if not total:
        return bar(0, width - 2, palette).copy()
    fraction = state.fraction
    text = Text().append(f" {percent(fraction):>4} ", value)
    gap = " " if width < READ_ONLY_WIDTH else "  "
    tail = Text().append(f"{gap}{state.ended}/{total}{'' if width < NARROW else ' trials'}", value)
    if state.phase in ("running", "paused"):
        from flopsfit_tui.plan.estimate import seconds_left  # the first paint comes before a sweep

        left = seconds_left(state)
        tail.append(gap)
        tail.append(f"{format_seconds(left)} left" if math.isfinite(left) else "", style(palette.live, bold=True))
        if state.phase == "running" and state.tokens_per_second and width >= NARROW:
            unit = app_state.plan.unit if app_state.plan else "tokens"
            tail.append(f"  {format_count(state.tokens_per_second)} {unit}/s", label)
    if width >= 100:
        tail.append(f"  {format_flops(state.flops_done)} of {format_flops(state.flops_planned)} FLOPs", label)
    if app_state.machine and width >= 140 and state.phase in ("running", "paused"):
        tail.append(f"  {app_state.machine.text()}", label)
    if warned and (found := warnings(app_state)):
        tail.append(f"{gap}{len(found)}! {app_state.key('warnings')}", style(palette.warn))
    color = {"paused": palette.warn, "stopped": palette.warn, "done": palette.good}.get(state.phase)
    text.append_text(bar(fraction, max(4, width - text.cell_len - tail.cell_len - 1), palette, color))
    return text.append_text(tail)
