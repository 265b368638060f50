"""What keys do to the whole sweep: pause, resume, stop, workers, bracketing points, another target."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual.binding import Binding, BindingType

from flopsfit_tui.core.control import AddTrial, SetWorkers
from flopsfit_tui.core.units import format_count, format_flops, parse_number
from flopsfit_tui.report.answer.bracket import bracketing_points
from flopsfit_tui.tui.session.undo import UNDO_SECONDS
from flopsfit_tui.tui.sweep.fit_actions import FitActions
from flopsfit_tui.tui.widgets.confirm_dialog import ConfirmDialog
from flopsfit_tui.tui.widgets.prompt import Prompt
from flopsfit_tui.tui.widgets.status import keeps_and_loses


class SweepActions(FitActions):
    """The session's screen: it has a Prompt, and its keys go to the session."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p,space", "pause", "Pause", id="pause", key_display="p"),
        Binding("p,space", "resume", "Resume", id="pause", key_display="p"),
        Binding("x", "stop", "Stop", id="stop"),
        Binding("b", "bracket", "Add bracketing points", id="bracket", show=False),
        Binding("t", "target", "Target", id="target", tooltip="Optimum at another budget"),
        Binding("plus,equals_sign", "workers(1)", "One worker more", id="more_workers", show=False),
        Binding("minus", "workers(-1)", "One worker less", id="fewer_workers", show=False),
    ]
    CONDITIONAL: ClassVar[tuple[str, ...]] = (
        *FitActions.CONDITIONAL,
        "pause",
        "resume",
        "stop",
        "bracket",
        "target",
        "workers",
    )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that would do nothing are neither shown nor obeyed."""
        app_state, phase = self.app_state, self.app_state.state.phase
        allowed = {
            "pause": app_state.running and phase == "running",
            "resume": app_state.running and phase == "paused",
            "stop": app_state.planning or (app_state.running and phase in ("running", "paused")),
            "bracket": app_state.commandable and bool(app_state.state.trials),
            "target": app_state.plan is not None,
            "workers": app_state.running and app_state.options.executor != "thread",
        }
        return allowed[action] if action in allowed else super().check_action(action, parameters)

    def action_pause(self) -> None:
        """Hold the workers between two steps."""
        self.session.pause()

    def action_resume(self) -> None:
        """Let the workers go on."""
        self.session.resume()

    def action_stop(self) -> None:
        """End the sweep; what is finished is kept. Before it has begun, its planning is cancelled."""
        if self.app_state.planning:
            self.session.cancel_planning()
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.session.stop()

        detail = keeps_and_loses(self.app_state)
        self.app.push_screen(
            ConfirmDialog("Stop the sweep?", detail, "Stop", "Go on", lambda: not self.app_state.running), answered
        )

    def action_workers(self, more: int) -> None:
        """Another number of trials at once."""
        count = max(1, self.app_state.state.workers + more)
        if count != self.app_state.state.workers:
            self.session.send(SetWorkers(count))
            self.notify(f"{count} worker{'s' * (count > 1)}{self.undo_hint()}", timeout=UNDO_SECONDS, markup=False)

    def action_bracket(self) -> None:
        """Add the sizes that would bracket the minima that lie at an edge."""
        analysis = self.app_state.analysis
        missing = bracketing_points(analysis) if analysis else []
        if missing:
            self.session.send(*(AddTrial(budget, params=params) for budget, params in missing))
            where = ", ".join(f"N {format_count(params)} at {format_flops(budget)}" for budget, params in missing)
            self.notify(f"added: {where}{self.undo_hint()}", timeout=UNDO_SECONDS, markup=False)
        elif self.app_state.plan:
            self.notify("nothing to add: every minimum so far lies inside its sizes", markup=False)

    def action_target(self) -> None:
        """Ask for the optimum at another budget."""

        def answered(text: str | None) -> None:
            if text:
                self.session.retarget(parse_number(text, "budget"))

        shown = format_flops(self.app_state.target) if self.app_state.target else ""
        check = partial(parse_number, what="budget")
        self.query_one(Prompt).show("optimum at FLOPs", answered, shown, "1e21, or 30e18", check)
