"""The app's long thread, which plans and sweeps; short_threads.py has those that fit and export.

    UI thread  --- jobs (a queue), Control --->  sweep thread: owns the executor and the store that is written
               <--- messages (post_message) ----/   \\__ trains in child processes

The UI thread never waits for any of them. When the app ends it says quit(), and the sweep thread is gone within a
fraction of a second, its workers with it.
"""

from __future__ import annotations

import contextlib
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from flopsfit_tui.conduct import PreparedSweep, Sweep, add_estimate, plan_in_directory
from flopsfit_tui.core.control import Control
from flopsfit_tui.core.events import Event, SweepStarted, TrialProgress
from flopsfit_tui.core.failed import Failed
from flopsfit_tui.core.options import Options
from flopsfit_tui.core.store_errors import StoreError
from flopsfit_tui.plan.resume import SweepDiffers
from flopsfit_tui.store.lock import SweepRuns
from flopsfit_tui.sweep.executor import Executor, Interrupted
from flopsfit_tui.sweep.prepare import executor_options, make_executor
from flopsfit_tui.sweep.processes import Processes
from flopsfit_tui.tui.session.follow_thread import post_curves, post_log
from flopsfit_tui.tui.session.inbox import Inbox
from flopsfit_tui.tui.session.messages import (
    Crashed,
    Estimated,
    Events,
    Planned,
    Rejected,
    SessionMessage,
)

POST_SECONDS = 0.1  # progress is posted at most this often; everything else at once
# Workers stand back, so that a key is answered while every core trains: 5 ms of work then take 12 ms, at 5 17, at 0 29.
# Beside other load of the same session at priority 0 they get a quarter of what they would at 0; of other sessions, as
# much as at 0 (Linux's autogroup).
NICE = 10


class SweepThread:
    """Plans and sweeps, one thing after the other, as the UI thread asks."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._wanted: object = None  # what the executor was made for
        self._aside: Options | None = None  # whose earlier sweep was put aside
        self._prepared: PreparedSweep | None = None

    def serve(self) -> None:
        """The thread's whole life."""
        try:
            while not self._inbox.quitting:
                job = self._inbox.queue.get()
                if not self._inbox.quitting:
                    self._run_job(job)
        finally:
            self.drop_executor()

    def _run_job(self, job: Callable[[SweepThread], None]) -> None:
        try:
            job(self)
        except Interrupted:
            pass
        except (ValueError, TypeError, Failed) as error:
            if self._inbox.options is not None:
                runs_in = error.directory if isinstance(error, SweepRuns) else None
                self._post(Rejected(self._inbox.options, str(error), isinstance(error, SweepDiffers), runs_in))
        except Exception:  # noqa: BLE001 - shown with its traceback; the app goes on
            if not self._inbox.quitting:
                self._post(Crashed(traceback.format_exc()))

    def _post(self, message: SessionMessage) -> None:
        with contextlib.suppress(RuntimeError):  # the app has gone, and its event loop with it
            self._inbox.post(message)

    def prepare(self, options: Options) -> None:
        """Plan and estimate the cost, unless something else has been asked for since."""
        if options is not self._inbox.options:
            return
        self._prepared = None
        executor = self._take_executor(options)
        if options is not self._inbox.options:  # cancelled before there was an executor to interrupt
            return
        planned = plan_in_directory(options, executor)
        self._post(Planned(options, planned))
        if options is self._inbox.options:
            self._prepared = add_estimate(planned, options, executor)
            self._post(Estimated(options, self._prepared))

    def drop_executor(self) -> None:
        """Let the workers go."""
        if self._inbox.executor is not None:
            self._inbox.executor.close()
        self._inbox.executor = None

    def _take_executor(self, options: Options) -> Executor:
        """The executor of these options, kept from plan to sweep, its workers loading torch already."""
        wanted = executor_options(options)
        if self._inbox.executor is None or wanted != self._wanted:
            self.drop_executor()
            executor, self._wanted = make_executor(options, nice=NICE), wanted
            self._inbox.executor = executor
            if isinstance(executor, Processes):
                executor.warm_up()
        return self._inbox.executor

    def sweep(self, control: Control) -> None:
        """Run what was planned last."""
        options, prepared = self._inbox.options, self._prepared
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
