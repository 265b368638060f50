"""Where checkpoints of unfinished trials lie in a sweep's directory: `checkpoints/KEY.pt`, one a trial.

A file is a checkpoint when it begins with MAGIC; whatever else lies there is the user's, and is never replaced or
deleted, but for what a process has left that was killed before it wrote the first byte: an empty file of the name that
only a checkpoint being written has. Links are not followed.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from flopsfit_tui.core.options import CHECKPOINT_SECONDS

FOLDER = "checkpoints"
MAGIC = b"flopsfit-tui checkpoint 1\n"
_NAME = re.compile(r"\.?([0-9a-f]{12})\.pt(\.\d+\.part)?$")


@dataclass(frozen=True)
class Checkpointing:
    """Where a trial saves its checkpoint, and how often."""

    path: Path
    seconds: float = CHECKPOINT_SECONDS


def checkpoint_path(directory: Path, key: str) -> Path:
    """The checkpoint of a trial in a sweep's directory."""
    return directory / FOLDER / f"{key}.pt"


def is_checkpoint(path: Path) -> bool:
    """Whether a checkpoint lies there, rather than nothing, a link, or a file of the user's."""
    return _head(path) == MAGIC


def _head(path: Path) -> bytes | None:
    """The first bytes of a file; None where there is none, or a link."""
    try:
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)), "rb") as f:
            return f.read(len(MAGIC))
    except OSError:
        return None


def make_folder(directory: Path) -> bool:
    """Make the folder of checkpoints; whether one can be used: not a link, and no file in its place."""
    folder = directory / FOLDER
    with contextlib.suppress(OSError):
        folder.mkdir(exist_ok=True)
    return folder.is_dir() and not folder.is_symlink()


def partial_files(path: Path) -> list[Path]:
    """What processes that died while they wrote a checkpoint have left of it."""
    return [part for part in path.parent.glob(f".{path.name}.*.part") if _head(part) in (MAGIC, b"")]


def drop_checkpoints(directory: Path, keys: Iterable[str]) -> None:
    """Delete the checkpoints of these trials; never raises."""
    folder = directory / FOLDER
    if not folder.is_dir() or folder.is_symlink():
        return
    for key in keys:
        path = checkpoint_path(directory, key)
        for file in (*([path] if is_checkpoint(path) else []), *partial_files(path)):
            with contextlib.suppress(OSError):
                file.unlink()


def drop_all(directory: Path) -> None:
    """Delete every checkpoint in a sweep's directory, and their folder when nothing else lies in it; never raises."""
    folder = directory / FOLDER
    if folder.is_dir() and not folder.is_symlink():
        drop_checkpoints(directory, {match[1] for path in folder.iterdir() if (match := _NAME.match(path.name))})
    drop_folder(directory)


def drop_folder(directory: Path) -> None:
    """Delete the folder of checkpoints when nothing lies in it; never raises."""
    folder = directory / FOLDER
    if not folder.is_symlink():
        with contextlib.suppress(OSError):
            folder.rmdir()
