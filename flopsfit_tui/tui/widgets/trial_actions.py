"""What keys do to the trials under the cursor: the commands of every screen that shows trials, and their undoing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from flopsfit_tui.core.control import AddTrial, Command, Retry, RunNext, Skip
from flopsfit_tui.core.state import TrialState
from flopsfit_tui.core.units import format_flops
from flopsfit_tui.tui.session.session import Session
from flopsfit_tui.tui.session.undo import UNDO_SECONDS
from flopsfit_tui.tui.text import shorten
from flopsfit_tui.tui.widgets.active_keys import key_of
from flopsfit_tui.tui.widgets.base_screen import BaseScreen

SINGLE = ("skip", "retry", "seed", "first")
AGAIN = ("failed", "skipped")  # a finished trial keeps its loss: another seed is what tells more


class TrialActions(BaseScreen):
    """Subclasses give `selected`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "skip", "Skip", id="skip", tooltip="Do not train the selected trials, or no further"),
        Binding("r", "retry", "Retry", id="retry", tooltip="Train the selected failed or skipped trials again, next"),
        Binding("n", "seed", "New seed", id="seed", tooltip="Train the selected point with another seed"),
        Binding("f", "first", "First", id="first", tooltip="Train the selected waiting trials next"),
        Binding("u", "undo", "Undo", id="undo", tooltip="Take back what was just added, skipped or set"),
    ]

    CONDITIONAL: ClassVar[tuple[str, ...]] = (*SINGLE, "undo")  # actions that are not always there
    _allowed: object = None

    def __init__(self, session: Session) -> None:
        super().__init__(session.app_state)
        self.session = session

    def selected(self) -> list[TrialState]:
        raise NotImplementedError

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Keys that would do nothing are neither shown nor obeyed."""
        if action == "undo":
            return self.app_state.can_undo
        if action not in SINGLE:
            return True
        if not self.app_state.commandable or not self.app_state.state.trials or not self._there:
            return False
        statuses = {now.status for now in self.selected()}
        allowed = {
            "skip": self.app_state.running and statuses & {"pending", "running"},
            "retry": statuses & set(AGAIN),
            "seed": statuses,
            "first": self.app_state.running and "pending" in statuses,
        }
        return bool(allowed[action])

    def refresh_keys(self) -> None:
        """Show other keys when other trials are selected, or they have gone on."""
        allowed = tuple(self.check_action(name, ()) for name in self.CONDITIONAL)
        if allowed != self._allowed:
            self._allowed = allowed
            self.refresh_bindings()
            self._refresh_keys_later()

    def _refresh_keys_later(self) -> None:
        """When it is too late to undo."""
        if self.app_state.can_undo:
            self.set_timer(UNDO_SECONDS + 0.1, self.refresh_keys)

    def undo_hint(self) -> str:
        """The key that takes it back, behind what was done; it stands in the footer for as long."""
        self.refresh_keys()
        self._refresh_keys_later()
        return f" ({key_of(self, 'undo')} undoes it)" if self.app_state.can_undo else ""

    def _send(self, commands: Sequence[Command], done: str) -> None:
        """Command the sweep, whose events report the result; `done` is the notification shown."""
        if commands:
            self.session.send(*commands)
            hint = self.undo_hint()
            self.notify(f"{done}{hint}", timeout=UNDO_SECONDS if hint else 3, markup=False)

    def action_undo(self) -> None:
        """Take back what was asked last."""
        self.notify(self.session.undo(), timeout=3, markup=False)
        self.refresh_keys()

    def action_skip(self) -> None:
        keys = [now.trial.key for now in self.selected() if now.status in ("pending", "running")]
        self._send([Skip(key) for key in keys], f"skipped: {self._where()}")

    def action_retry(self) -> None:
        """Train what failed or was skipped again."""
        keys = [now.trial.key for now in self.selected() if now.status in AGAIN]
        self._send([Retry(key) for key in keys], f"again: {self._where()}")

    def action_seed(self) -> None:
        """The point once more, with a seed of its own."""
        trial = self.selected()[0].trial
        self._send([AddTrial(trial.budget, size=trial.size)], f"another seed: {self._where()}")

    def action_first(self) -> None:
        """Train them before the others that wait."""
        keys = [now.trial.key for now in reversed(self.selected()) if now.status == "pending"]
        self._send([RunNext(key) for key in keys], f"next: {self._where()}")

    def _where(self) -> str:
        trial, plan = self.selected()[0].trial, self.app_state.plan
        knob = shorten(plan.size_name, 20, front=False) if plan else "size"
        return f"{format_flops(trial.budget)} FLOPs, {knob} {trial.size}"
