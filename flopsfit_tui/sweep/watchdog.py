"""Is a worker silent? Told from what it has said, never from a clock that can be set.

Silence is counted in looks, each at most MOST_LOOK seconds: a sweeping process that was itself stopped, or a machine
that slept, does not count the time in which it did not look.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from flopsfit_tui.core.events import Event, TrialProgress

SILENT_SECONDS = 60.0  # at least, of silence that is said
STEPS = 20  # times its usual step
FIRST_SECONDS = 600.0  # until a trial's first step: models are built and compiled, data are loaded
MOST_LOOK = 1.0


class Watchdog:
    """Listens to one worker; `silent_after` seconds without a word are too long, more where its steps are long."""

    def __init__(self, silent_after: float = SILENT_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._least, self._clock = silent_after, clock
        self.begin()

    def begin(self) -> None:
        """A job is given to the worker."""
        self._looked, self.silence = self._clock(), 0.0
        self.told = False
        self._step, self._seconds, self.usual = 0, 0.0, 0.0  # usual: seconds a step
        self._stepping = False

    def on_message(self, event: Event | None) -> None:
        """The worker has said something."""
        self._looked, self.silence, self.told = self._clock(), 0.0, False
        if isinstance(event, TrialProgress):
            if event.step > self._step and event.seconds > self._seconds:
                latest = (event.seconds - self._seconds) / (event.step - self._step)
                self.usual = latest if self.usual == 0 else 0.8 * self.usual + 0.2 * latest
            self._step, self._seconds = event.step, event.seconds
            self._stepping = True

    @property
    def limit(self) -> float:
        """Seconds of silence that are too long."""
        if not self._stepping:
            return max(FIRST_SECONDS, self._least) if self._least >= SILENT_SECONDS else self._least * 10
        return max(self._least, STEPS * self.usual)

    def look(self) -> bool:
        """Count the time since the last look as silence; whether it is too long by now."""
        now = self._clock()
        self.silence += min(max(0.0, now - self._looked), MOST_LOOK)
        self._looked = now
        return self.silence >= self.limit

    def look_at_call(self) -> bool:
        """The same for a short job, which says nothing until it is done."""
        self.look()
        return self.silence >= self._least
