"""One trial: what it is, how it went, its curve, or why it failed."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from flopsfit_tui.core.state import TrialState
from flopsfit_tui.report.plots.series import loss_series
from flopsfit_tui.report.plots.terminal import loss_plot
from flopsfit_tui.report.plots.viewport import PLAIN
from flopsfit_tui.tui.session.session import Session
from flopsfit_tui.tui.theme import palette_of
from flopsfit_tui.tui.trial.error import error_text, printed_text
from flopsfit_tui.tui.trial.facts import facts
from flopsfit_tui.tui.widgets.base_screen import is_low, is_narrow
from flopsfit_tui.tui.widgets.footer import Footer
from flopsfit_tui.tui.widgets.plot_actions import PlotActions
from flopsfit_tui.tui.widgets.plot_view import PlotView
from flopsfit_tui.tui.widgets.status import title_line
from flopsfit_tui.tui.widgets.trial_actions import TrialActions

REDRAW_SECONDS = 0.5
PLOT_ACTIONS = ("zoom_plot", "pan", "axes", "spot", "smoothing")


class TrialScreen(TrialActions, PlotActions):
    """Why it failed, if it did; its facts, its curve, and what its code printed."""

    CSS_PATH = "screen.tcss"

    CONDITIONAL: ClassVar[tuple[str, ...]] = (*TrialActions.CONDITIONAL, "whole", "read", "axes")

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter", "app.pop_screen", "Back", id="close_trial", key_display="esc"),
        Binding("v", "whole", "Whole traceback", id="whole_traceback", tooltip="Every frame, or only your own"),
        Binding("left", "read(-1)", "Read the curve", id="read_left"),
        Binding("right", "read(1)", "Read the curve", id="read_right"),
        Binding("down,j", "other(1)", "Next trial", id="next_trial"),
        Binding("up,k", "other(-1)", "Previous trial", id="previous_trial", show=False),
        Binding("pagedown,ctrl+d", "scroll(1)", "Scroll down", id="scroll_trial_down", show=False),
        Binding("pageup,ctrl+u", "scroll(-1)", "Scroll up", id="scroll_trial_up", show=False),
    ]

    def __init__(self, session: Session, key: str) -> None:
        super().__init__(session)
        self._key = key
        self._whole = False  # the traceback with every frame

    def compose(self) -> ComposeResult:
        yield Static(id="title")
        with VerticalScroll(id="trial", can_focus=False):  # the keys are the screen's
            yield Static(id="error")
            yield Static(id="facts")
            yield PlotView(id="curve")
            yield Static(id="rest")
            yield Static(id="printed")
        yield Footer()

    def on_mount(self) -> None:
        self.set_interval(REDRAW_SECONDS, self.redraw)

    def selected(self) -> list[TrialState]:
        now = self.app_state.state.trials.get(self._key)
        return [now] if now else []

    def active_plot(self) -> PlotView:
        return self.query_one("#curve", PlotView)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The whole traceback is there for a trial that has one, a plot's keys for one that shows its curve."""
        if action in PLOT_ACTIONS:
            return all(curve.display for curve in self.query("#curve"))
        if action == "whole":
            return any(now.status == "failed" for now in self.selected())
        if action == "read":
            return any(len(now.history) > 1 for now in self.selected())
        return super().check_action(action, parameters)

    def action_whole(self) -> None:
        """Every frame of the traceback, or again the user's only."""
        self._whole = not self._whole
        self.redraw()

    def action_scroll(self, pages: int) -> None:
        """What has no room below, or above."""
        body = self.query_one("#trial")
        body.scroll_relative(y=pages * max(1, body.size.height - 2), animate=False)

    def action_other(self, step: int) -> None:
        """The next trial of the plan, or the one before."""
        keys = list(self.app_state.state.trials)
        if self._key in keys:
            self._key = keys[(keys.index(self._key) + step) % len(keys)]
            self.query_one("#trial").scroll_home(animate=False)
            self.active_plot().look(PLAIN)
            self.redraw()

    def action_read(self, steps: int) -> None:
        """Move the cursor along the curve; its first place is the end."""
        plot = self.active_plot()
        at = plot.view.cursor
        places = max(1, min(plot.size.width, *(len(now.history) - 1 for now in self.selected())))
        at = 1.0 if at is None else min(1.0, max(0.0, at + steps / places))
        plot.look(replace(plot.view, cursor=at))

    def draw(self) -> None:
        """Everything about the trial as it stands."""
        app_state, palette = self.app_state, palette_of(self.app)
        now = app_state.state.trials.get(self._key)
        self.put("#title", title_line(app_state, self.size.width, palette))
        if now is None or app_state.plan is None:
            return
        self.refresh_keys()
        width = self.size.width - (3 if is_narrow(self.size) or is_low(self.size) else 5)
        head, rest = facts(app_state, now, width, palette)
        low = is_low(self.size)  # the curve comes before what matters less
        error, printed = error_text(app_state, now, self._whole, width, palette), printed_text(now, palette)
        texts = {
            "error": error,
            "facts": head if low else head.append("\n").append_text(rest),
            "rest": rest if low else Text(),
            "printed": printed,
        }
        for name, text in texts.items():
            self.put(f"#{name}", text, layout=True)
            self.query_one(f"#{name}").display = bool(text)
        whole = self._whole and bool(error)
        drawn = not whole and (len(now.history) > 1 or not (error or printed))
        self.query_one("#curve").display = drawn
        plan = app_state.plan
        self.query_one("#curve", PlotView).show(
            (now.status, len(now.history)),
            lambda width: partial(loss_plot, loss_series(plan, [now], 2 * width)),
            chosen=now.trial.key,
        )
