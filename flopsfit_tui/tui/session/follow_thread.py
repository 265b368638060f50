"""The thread that reads a sweep which another process runs, or which is over."""

from __future__ import annotations

import contextlib
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from flopsfit_tui.core.control import Control
from flopsfit_tui.core.curve import Curve
from flopsfit_tui.core.events import SweepStarted
from flopsfit_tui.report.text.log import earlier, printed_by_trial
from flopsfit_tui.store.directory import sweeping_process
from flopsfit_tui.store.sqlite import SqliteStore
from flopsfit_tui.sweep.control_client import ControlClient
from flopsfit_tui.sweep.follow import POLL_SECONDS, follow
from flopsfit_tui.tui.session.inbox import Post
from flopsfit_tui.tui.session.messages import Crashed, CurvesLoaded, Events, Linked, Logged, Rejected


def follow_sweep(post: Post, directory: Path, control: Control, client: ControlClient | None = None) -> None:
    """Post a sweep as it stands, and what comes to it, until `control` stops; one that is resumed is followed again.

    With a client, the process that sweeps is connected to, and says when there is news.
    """
    link = _Link(post, client) if client else None
    _follow_once(post, directory, control, link)
    while not control.stopped:
        control.wait(POLL_SECONDS)
        if not control.stopped and sweeping_process(directory) is not None:
            _follow_once(post, directory, control, link)


def _follow_once(post: Post, directory: Path, control: Control, link: _Link | None) -> None:
    with contextlib.suppress(RuntimeError):  # the app has gone, and its event loop with it
        try:
            live = sweeping_process(directory) is not None
            if link and live:
                link.keep()
            for events in follow(directory, control, link.wait if link else None):
                post(Events(events))
                if any(isinstance(event, SweepStarted) for event in events):
                    post_log(post, directory)
                    if live:
                        post_curves(post, directory, control)
            if link:
                link.end()
            if not live:
                control.wait(POLL_SECONDS)  # the fit has the processor first
                post_curves(post, directory, control)
        except ValueError as error:
            post(Rejected(None, str(error)))
        except Exception:  # noqa: BLE001 - shown with its traceback; the app goes on
            post(Crashed(traceback.format_exc()))


class _Link:
    """The connection to the sweeping process, made again where it was lost; each change is posted."""

    def __init__(self, post: Post, client: ControlClient) -> None:
        self._post, self._client, self._posted = post, client, False

    def keep(self) -> None:
        """Be connected, if that is possible."""
        connected = self._client.connect()
        if connected != self._posted:
            self._posted = connected
            self._post(Linked(connected, self._client.problem))

    def wait(self, seconds: float) -> None:
        """Until there is news, at most so long."""
        self.keep()
        self._client.wait(seconds)

    def end(self) -> None:
        """The sweep has ended: nobody takes commands any more."""
        if self._posted:
            self._posted = False
            self._post(Linked(False, "the sweep has ended"))


def post_log(post: Post, directory: Path) -> None:
    """What earlier runs in a directory did."""
    with _reading(directory) as store:
        if plan := store.plan():
            attempts, notes, told = store.attempts(), store.notes(), store.stored_events()
            printed = printed_by_trial(attempts, notes)
            post(Logged(earlier(plan, attempts, dict(store.outcomes()), notes, told), printed))


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
