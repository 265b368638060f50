"""The app's long thread, which plans and sweeps; short_threads.py has those that fit and export.

    UI thread  --- orders (a queue), Control --->  sweep thread: owns the executor and the store that is written
               <--- messages (post_message) ----/   \\__ trains in child processes

The UI thread never waits for any of them. When the app ends it says quit(), and the sweep thread is gone within a
fraction of a second, its workers with it.
"""

from __future__ import annotations

import contextlib
import queue
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from flopsfit_tui.conduct import PreparedSweep, Sweep, add_estimate, plan_in_directory
from flopsfit_tui.core.control import Control, Sent
from flopsfit_tui.core.events import Event, SweepStarted, TrialProgress
from flopsfit_tui.core.failed import Failed
from flopsfit_tui.core.options import Options
from flopsfit_tui.core.store_errors import StoreError
from flopsfit_tui.plan.resume import SweepDiffers
from flopsfit_tui.store.lock import SweepRuns
from flopsfit_tui.sweep.executor import Executor, Interrupted
from flopsfit_tui.sweep.prepare import executor_options, make_executor
from flopsfit_tui.sweep.processes import Processes
from flopsfit_tui.tui.session.follow_thread import Post, post_curves, post_log
from flopsfit_tui.tui.session.messages import (
    Crashed,
    Estimated,
    Events,
    Planned,
    Rejected,
    SessionMessage,
)

POST_SECONDS = 0.1  # progress is posted at most this often; everything else at once
NICE = 10  # workers stand back, so that a key is answered while every core trains


class SweepThread:
    """Plans and sweeps, one thing after the other, as ordered from the UI thread."""

    def __init__(self, post: Post) -> None:
        self.control = Control()  # of the sweep that runs or runs next
        self._post_message = post
        self._orders: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._quitting = False
        self._executor: Executor | None = None
        self._wanted: object = None  # what the executor was made for
        self._aside: Options | None = None  # whose earlier sweep was put aside
        self._options: Options | None = None  # latest planned or being planned
        self._prepared: PreparedSweep | None = None

    # ---- called by the UI thread ----

    def plan(self, options: Options) -> None:
        """Plan and estimate the cost; a plan that is still waiting its turn is forgotten."""
        self._options = options
        self._orders.put(lambda: self._prepare(options))

    def forget(self) -> None:
        """Cancel planning."""
        self._options = None

    def cancel_planning(self) -> None:
        """End the planning that runs, and the workers that measure for it; a sweep that waits for it is forgotten."""
        self._options = None
        self.control.stop()
        if self._executor is not None:
            self._executor.interrupt()
        self._orders.put(self._drop_executor)  # which gives no other answer

    def sweep(self, commands: Sequence[Sent] = ()) -> None:
        """Run what was planned last, when it has been planned; what is wished is done first."""
        control = self.control = Control()
        for command in commands:
            control.send(command)
        self._orders.put(lambda: self._sweep(control))

    def quit(self) -> None:
        """End: stop what runs, let the workers go."""
        self._quitting = True
        self.control.stop()
        if self._executor is not None:
            self._executor.interrupt()
        self._orders.put(lambda: None)

    # ---- in the thread ----

    def serve(self) -> None:
        """The thread's whole life."""
        try:
            while not self._quitting:
                order = self._orders.get()
                if not self._quitting:
                    self._run_command(order)
        finally:
            self._drop_executor()

    def _run_command(self, order: Callable[[], None]) -> None:
        try:
            order()
        except Interrupted:
            pass
        except (ValueError, TypeError, Failed) as error:
            if self._options is not None:
                runs_in = error.directory if isinstance(error, SweepRuns) else None
                self._post(Rejected(self._options, str(error), isinstance(error, SweepDiffers), runs_in))
        except Exception:  # noqa: BLE001 - shown with its traceback; the app goes on
            if not self._quitting:
                self._post(Crashed(traceback.format_exc()))

    def _post(self, message: SessionMessage) -> None:
        with contextlib.suppress(RuntimeError):  # the app has gone, and its event loop with it
            self._post_message(message)

    def _prepare(self, options: Options) -> None:
        if options is not self._options:
            return
        self._prepared = None
        executor = self._take_executor(options)
        if options is not self._options:  # cancelled before there was an executor to interrupt
            return
        planned = plan_in_directory(options, executor)
        self._post(Planned(options, planned))
        if options is self._options:
            self._prepared = add_estimate(planned, options, executor)
            self._post(Estimated(options, self._prepared))

    def _drop_executor(self) -> None:
        if self._executor is not None:
            self._executor.close()
        self._executor = None

    def _take_executor(self, options: Options) -> Executor:
        """The executor of these options, kept from plan to sweep, its workers loading torch already."""
        wanted = executor_options(options)
        if self._executor is None or wanted != self._wanted:
            self._drop_executor()
            self._executor, self._wanted = make_executor(options, nice=NICE), wanted
            if isinstance(self._executor, Processes):
                self._executor.warm_up()
        return self._executor

    def _sweep(self, control: Control) -> None:
        options, prepared = self._options, self._prepared
        if options is None or prepared is None:
            return  # the plan was refused, and the app knows
        if self._aside is options:  # it goes on after a stop
            options = replace(options, fresh=False)
        else:
            self._aside = options
        executor = self._take_executor(options)
        try:
            for events in batched(Sweep(prepared, options, executor, control, plots=False)):
                self._post(Events(events))
                if any(isinstance(event, SweepStarted) for event in events):
                    with contextlib.suppress(StoreError):  # the sweep goes on without; writing says what is wrong
                        post_log(self._post, prepared.directory)
                        post_curves(self._post, prepared.directory, control)
        finally:
            executor.close()


def batched(events: Iterable[Event]) -> Iterator[list[Event]]:
    """Every event at once, except progress, which comes together for a tenth of a second."""
    sent, batch = 0.0, list[Event]()
    for event in events:
        batch.append(event)
        if not isinstance(event, TrialProgress) or time.monotonic() - sent > POST_SECONDS:
            yield batch
            sent, batch = time.monotonic(), []
