"""How a front end speaks to a running sweep: pause, resume, stop, and wishes about single trials.

The front end's thread calls, the sweeping thread looks, several times a second. Nothing here blocks.
"""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass


@dataclass(frozen=True)
class Skip:
    """Do not train this trial, or no further."""

    key: str


@dataclass(frozen=True)
class Again:
    """Train an ended trial again, next."""

    key: str


@dataclass(frozen=True)
class First:
    """Train a waiting trial next."""

    key: str


@dataclass(frozen=True)
class Add:
    """Add a trial to a budget of the plan: at a size already there, with the next seed; or at the size nearest to
    `params`."""

    budget: float
    size: int | None = None
    params: float | None = None


@dataclass(frozen=True)
class Workers:
    """Train so many trials at once; what runs beyond that runs to its end."""

    count: int


Wish = Skip | Again | First | Add | Workers


class Control:
    """Wishes of a person, read by the sweeping thread; every method may be called from any thread."""

    def __init__(self) -> None:
        self._paused = threading.Event()
        self._stopped = threading.Event()
        self._wishes: queue.SimpleQueue[Wish] = queue.SimpleQueue()

    def pause(self) -> None:
        """Hold every worker between two steps until resume()."""
        self._paused.set()

    def resume(self) -> None:
        """Let the workers go on."""
        self._paused.clear()

    def stop(self) -> None:
        """End the sweep now; what is finished is kept, what runs is pending again."""
        self._stopped.set()

    def ask(self, wish: Wish) -> None:
        """Wish something; the sweep says by its events what came of it."""
        self._wishes.put(wish)

    def wishes(self) -> list[Wish]:
        """What has been asked since the last look, in order; for the sweeping thread."""
        found = []
        while not self._wishes.empty():
            found.append(self._wishes.get())
        return found

    def wait(self, seconds: float) -> None:
        """Sleep for at most `seconds`, less when the sweep should stop."""
        self._stopped.wait(seconds)

    @property
    def paused(self) -> bool:
        """Whether a pause is wished for."""
        return self._paused.is_set()

    @property
    def stopped(self) -> bool:
        """Whether the sweep should end."""
        return self._stopped.is_set()
