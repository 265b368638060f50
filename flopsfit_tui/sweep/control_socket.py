"""Where the Unix socket of a running sweep lies, and who may use it: the user who sweeps, and root.

It is `sweep.sock` in the sweep's directory. Where that path is too long for a socket, or the file system has none, it
lies in the user's runtime directory, and the file `sweep.sock.at` says where. In the runtime directory a file says of
every sweep that runs where it is, so that `list` finds those that were given a directory of their own.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import struct
from dataclasses import dataclass
from pathlib import Path

from flopsfit_tui.core.sweep_files import POINTER, SOCKET
from flopsfit_tui.store.running import (
    read_marked,
    register,
    remove_marked,
    runtime_directory,
    short_name,
    write_marked,
)

BACKLOG = 16


class NoSocket(Exception):
    """There is none; the message says why, in a sentence's second half."""


@dataclass(frozen=True)
class Address:
    """A socket that this process listens on, and the files that tell of it."""

    listener: socket.socket
    files: tuple[Path, ...]

    def remove(self) -> None:
        """Stop listening; nothing is left of it."""
        self.listener.close()
        for path in self.files:
            with contextlib.suppress(OSError):
                path.unlink()


def listen(directory: Path) -> Address:
    """Listen, for whoever holds the directory's lock: a socket that lies there is one whose process has ended.

    Raises NoSocket where nobody can listen.
    """
    if not hasattr(socket, "AF_UNIX"):
        raise NoSocket("this system has no Unix sockets")
    files: list[Path] = []
    try:
        listener = _bind(directory / SOCKET)
        files.append(directory / SOCKET)
        with contextlib.suppress(OSError):
            remove_marked(directory / POINTER)
    except OSError as error:
        listener, files = _listen_elsewhere(directory, error)
    with contextlib.suppress(OSError, NoSocket):
        files.append(register(directory))
    return Address(listener, tuple(files))


def connect(directory: Path, seconds: float = 2.0) -> socket.socket:
    """A connection to the process that sweeps in a directory. Raises NoSocket where none can be made."""
    if not hasattr(socket, "AF_UNIX"):
        raise NoSocket("this system has no Unix sockets")
    for path in (directory / SOCKET, _pointed_to(directory)):
        if path is None:
            continue
        link = socket.socket(socket.AF_UNIX)
        link.settimeout(seconds)
        try:
            link.connect(str(path))
            if not may_talk(link):
                raise NoSocket("another user sweeps there")
        except (OSError, NoSocket) as error:
            link.close()
            if isinstance(error, NoSocket):
                raise
            if isinstance(error, PermissionError):
                raise NoSocket("another user sweeps there") from None
            continue
        return link
    raise NoSocket("the sweeping process does not answer")


def may_talk(link: socket.socket) -> bool:
    """Whether the other end is a process of this user's or of root's, where the kernel tells (Linux)."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    _, user, _ = struct.unpack("3i", link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return user in (os.geteuid(), 0)


def _bind(path: Path) -> socket.socket:
    """Listen at a path, mode 0600 before anybody can connect. Raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise OSError("something else lies there")
        path.unlink()
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(str(path))
        os.chmod(path, 0o600)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def _listen_elsewhere(directory: Path, why: OSError) -> tuple[socket.socket, list[Path]]:
    place = directory / POINTER
    try:
        path = runtime_directory() / f"{short_name(directory)}.sock"
        listener = _bind(path)
    except OSError as error:
        raise NoSocket(f"no socket can be made: {why.strerror or why}; {error.strerror or error}") from None
    try:
        remove_marked(place)
        write_marked(place, {"socket": str(path)})
    except OSError as error:
        listener.close()
        path.unlink(missing_ok=True)
        raise NoSocket(f"{str(place)!r} cannot be written: {error.strerror or error}") from None
    return listener, [path, place]


def _pointed_to(directory: Path) -> Path | None:
    with contextlib.suppress(OSError):
        if where := read_marked(directory / POINTER).get("socket"):
            return Path(where)
    return None
