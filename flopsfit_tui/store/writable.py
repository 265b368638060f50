"""Whether a sweep's directory can be made and written."""

from __future__ import annotations

import os
from pathlib import Path


def make_directory(directory: Path) -> None:
    """Make a sweep's directory. Raises ValueError when that cannot be."""
    check_directory(directory)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            f"the output directory {str(directory)!r} cannot be made ({error.strerror}); give a directory that you can "
            f"write, like --out ./my-sweep"
        ) from None


def check_directory(directory: Path) -> None:
    """Raise ValueError when a sweep's directory could not be made or written; makes nothing."""
    there = directory
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir() or not os.access(there, os.W_OK):
        why = "is not a directory" if not there.is_dir() else "cannot be written"
        raise ValueError(
            f"the output directory {str(directory)!r} cannot be used: {str(there)!r} {why}; give one that you can "
            f"write, like --out ./my-sweep"
        )
