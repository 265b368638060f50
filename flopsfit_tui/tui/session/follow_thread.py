"""The thread that reads a sweep which another process runs, or which is over."""

from __future__ import annotations

import contextlib
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from flopsfit_tui.core.control import Control
from flopsfit_tui.core.curve import Curve
from flopsfit_tui.core.events import SweepStarted
from flopsfit_tui.report.text.log import earlier, printed_by_trial
from flopsfit_tui.store.directory import sweeping_process
from flopsfit_tui.store.sqlite import SqliteStore
from flopsfit_tui.sweep.follow import POLL_SECONDS, follow
from flopsfit_tui.tui.session.messages import Crashed, CurvesLoaded, Events, Logged, Rejected, SessionMessage

Post = Callable[[SessionMessage], object]


def follow_sweep(post: Post, directory: Path, control: Control) -> None:
    """Post a sweep as it stands, and what comes to it, until it has ended or `control` stops."""
    with contextlib.suppress(RuntimeError):  # the app has gone, and its event loop with it
        try:
            live = sweeping_process(directory) is not None
            for events in follow(directory, control):
                post(Events(events))
                if isinstance(events[0], SweepStarted):
                    post_log(post, directory)
                    if live:
                        post_curves(post, directory, control)
            if not live:
                control.wait(POLL_SECONDS)  # the fit has the processor first
                post_curves(post, directory, control)
        except ValueError as error:
            post(Rejected(None, str(error)))
        except Exception:  # noqa: BLE001 - shown with its traceback; the app goes on
            post(Crashed(traceback.format_exc()))


def post_log(post: Post, directory: Path) -> None:
    """What earlier runs in a directory did."""
    with _reading(directory) as store:
        if plan := store.plan():
            attempts, notes = store.attempts(), store.notes()
            printed = printed_by_trial(attempts, notes)
            post(Logged(earlier(plan, attempts, dict(store.outcomes()), notes), printed))


def post_curves(post: Post, directory: Path, control: Control) -> None:
    """Every loss curve of earlier runs, a second's worth at a time; a large sweep has its optimum before them."""
    curves: dict[str, Curve] = {}
    begun = time.monotonic()
    with _reading(directory) as store:
        for key, curve in store.curves():
            if control.stopped:
                return
            curves[key] = curve
            if time.monotonic() - begun > 1:
                post(CurvesLoaded(curves))
                curves, begun = {}, time.monotonic()
    post(CurvesLoaded(curves))


@contextlib.contextmanager
def _reading(directory: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(directory, read_only=True)
    try:
        yield store
    finally:
        store.close()
