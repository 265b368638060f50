"""What the UI thread asks of the sweep thread: a queue, in a module that is imported before the first paint.

sweep_thread.py has what is done about it, and imports what that needs, in the thread.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from flopsfit_tui.core.control import Control, Sent
from flopsfit_tui.core.options import Options

if TYPE_CHECKING:  # the first paint comes before what they need
    from flopsfit_tui.sweep.executor import Executor
    from flopsfit_tui.tui.session.messages import SessionMessage
    from flopsfit_tui.tui.session.sweep_thread import SweepThread

Post = Callable[["SessionMessage"], object]


class Inbox:
    """Jobs, done one after the other; what is asked before the thread runs is kept."""

    def __init__(self, post: Post) -> None:
        self.post = post
        self.control = Control()  # of the sweep that runs or runs next
        self.queue: queue.SimpleQueue[Callable[[SweepThread], None]] = queue.SimpleQueue()
        self.options: Options | None = None  # latest planned or being planned
        self.quitting = False
        self.executor: Executor | None = None  # of the thread, to be interrupted from here

    def serve(self) -> None:
        """The thread's whole life."""
        from flopsfit_tui.tui.session.sweep_thread import SweepThread  # with all that plans and sweeps

        SweepThread(self).serve()

    def plan(self, options: Options) -> None:
        """Plan and estimate the cost; a plan that is still waiting its turn is forgotten."""
        self.options = options
        self.queue.put(lambda thread: thread.prepare(options))

    def forget(self) -> None:
        """Cancel planning."""
        self.options = None

    def cancel_planning(self) -> None:
        """End the planning that runs, and the workers that measure for it; a sweep that waits for it is forgotten."""
        self.options = None
        self.control.stop()
        if self.executor is not None:
            self.executor.interrupt()
        self.queue.put(lambda thread: thread.drop_executor())  # which gives no other answer

    def sweep(self, commands: Sequence[Sent] = ()) -> None:
        """Run what was planned last, when it has been planned; what is wished is done first."""
        control = self.control = Control()
        for command in commands:
            control.send(command)
        self.queue.put(lambda thread: thread.sweep(control))

    def quit(self) -> None:
        """End: stop what runs, let the workers go."""
        self.quitting = True
        self.control.stop()
        if self.executor is not None:
            self.executor.interrupt()
        self.queue.put(lambda _: None)
