"""How a front end speaks to a running sweep: pause, resume, stop.

The front end's thread calls, the sweeping thread looks, several times a second. Nothing here blocks.
"""

from __future__ import annotations

import threading


class Control:
    """Wishes of a person, read by the sweeping thread; every method may be called from any thread."""

    def __init__(self) -> None:
        self._paused = threading.Event()
        self._stopped = threading.Event()

    def pause(self) -> None:
        """Hold every worker between two steps until resume()."""
        self._paused.set()

    def resume(self) -> None:
        """Let the workers go on."""
        self._paused.clear()

    def stop(self) -> None:
        """End the sweep now; what is finished is kept, what runs is pending again."""
        self._stopped.set()

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
