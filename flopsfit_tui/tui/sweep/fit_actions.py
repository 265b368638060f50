"""What keys do for the fit: the trial that would narrow its interval most, and trials kept out of it."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from flopsfit_tui.core.control import AddTrial
from flopsfit_tui.core.state import TrialState
from flopsfit_tui.core.text import printable
from flopsfit_tui.core.units import format_flops
from flopsfit_tui.report.answer.choose import Choice
from flopsfit_tui.tui.session.session import Session
from flopsfit_tui.tui.session.undo import UNDO_SECONDS
from flopsfit_tui.tui.widgets.confirm_dialog import ConfirmDialog
from flopsfit_tui.tui.widgets.prompt import Prompt
from flopsfit_tui.tui.widgets.trial_actions import TrialActions


class FitActions(TrialActions):
    """The session's screen: it has a Prompt, and its keys go to the session."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "propose", "Propose a trial", id="propose", show=False,
                tooltip="The trial that would narrow the interval at the target most for its price"),
        Binding("D", "leave_out", "Leave out of the fit", id="leave_out", show=False,
                tooltip="Keep the selected trials out of the fit, for a reason; again: fit them"),
    ]  # fmt: skip
    CONDITIONAL: ClassVar[tuple[str, ...]] = (*TrialActions.CONDITIONAL, "propose", "leave_out")

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._asked: Choice | None = None  # the proposal that the user has been asked about

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that would do nothing are neither shown nor obeyed."""
        plan = self.app_state.plan
        if action == "propose":
            return plan is not None and not plan.checks_recipe and bool(self.app_state.state.trials)
        if action == "leave_out":
            return self._there and not self.app_state.read_only and bool(self._left_out() or self._fitted())
        return super().check_action(action, parameters)

    # ---- the next trial ----

    def action_propose(self) -> None:
        """Ask which trial would narrow the interval most; the answer comes from a thread."""
        self.session.propose()

    def on_screen_resume(self) -> None:
        """A proposal may have come while another screen lay over this one."""
        self.show_proposal()

    def show_proposal(self) -> None:
        """A proposal that has come, to be added or not; in a sweep that is only read, to be known."""
        app_state, choice = self.app_state, self.app_state.proposal
        if choice is None or choice is self._asked or not self.is_current:
            return
        self._asked = choice
        if choice.budget is None or choice.size is None:
            app_state.proposal = None
            self.notify(choice.reason, markup=False)
            return
        command = AddTrial(choice.budget, choice.size.size)
        where = f"at {format_flops(app_state.target)} FLOPs" if app_state.target else ""

        def answered(yes: bool | None) -> None:
            app_state.proposal = None
            if yes:
                self.session.send(command)
                self.notify(f"added: {choice.reason}{self.undo_hint()}", timeout=UNDO_SECONDS, markup=False)
            self.redraw()

        self.redraw()
        detail = printable(f"{choice.reason} {where}")
        if app_state.reading:
            app_state.proposal = None
            self.notify(f"next: {detail}", timeout=UNDO_SECONDS, markup=False)
        else:
            self.app.push_screen(ConfirmDialog("Train this next?", detail, "Add", "No", harmless=True), answered)

    # ---- kept out of the fit ----

    def action_leave_out(self) -> None:
        """Ask why, then keep the selected trials out of the fit; those that are out already are fitted again."""
        if out := self._left_out():
            self.session.change_fit([now.trial.key for now in out], None)
            self.notify(f"fitted again: {self._where()}", markup=False)
            return
        keys = [now.trial.key for now in self._fitted()]

        def answered(reason: str | None) -> None:
            if reason is not None:
                self.session.change_fit(keys, reason.strip())
                self.notify(f"left out of the fit: {self._where()}", markup=False)

        self.query_one(Prompt).show(f"why leave out {self._where()}", answered, "", "its loss jumped at the end")

    def _left_out(self) -> list[TrialState]:
        plan = self.app_state.plan
        by_hand = dict(plan.left_out) if plan else {}
        return [now for now in self.selected() if now.trial.key in by_hand]

    def _fitted(self) -> list[TrialState]:
        aside = self.app_state.not_fitted()
        return [now for now in self.selected() if now.status == "finished" and now.trial.key not in aside]
