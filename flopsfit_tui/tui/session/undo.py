"""What was just asked of a sweep, and the commands that take it back: for what costs FLOPs, for a few seconds.

A trial that was added becomes a skipped one, which is never trained; one that was skipped is trained after all, next,
and goes on from its checkpoint.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from flopsfit_tui.core.control import AddTrial, Command, Retry, SetWorkers, Skip
from flopsfit_tui.core.state import SweepState

UNDO_SECONDS = 10.0


@dataclass(frozen=True)
class Undo:
    """Commands that were sent, and the state before them."""

    commands: Sequence[Command]
    before: frozenset[str]  # trial keys
    workers: int
    at: float = field(default_factory=time.monotonic)

    @property
    def possible(self) -> bool:
        """Whether it is still time."""
        return time.monotonic() - self.at < UNDO_SECONDS

    def too_late(self, state: SweepState) -> bool:
        """Whether nothing is left to take back: what was asked for has been trained already."""
        added = [now for key, now in state.trials.items() if key not in self.before]
        only_added = all(isinstance(command, AddTrial) for command in self.commands)
        return only_added and len(added) >= len(self.commands) and all(now.outcome for now in added)

    def reverse(self, state: SweepState) -> list[Command]:
        """What takes them back; empty while trials that were asked for have not been added yet."""
        found: list[Command] = [Retry(command.key) for command in self.commands if isinstance(command, Skip)]
        if any(isinstance(command, SetWorkers) for command in self.commands):
            found.append(SetWorkers(self.workers))
        if any(isinstance(command, AddTrial) for command in self.commands):
            found += [Skip(key) for key, now in state.trials.items() if key not in self.before and not now.outcome]
        return found


def undo_of(commands: Sequence[Command], state: SweepState) -> Undo | None:
    """None for commands that cost nothing, such as which trial comes next."""
    costly = [command for command in commands if isinstance(command, Skip | AddTrial | SetWorkers)]
    return Undo(costly, frozenset(state.trials), state.workers) if costly else None
