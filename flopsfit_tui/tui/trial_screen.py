"""One trial: what it is, how it went, its curve, or why it failed."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from flopsfit_tui.core.state import TrialState
from flopsfit_tui.core.units import format_count, format_flops, format_seconds
from flopsfit_tui.report.palette import Palette
from flopsfit_tui.report.plots import loss_plot
from flopsfit_tui.report.series import loss_series
from flopsfit_tui.report.window import PLAIN
from flopsfit_tui.tui.board import Board
from flopsfit_tui.tui.key_line import KeyLine
from flopsfit_tui.tui.lines import printable, shorten, title_line
from flopsfit_tui.tui.look import STATUS_GLYPHS, palette_of, status_color, style
from flopsfit_tui.tui.plot_actions import PlotActions
from flopsfit_tui.tui.plot_view import PlotView
from flopsfit_tui.tui.trial_actions import TrialActions

REDRAW_SECONDS = 0.5


class TrialScreen(TrialActions, PlotActions):
    """Facts at the top, curve or traceback below."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter", "app.pop_screen", "Back", id="close_trial", key_display="esc"),
        Binding("left", "read(-1)", "Read the curve", id="read_left"),
        Binding("right", "read(1)", "Read the curve", id="read_right"),
        Binding("down,j", "other(1)", "Next trial", id="next_trial"),
        Binding("up,k", "other(-1)", "Trial before", id="trial_before", show=False),
    ]

    def __init__(self, board: Board, key: str) -> None:
        super().__init__(board)
        self._key = key

    def compose(self) -> ComposeResult:
        """Title, facts, curve, traceback, keys."""
        yield Static(id="title")
        yield Static(id="facts")
        yield PlotView(id="curve")
        with VerticalScroll(id="traceback"):
            yield Static(id="error")
        yield KeyLine()

    def on_mount(self) -> None:
        """A running trial's curve grows."""
        self.set_interval(REDRAW_SECONDS, self.redraw)

    def selected(self) -> list[TrialState]:
        """The trial shown."""
        now = self.board.state.trials.get(self._key)
        return [now] if now else []

    def plot_in_hand(self) -> PlotView:
        """The trial's curve."""
        return self.query_one("#curve", PlotView)

    def action_other(self, step: int) -> None:
        """The next trial of the plan, or the one before."""
        keys = list(self.board.state.trials)
        if self._key in keys:
            self._key = keys[(keys.index(self._key) + step) % len(keys)]
            self.plot_in_hand().look(PLAIN)
            self.redraw()

    def action_read(self, steps: int) -> None:
        """Move the cursor along the curve; its first place is the end."""
        plot = self.plot_in_hand()
        at = plot.view.cursor
        places = max(1, min(plot.size.width, *(len(now.history) - 1 for now in self.selected())))
        at = 1.0 if at is None else min(1.0, max(0.0, at + steps / places))
        plot.look(replace(plot.view, cursor=at))

    def draw(self) -> None:
        """Everything about the trial as it stands."""
        board, palette = self.board, palette_of(self.app)
        now = board.state.trials.get(self._key)
        self.put("#title", title_line(board, self.size.width, palette))
        if now is None or board.plan is None:
            return
        self.refresh_keys()
        self.put("#facts", facts(board, now, palette), layout=True)
        error = now.outcome.error if now.outcome else ""
        self.query_one("#traceback").display = bool(error)
        self.put("#error", Text(printable(error), style(palette.bad)), layout=True)
        plan = board.plan
        version = (now.trial.key, now.status, len(now.history))
        self.query_one("#curve", PlotView).show(
            version, lambda w, h, p, view: loss_plot(loss_series(plan, [now], 2 * w), w, h, p, view)
        )


def facts(board: Board, now: TrialState, palette: Palette) -> Text:
    """What it is and what it cost, in four lines."""
    plan, trial, outcome = board.plan, now.trial, now.outcome
    assert plan is not None
    label, plain = style(palette.muted), style(palette.foreground)
    recipe = plan.recipe
    spent = outcome or trial
    text = Text()
    text.append(f"{STATUS_GLYPHS[now.status]} {now.status}", style(status_color(now.status, palette), bold=True))

    def fact(name: str, value: str, gap: str = "   ") -> None:
        text.append(f"{gap}{name} ", label).append(value, plain)

    fact("trial", trial.key)
    fact("budget", format_flops(trial.budget))
    fact(shorten(plan.size_name, 24, front=False), str(trial.size))
    fact("seed", str(trial.seed))
    fact("N", f"{trial.params:,}", "\n")
    fact("D", f"{spent.tokens:,} {plan.unit}")
    fact("FLOPs", format_flops(spent.flops))
    fact("epochs", f"{plan.epochs(trial):.3g}")
    fact("step", f"{now.step:,} of {trial.steps:,}" if now.status == "running" else f"{spent.steps:,}", "\n")
    fact("batch", str(trial.batch_size))
    fact("peak rate", f"{trial.learning_rate:g}")
    fact("decay", f"{recipe.weight_decay:g}")
    fact("clip", f"{recipe.clip:g}")
    loss = outcome.loss if outcome else now.loss
    text.append("\n")
    text.append("held-out loss " if outcome else "training loss ", label)
    text.append(f"{loss:.4f}" if math.isfinite(loss) else "–", style(palette.foreground, bold=True))
    if outcome:
        known = (  # of a trial that failed, not all is
            ("training", outcome.train_loss, "{:.4f}".format),
            ("untrained", outcome.first_loss, "{:.3f}".format),
            ("took", outcome.seconds, format_seconds),
            ("speed", outcome.tokens_per_second, lambda speed: f"{format_count(speed)} {plan.unit}/s"),
        )
        for name, number, show in known:
            if math.isfinite(number):
                fact(name, show(number))
        fact("on", outcome.device or "?")
    elif now.worker:
        fact("on", now.worker)
        fact("for", format_seconds(now.seconds))
    return text
