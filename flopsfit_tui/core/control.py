"""How a front end speaks to a running sweep: pause, resume, stop, and commands about single trials.

The front end's thread calls, the sweeping thread looks, several times a second. Nothing here blocks.
"""

from __future__ import annotations

import queue
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from flopsfit_tui.core.sizes import Setting


@dataclass(frozen=True)
class Skip:
    """Do not train this trial, or no further."""

    key: str


@dataclass(frozen=True)
class Retry:
    """Train an ended trial again, next."""

    key: str


@dataclass(frozen=True)
class RunNext:
    """Train a waiting trial next."""

    key: str


@dataclass(frozen=True)
class AddTrial:
    """Add a trial to a budget of the plan: at a size already there, with the next seed; or at the size nearest to
    `params`."""

    budget: float
    size: Setting | None = None
    params: float | None = None


@dataclass(frozen=True)
class SetWorkers:
    """Train so many trials at once; what runs beyond that runs to its end."""

    count: int


@dataclass(frozen=True)
class LeaveOut:
    """Keep a trial out of the fit, for a reason; with None it is fitted again."""

    key: str
    reason: str | None


@dataclass(frozen=True)
class SetTarget:
    """Show and export the optimum at this budget, in training FLOPs."""

    budget: float


@dataclass(frozen=True)
class Pause:
    """Hold every worker between two steps until Resume."""


@dataclass(frozen=True)
class Resume:
    """Let the workers go on."""


@dataclass(frozen=True)
class Stop:
    """End the sweep; what runs writes its checkpoint."""


Command = Skip | Retry | RunNext | AddTrial | SetWorkers | SetTarget | LeaveOut | Pause | Resume | Stop


def new_id() -> str:
    """An id that no other command has."""
    return uuid.uuid4().hex


def _no_answer(problem: str) -> None:
    """For a command whose sender reads the sweep's events."""


@dataclass(frozen=True)
class Sent:
    """A command on its way to the sweeping thread.

    One with a sender is stored before it acts, and acts once, however often its id is sent. `answer` is called in the
    sweeping thread when it has acted, with why it did not, or with an empty text.
    """

    command: Command
    by: str = ""  # the terminal that sent it; empty: the program itself
    id: str = field(default_factory=new_id)
    answer: Callable[[str], object] = _no_answer
    stored: bool = False  # by an earlier run, which ended before it acted


class Control:
    """Commands of the user, read by the sweeping thread; every method is thread-safe."""

    def __init__(self) -> None:
        self._paused = threading.Event()
        self._stopped = threading.Event()
        self._commands: queue.SimpleQueue[Sent] = queue.SimpleQueue()

    def pause(self) -> None:
        """Hold every worker between two steps until resume()."""
        self._paused.set()

    def resume(self) -> None:
        self._paused.clear()

    def stop(self) -> None:
        """End the sweep now; finished trials are kept, running ones become pending."""
        self._stopped.set()

    def send(self, command: Command | Sent, by: str = "") -> None:
        """Command something; the sweep says by its events what came of it."""
        self._commands.put(command if isinstance(command, Sent) else Sent(command, by))

    def take_commands(self) -> list[Sent]:
        """What has been asked since the last look, in order; for the sweeping thread."""
        found = []
        while not self._commands.empty():
            found.append(self._commands.get())
        return found

    def wait(self, seconds: float) -> None:
        """Sleep for at most `seconds`, less when the sweep should stop."""
        self._stopped.wait(seconds)

    @property
    def paused(self) -> bool:
        """Whether a pause is requested."""
        return self._paused.is_set()

    @property
    def stopped(self) -> bool:
        """Whether the sweep should end."""
        return self._stopped.is_set()
