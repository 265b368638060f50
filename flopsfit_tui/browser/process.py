"""One app behind one page.

page <-- websocket --> server <-- packets on the app's stdin and stdout --> app

The app has a session of its own: control-C in the server's terminal reaches the server only, which ends the app in
good order, and after GRACE_SECONDS whatever is left of it and its workers.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from typing import Any

from textual_serve.app_service import AppService

GRACE_SECONDS = 10.0  # for running trials to write their checkpoints


class AppProcess(AppService):  # type: ignore[misc]
    """textual-serve's, with a command that no shell reads and an end that can be relied on."""

    _task: asyncio.Task[None] | None
    _process: Process | None

    def __init__(self, command: Sequence[str], **of_page: Any) -> None:
        super().__init__("", **of_page)
        self._arguments = command

    async def _open_app_process(self, width: int = 80, height: int = 24) -> Process:
        """Start the app; what it says beside what it draws goes to the server's stderr at once."""
        process = await asyncio.create_subprocess_exec(
            *self._arguments,
            stdin=PIPE,
            stdout=PIPE,
            env=self._build_environment(width=width, height=height),
            start_new_session=True,
        )
        process.stderr = asyncio.StreamReader()  # which the caller reads to its end
        process.stderr.feed_eof()
        self._process, self._stdin = process, process.stdin
        return process

    async def stop(self) -> None:
        """Ask the app to end, after GRACE_SECONDS end it, and wait until it has ended."""
        task, self._task = self._task, None
        if task is None or self._process is None:
            return
        await self._download_manager.cancel_app_downloads(app_service_id=self.app_service_id)
        await self.send_meta({"type": "quit"})
        try:
            await asyncio.wait_for(self._process.wait(), GRACE_SECONDS)
        except TimeoutError:
            self.kill()
        await task

    def kill(self) -> None:
        """End the app and its workers at once."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def on_data(self, payload: bytes) -> None:
        """Draw. An app whose page has gone is read on, so that it can write until it ends."""
        with contextlib.suppress(ConnectionError):
            await super().on_data(payload)

    async def on_meta(self, data: bytes) -> None:
        """Open an address, offer a file, or end."""
        with contextlib.suppress(ConnectionError):
            await super().on_meta(data)
