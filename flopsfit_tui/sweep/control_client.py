"""A terminal's end of the socket of a sweep that another process runs.

Sending never waits for the sweep. A command keeps its id until it is answered: after a connection was lost it is sent
again, and acts once. What the sweep does is read from its store; the connection only says when to look.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flopsfit_tui.core.command_json import command_to_json
from flopsfit_tui.core.control import Command, new_id
from flopsfit_tui.core.terminal_name import terminal_name
from flopsfit_tui.sweep.control_server import ENDED, MOST_LINE, VERSION
from flopsfit_tui.sweep.control_socket import NoSocket, connect

SEND_SECONDS = 1  # until a connection that takes nothing counts as lost

Answered = Callable[[str, str], object]


class ControlClient:
    """Connected or not; every method may be called from any thread. `answered(id, problem)` comes from another one."""

    def __init__(self, directory: Path, answered: Answered = lambda _id, _problem: None) -> None:
        self.directory, self.by = directory, terminal_name()
        self.problem = ""  # why the last `connect` made no connection
        self._answered = answered
        self._lock = threading.Lock()
        self._link: socket.socket | None = None
        self._waiting: dict[str, bytes] = {}  # lines of commands without an answer, by id
        self._sweeper: object = None  # the process that was connected to last
        self._news = threading.Event()
        self._closed = False

    @property
    def connected(self) -> bool:
        """Whether commands reach the sweep now."""
        return self._link is not None

    def connect(self) -> bool:
        """Connect, if that is possible now and not so already; whether commands reach the sweep."""
        if self._closed or self._link is not None:
            return self._link is not None
        try:
            link = connect(self.directory)
        except NoSocket as error:
            self.problem = str(error)
            return False
        lines = link.makefile("rb")
        try:
            hello = json.loads(lines.readline(MOST_LINE))
            if hello["hello"] > VERSION:
                raise NoSocket("a newer flopsfit-tui sweeps there; update flopsfit-tui to control it")
            link.settimeout(None)
            link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_SECONDS, 0))
        except (OSError, ValueError, TypeError, KeyError, NoSocket) as error:
            self.problem = str(error) if isinstance(error, NoSocket) else "the sweeping process does not answer"
            link.close()
            return False
        with self._lock:
            self._link, again, gone = link, list(self._waiting.values()), []
            if self._sweeper not in (None, hello.get("pid")):  # what the one before has stored, this one has read
                again, gone = [], list(self._waiting)
                self._waiting.clear()
            self._sweeper = hello.get("pid")
        for identity in gone:
            self._answered(identity, ENDED)
        threading.Thread(target=self._listen, args=(link, lines), name="control", daemon=True).start()
        for line in again:
            self._put(line)
        return self.connected

    def send(self, command: Command, identity: str = "") -> str:
        """Send a command; its id. Without a connection it waits for the next one."""
        identity = identity or new_id()
        line = json.dumps({"id": identity, "by": self.by, **command_to_json(command)}).encode() + b"\n"
        with self._lock:
            self._waiting[identity] = line
        self._put(line)
        return identity

    def forget(self, identity: str) -> None:
        """Do not send a command again."""
        with self._lock:
            self._waiting.pop(identity, None)

    def wait(self, seconds: float) -> bool:
        """Sleep until the sweep has news, at most `seconds`; whether it has."""
        found = self._news.wait(seconds)
        self._news.clear()
        return found

    def close(self) -> None:
        """Let the sweep go; it goes on. Whoever waits is woken."""
        self._closed = True
        self._lose(self._link)
        self._news.set()

    def _put(self, line: bytes) -> None:
        with self._lock:
            link = self._link
            try:
                if link is not None:
                    link.sendall(line)
                return
            except OSError:
                pass
        self._lose(link)

    def _listen(self, link: socket.socket, lines: Any) -> None:
        """In a thread of its own: take what comes until the connection ends."""
        with contextlib.suppress(OSError, ValueError, TypeError, AttributeError, RecursionError):
            while line := lines.readline(MOST_LINE):
                message = json.loads(line)
                if message.get("changed"):
                    self._news.set()
                elif isinstance(message.get("id"), str):
                    self._take_answer(message["id"], str(message.get("problem", "")))
        self._lose(link)

    def _take_answer(self, identity: str, problem: str) -> None:
        self.forget(identity)
        self._news.set()
        self._answered(identity, problem)

    def _lose(self, link: socket.socket | None) -> None:
        with self._lock:
            if link is None or self._link is not link:
                return
            self._link = None
        with contextlib.suppress(OSError):
            link.shutdown(socket.SHUT_RDWR)
        link.close()
        self._news.set()
