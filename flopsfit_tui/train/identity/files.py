"""Files and folders by content, each read once; what is too much to read is not read at all."""

from __future__ import annotations

import fnmatch
import os
import re
import stat
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import xxhash

from flopsfit_tui.core.sweep_files import DATABASE, FILES

MOST_BYTES = 64 << 30  # of all files together: a minute or two from an ordinary disk
MOST_FILES = 500_000
CHUNK = 4 << 20
RECENT = 2.0  # seconds within which a second change might leave the same time of change
LOOKED_AT = 32  # of a list's strings, to tell whether they are paths
SUFFIX = re.compile(r"\.\w{1,8}$")
NOT_DATA = {".git", ".DS_Store", ".ipynb_checkpoints", "__pycache__"}
OWN_FOLDERS = ("plots", "checkpoints")  # of a sweep's figures and unfinished trials, beside its database


_KNOWN: dict[tuple[int, int, int, int], bytes] = {}  # by device, inode, size and time of change, in this process


class TooMuch(Exception):
    """More bytes or files than are read."""


class Files:
    """Hashes of files' contents. Raises TooMuch beyond the bounds; OSError where a file cannot be read."""

    def __init__(self) -> None:
        self._bytes = self._files = 0

    def content(self, path: str) -> bytes:
        """A file's hash."""
        with open(path, "rb", buffering=0) as file:
            about = os.fstat(file.fileno())
            key = about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns
            if key not in _KNOWN:
                self._bytes += about.st_size
                self._files += 1
                if self._bytes > MOST_BYTES or self._files > MOST_FILES:
                    raise TooMuch
                digest = xxhash.xxh3_128()
                while chunk := file.read(CHUNK):
                    digest.update(chunk)
                if abs(time.time() - about.st_mtime) < RECENT:
                    return digest.digest()
                _KNOWN[key] = digest.digest()
        return _KNOWN[key]

    def folder(self, root: str) -> Iterator[tuple[str, bytes]]:
        """Every file below a folder, by its path within it; code that is loaded and what sweeps write are left out."""
        names = []
        for name in _names(root):
            names.append(name)
            if len(names) > MOST_FILES:
                raise TooMuch
        for name in sorted(names):
            yield name, self.content(os.path.join(root, name))


def _names(root: str) -> Iterator[str]:
    code = {os.path.realpath(file) for module in list(sys.modules.values()) if (file := _file_of(module))}
    visited = set()
    for directory, folders, files in os.walk(root, onerror=_raise, followlinks=True):
        real = os.path.realpath(directory)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        if len(visited) > MOST_FILES:
            raise TooMuch
        ours = {name for pattern in FILES for name in fnmatch.filter(files, pattern)} if DATABASE in files else set()
        folders[:] = sorted(name for name in folders if name not in NOT_DATA and not (ours and name in OWN_FOLDERS))
        for name in files:
            path = os.path.join(directory, name)
            if name not in NOT_DATA | ours and is_file(path) and os.path.realpath(path) not in code:
                yield os.path.relpath(path, root)


def _file_of(module: object) -> str | None:
    file = getattr(module, "__file__", None)
    return file if isinstance(file, str) else None


def _raise(error: OSError) -> None:
    raise error


def is_file(path: str | Path) -> bool:
    """Whether it is an ordinary file; never raises."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def is_folder(path: str | Path) -> bool:
    """Whether it is a folder; never raises."""
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def may_be_path(text: str) -> bool:
    """Whether a string is written like a path."""
    return 1 < len(text) < 1024 and "\n" not in text and (os.sep in text or SUFFIX.search(text) is not None)


def are_paths(texts: Sequence[str]) -> bool:
    """Whether a list of strings, looked at here and there, holds paths of files that exist."""
    some = texts[:: max(1, len(texts) // LOOKED_AT)]
    return any(may_be_path(text) and is_file(text) for text in some)


def common_folder(texts: Sequence[str]) -> str | None:
    """The folder below which all existing files of a list lie; None for fewer than two."""
    found = [os.path.dirname(os.path.abspath(text)) for text in texts if may_be_path(text) and is_file(text)]
    return os.path.commonpath(found) if len(found) > 1 else None
