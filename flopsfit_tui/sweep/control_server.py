"""The sweeping process's end of its socket: commands of other terminals come in, word of changes goes out.

    sweeping thread  <--- Control (commands) ----  this thread  <--- lines of JSON ---  other terminals
                     ---- changed(), answers ---->              ---- lines of JSON --->

A line is an object. In: {"id", "by", "command", ...} (core/command_json.py). Out: {"hello": VERSION, "pid"} first,
{"changed": true} when the store has news, {"id", "done": true, "problem": ""} when a command has acted. What has
changed is read from the store: a terminal that is too slow, or dies, loses nothing, and never holds up the sweep.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import threading
import weakref
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from flopsfit_tui.core.command_json import command_from_json, text_of
from flopsfit_tui.core.control import Control, Sent
from flopsfit_tui.core.events import Event, TrialAlive, TrialProgress
from flopsfit_tui.sweep.control_socket import Address, listen, may_talk

VERSION = 1  # of the lines
MOST_LINE = 1 << 16  # bytes of one line; a terminal that sends more is let go
MOST_UNREAD = 1 << 18  # bytes that wait for a terminal which does not read; then it is let go
MOST_CLIENTS = 64
CHANGED = b'{"changed": true}\n'
ENDED = "the sweep has ended"


@dataclass(eq=False)
class _Client:
    """One terminal."""

    link: socket.socket
    received: bytes = b""
    unsent: bytearray = field(default_factory=bytearray)
    waits: set[str] = field(default_factory=set)  # ids of commands that have not acted


class ControlServer:
    """Listens from the start to `close`. Raises NoSocket where nobody can listen."""

    def __init__(self, directory: Path, control: Control) -> None:
        self._control = control
        self._address: Address = listen(directory)
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        for end in (self._wake, self._woken):
            end.setblocking(False)
        self._clients: dict[socket.socket, _Client] = {}
        self._answers: deque[tuple[_Client, dict[str, Any]]] = deque()
        self._changed = self._closing = False
        self._selector.register(self._address.listener, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        _SERVERS.add(self)
        self._thread = threading.Thread(target=self._serve, name="control", daemon=True)
        self._thread.start()

    # ---- called by the sweeping thread; nothing here waits ----

    def changed(self, event: Event) -> None:
        """The store holds something new. Progress is read at the terminals' own pace."""
        if not isinstance(event, TrialProgress | TrialAlive):
            self._changed = True
            self._wake_up()

    def close(self) -> None:
        """Let every terminal go; a command that has not acted is answered."""
        self._closing = True
        self._wake_up()
        self._thread.join(timeout=5)
        self._address.remove()

    # ---- in the thread ----

    def _serve(self) -> None:
        while not self._closing:
            for key, ready in self._selector.select():
                if key.fileobj is self._woken:
                    self._clear_wake()
                elif key.fileobj is self._address.listener:
                    self._accept()
                elif client := self._clients.get(key.fileobj):  # type: ignore[call-overload]
                    self._serve_client(client, ready)
            self._send_news()
        self._end()

    def _end(self) -> None:
        self._send_news()
        for client in list(self._clients.values()):
            for identity in client.waits:
                self._send(client, {"id": identity, "done": False, "problem": ENDED})
            self._drop(client)
        self._selector.close()
        for end in (self._wake, self._woken):
            end.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            link, _ = self._address.listener.accept()
            link.setblocking(False)
            if len(self._clients) >= MOST_CLIENTS or not may_talk(link):
                link.close()
                return
            client = self._clients[link] = _Client(link)
            self._selector.register(link, selectors.EVENT_READ)
            self._send(client, {"hello": VERSION, "pid": os.getpid()})

    def _serve_client(self, client: _Client, ready: int) -> None:
        if ready & selectors.EVENT_WRITE:
            self._write(client)
        if ready & selectors.EVENT_READ and client.link in self._clients:
            self._read(client)

    def _read(self, client: _Client) -> None:
        try:
            received = client.link.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            received = b""
        *lines, client.received = (client.received + received).split(b"\n")
        for line in lines:
            if line.strip() and len(line) <= MOST_LINE:
                self._handle_line(client, line)
        if max(map(len, [client.received, *lines])) > MOST_LINE:
            self._refuse(client, f"a line has more than {MOST_LINE} bytes")
            received = b""
        if not received:
            self._drop(client)

    def _handle_line(self, client: _Client, line: bytes) -> None:
        message: Any = None
        try:
            message = json.loads(line)
            command = command_from_json(message)
            identity, by = text_of(message, "id"), text_of(message, "by")
        except (ValueError, RecursionError) as error:
            known = message.get("id") if isinstance(message, dict) else None
            self._refuse(client, f"not understood: {str(error)[:300]}", known if isinstance(known, str) else None)
            return
        client.waits.add(identity)
        self._control.send(Sent(command, by, identity, partial(self._answer, client, identity)))

    def _refuse(self, client: _Client, problem: str, identity: str | None = None) -> None:
        self._send(client, {"id": identity and identity[:200], "done": False, "problem": problem})

    def _answer(self, client: _Client, identity: str, problem: str) -> None:
        """Called by the sweeping thread."""
        self._answers.append((client, {"id": identity, "done": not problem, "problem": problem}))
        self._wake_up()

    def _send_news(self) -> None:
        if self._changed:
            self._changed = False
            for client in list(self._clients.values()):
                if not client.unsent:  # else it has not read the word before this one
                    self._write(client, CHANGED)
        while self._answers:
            client, answer = self._answers.popleft()
            client.waits.discard(answer["id"])
            self._send(client, answer)

    def _send(self, client: _Client, message: dict[str, Any]) -> None:
        self._write(client, json.dumps(message).encode() + b"\n")

    def _write(self, client: _Client, line: bytes = b"") -> None:
        """As much as the connection takes now; the rest when it takes more."""
        if client.link not in self._clients:
            return
        client.unsent += line
        try:
            sent = client.link.send(client.unsent) if client.unsent else 0
        except BlockingIOError:
            sent = 0
        except OSError:
            self._drop(client)
            return
        del client.unsent[:sent]
        if len(client.unsent) > MOST_UNREAD:
            self._drop(client)
            return
        both = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.unsent else 0)
        self._selector.modify(client.link, both)

    def _drop(self, client: _Client) -> None:
        if self._clients.pop(client.link, None):
            self._selector.unregister(client.link)
            client.link.close()

    def _wake_up(self) -> None:
        with contextlib.suppress(OSError):  # full: it is awake already; or closed
            self._wake.send(b".")

    def _clear_wake(self) -> None:
        with contextlib.suppress(OSError):
            while self._woken.recv(4096):
                pass

    def forget(self) -> None:
        """In a forked child, which does not sweep: close what it has inherited."""
        for end in (self._address.listener, self._wake, self._woken, *self._clients):
            with contextlib.suppress(OSError):
                end.close()


_SERVERS: weakref.WeakSet[ControlServer] = weakref.WeakSet()


def _forget_all() -> None:
    for server in _SERVERS:
        server.forget()


if hasattr(os, "register_at_fork"):  # a child of a user's code would answer no terminal and keep it waiting
    os.register_at_fork(after_in_child=_forget_all)
