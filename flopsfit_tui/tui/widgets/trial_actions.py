"""What keys do to the trials under the cursor: the commands of every screen that shows trials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from flopsfit_tui.core.control import AddTrial, Command, Retry, RunNext, Skip
from flopsfit_tui.core.state import TrialState
from flopsfit_tui.core.units import format_flops
from flopsfit_tui.tui.text import shorten
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
    ]

    CONDITIONAL: ClassVar[tuple[str, ...]] = SINGLE  # actions that are not always there
    _allowed: object = None

    class Requested(Message):
        """Commands for the sweep; `word` is the notification shown."""

        def __init__(self, commands: Sequence[Command], word: str) -> None:
            super().__init__()
            self.commands, self.word = tuple(commands), word

    def selected(self) -> list[TrialState]:
        raise NotImplementedError

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Keys that would do nothing are neither shown nor obeyed."""
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

    def _wish(self, commands: Sequence[Command], word: str) -> None:
        if commands:
            self.post_message(self.Requested(commands, word))

    def action_skip(self) -> None:
        keys = [now.trial.key for now in self.selected() if now.status in ("pending", "running")]
        self._wish([Skip(key) for key in keys], f"skipped: {self._where()}")

    def action_retry(self) -> None:
        """Train what failed or was skipped again."""
        keys = [now.trial.key for now in self.selected() if now.status in AGAIN]
        self._wish([Retry(key) for key in keys], f"again: {self._where()}")

    def action_seed(self) -> None:
        """The point once more, with a seed of its own."""
        trial = self.selected()[0].trial
        self._wish([AddTrial(trial.budget, size=trial.size)], f"another seed: {self._where()}")

    def action_first(self) -> None:
        """Train them before the others that wait."""
        keys = [now.trial.key for now in reversed(self.selected()) if now.status == "pending"]
        self._wish([RunNext(key) for key in keys], f"next: {self._where()}")

    def _where(self) -> str:
        trial, plan = self.selected()[0].trial, self.app_state.plan
        knob = shorten(plan.size_name, 20, front=False) if plan else "size"
        return f"{format_flops(trial.budget)} FLOPs, {knob} {trial.size}"
