"""The user's runtime directory: which sweeps run on this machine, and small files that say whose they are."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import warnings
from collections.abc import Iterator
from pathlib import Path

from platformdirs import user_runtime_path

MARK = "flopsfit-tui"
MOST_BYTES = 8192  # of a file that is read here


def running_directories() -> Iterator[Path]:
    """The directories in which this user's processes sweep or swept, on this machine; their locks tell which."""
    with contextlib.suppress(OSError):
        for path in sorted(runtime_directory().glob("*.json")):
            if where := read_marked(path).get("directory"):
                yield Path(where)


def register(directory: Path) -> Path:
    """Say that a sweep runs in a directory; the file that says so, to be removed at its end. Raises OSError."""
    path = runtime_directory() / f"{short_name(directory)}.json"
    path.unlink(missing_ok=True)
    write_marked(path, {"directory": str(directory.resolve())})
    return path


def runtime_directory() -> Path:
    """This user's directory for sockets, which nobody else may enter. Raises OSError."""
    with warnings.catch_warnings():  # of the usual place missing: what is there instead is checked below
        warnings.simplefilter("ignore")
        path = user_runtime_path(MARK)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)
    for found, others in ((path.lstat(), 0o077), (path.parent.stat(), 0o022)):  # who may write above may exchange it
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & others:
            raise OSError(f"{str(path)!r} is not this user's alone")
    return path


def short_name(directory: Path) -> str:
    """A name for a directory, short enough for a socket's path."""
    return hashlib.sha256(os.fsencode(directory.resolve())).hexdigest()[:16]


def write_marked(path: Path, values: dict[str, str]) -> None:
    """Raises OSError where something lies there."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    with open(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
        json.dump({"by": MARK, **values}, file)


def read_marked(path: Path) -> dict[str, str]:
    """What one of our files says; empty for one that is not. Raises OSError."""
    with open(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
        text = file.read(MOST_BYTES)
    try:
        values = json.loads(text)
        ours = isinstance(values, dict) and values.get("by") == MARK
        return {str(name): str(value) for name, value in values.items()} if ours else {}
    except (ValueError, RecursionError):
        return {}


def remove_marked(path: Path) -> None:
    """Remove a file of ours, of a process that has ended; what is not ours stays. Raises OSError."""
    try:
        ours = bool(read_marked(path))
    except FileNotFoundError:
        return
    if ours:
        path.unlink()
