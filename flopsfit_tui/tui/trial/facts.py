"""The facts of one trial."""

from __future__ import annotations

import math
from collections.abc import Callable

from rich.text import Text

from flopsfit_tui.core.state import TrialState
from flopsfit_tui.core.units import format_count, format_flops, format_seconds, format_share
from flopsfit_tui.report.plots.palette import Palette
from flopsfit_tui.tui.session.app_state import AppState
from flopsfit_tui.tui.text import flow, shorten
from flopsfit_tui.tui.theme import STATUS_GLYPHS, status_color, style

Fact = Callable[[str, str], Text]  # a name and a value


def facts(app_state: AppState, now: TrialState, width: int, palette: Palette) -> tuple[Text, Text]:
    """What matters first: status, point, loss; and everything else. Both in lines of at most `width` columns."""
    plan, trial, outcome = app_state.plan, now.trial, now.outcome
    assert plan is not None
    label, plain = style(palette.muted), style(palette.foreground)

    def fact(name: str, value: str) -> Text:
        return Text().append(f"{name} ", label).append(value, plain)

    status = Text(f"{STATUS_GLYPHS[now.status]} {now.status}", style(status_color(now.status, palette), bold=True))
    budget = fact("budget", format_flops(trial.budget))
    size = fact(shorten(plan.size_name, 24, front=False), str(trial.size))
    head = [status, budget, size, _loss(now, palette)]
    if reason := app_state.not_fitted().get(trial.key) if outcome else None:
        head.append(fact("not fitted:", reason))
    lines = [
        [fact("trial", trial.key), fact("seed", str(trial.seed)), *_amounts(app_state, now, fact)],
        [*_training(app_state, now, fact), *_speed(app_state, now, fact)],
    ]
    return flow(head, width), Text("\n").join(flow(line, width) for line in lines)


def _loss(now: TrialState, palette: Palette) -> Text:
    """The held-out loss, or the training loss so far."""
    outcome, label = now.outcome, style(palette.muted)
    loss = outcome.loss if outcome else now.loss
    if not math.isfinite(loss) and outcome is not None and outcome.status != "finished":
        return Text("no loss", label)
    text = Text("held-out loss " if outcome else "training loss ", label)
    return text.append(f"{loss:.4f}" if math.isfinite(loss) else "–", style(palette.foreground, bold=True))


def _amounts(app_state: AppState, now: TrialState, fact: Fact) -> list[Text]:
    """N, D, FLOPs, epochs: of a trial that has not finished, what it had spent of what was planned."""
    plan, trial, outcome = app_state.plan, now.trial, now.outcome
    assert plan is not None
    spent = outcome or trial
    whole = outcome is None or outcome.status == "finished"
    flops = format_flops(spent.flops)
    found = [
        fact("N", f"{trial.params:,}"),
        fact("D", f"{spent.tokens:,}{'' if whole else f' of {trial.tokens:,}'} {plan.unit}"),
        fact("FLOPs", flops if whole else f"{flops} of {format_flops(trial.flops)}"),
    ]
    if epochs := plan.epochs(trial):
        found.append(fact("epochs", f"{epochs:.3g}"))
    return found


def _training(app_state: AppState, now: TrialState, fact: Fact) -> list[Text]:
    """How it is trained, and how far it has come."""
    trial, outcome = now.trial, now.outcome
    assert app_state.plan is not None
    recipe = app_state.plan.recipe
    done = outcome is None or outcome.status == "finished"
    steps = now.step if now.status == "running" else (outcome or trial).steps
    return [
        fact("step", f"{steps:,}" if done and now.status != "running" else f"{steps:,} of {trial.steps:,}"),
        fact("batch", str(trial.batch_size)),
        fact("peak rate", f"{trial.learning_rate:g}"),
        fact("decay", f"{recipe.weight_decay:g}"),
        fact("clip", f"{recipe.clip:g}"),
    ]


def _speed(app_state: AppState, now: TrialState, fact: Fact) -> list[Text]:
    """Other losses, how long it took and where; of a trial that failed, what is known of them."""
    outcome, unit = now.outcome, app_state.plan.unit if app_state.plan else "tokens"
    if outcome is None:
        return [fact("on", now.worker), fact("for", format_seconds(now.seconds))] if now.worker else []
    known = (
        ("training", outcome.train_loss, "{:.4f}".format),
        ("untrained", outcome.first_loss, "{:.3f}".format),
        ("took", outcome.seconds, format_seconds),
        ("speed", outcome.tokens_per_second, lambda speed: f"{format_count(speed)} {unit}/s"),
        ("MFU", outcome.mfu, format_share),
    )
    found = [fact(name, show(number)) for name, number, show in known if math.isfinite(number)]
    return [*found, fact("on", outcome.device or "?")]
