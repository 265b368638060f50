"""The facts of one trial, in four lines."""

from __future__ import annotations

import math

from rich.text import Text

from flopsfit_tui.core.state import TrialState
from flopsfit_tui.core.units import format_count, format_flops, format_seconds
from flopsfit_tui.report.plots.palette import Palette
from flopsfit_tui.tui.session.app_state import AppState
from flopsfit_tui.tui.text import shorten
from flopsfit_tui.tui.theme import STATUS_GLYPHS, status_color, style


def facts(app_state: AppState, now: TrialState, palette: Palette) -> Text:
    """What it is and what it cost, in four lines."""
    plan, trial, outcome = app_state.plan, now.trial, now.outcome
    assert plan is not None
    label, plain = style(palette.muted), style(palette.foreground)
    recipe = plan.recipe
    spent = outcome or trial
    whole = outcome is None or outcome.status == "finished"  # else what it had spent, of what was planned
    text = Text()
    text.append(f"{STATUS_GLYPHS[now.status]} {now.status}", style(status_color(now.status, palette), bold=True))

    def fact(name: str, value: str, gap: str = "   ") -> None:
        text.append(f"{gap}{name} ", label).append(value, plain)

    fact("trial", trial.key)
    fact("budget", format_flops(trial.budget))
    fact(shorten(plan.size_name, 24, front=False), str(trial.size))
    fact("seed", str(trial.seed))
    fact("N", f"{trial.params:,}", "\n")
    fact("D", f"{spent.tokens:,}{'' if whole else f' of {trial.tokens:,}'} {plan.unit}")
    flops = format_flops(spent.flops)
    fact("FLOPs", flops if whole else f"{flops} of {format_flops(trial.flops)}")
    if epochs := plan.epochs(trial):
        fact("epochs", f"{epochs:.3g}")
    steps = now.step if now.status == "running" else spent.steps
    fact("step", f"{steps:,}" if whole and now.status != "running" else f"{steps:,} of {trial.steps:,}", "\n")
    fact("batch", str(trial.batch_size))
    fact("peak rate", f"{trial.learning_rate:g}")
    fact("decay", f"{recipe.weight_decay:g}")
    fact("clip", f"{recipe.clip:g}")
    if reason := app_state.not_fitted().get(trial.key) if outcome else None:
        fact("not fitted:", reason, "\n")
    loss = outcome.loss if outcome else now.loss
    text.append("\n")
    if whole or math.isfinite(loss):
        text.append("held-out loss " if outcome else "training loss ", label)
        text.append(f"{loss:.4f}" if math.isfinite(loss) else "–", style(palette.foreground, bold=True))
    else:
        text.append("no loss", label)
    if outcome:
        known = (  # of a trial that failed, not all is
            ("training", outcome.train_loss, "{:.4f}".format),
            ("untrained", outcome.first_loss, "{:.3f}".format),
            ("took", outcome.seconds, format_seconds),
            ("speed", outcome.tokens_per_second, lambda speed: f"{format_count(speed)} {plan.unit}/s"),
            ("MFU", outcome.mfu, "{:.1%}".format),
        )
        for name, number, show in known:
            if math.isfinite(number):
                fact(name, show(number))
        fact("on", outcome.device or "?")
    elif now.worker:
        fact("on", now.worker)
        fact("for", format_seconds(now.seconds))
    return text
