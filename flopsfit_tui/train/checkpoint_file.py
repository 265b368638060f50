"""Checkpoint files: written whole or not at all, sealed with a hash, read with `weights_only=True`."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import Any, BinaryIO

import torch

from flopsfit_tui.core.checkpoint_files import MAGIC, is_checkpoint

DIGEST = 64  # hex digits
CHUNK = 1 << 20


class CannotResume(ValueError):
    """A checkpoint that the trial cannot go on from; the message says why."""


class _Hashing:
    """A file that hashes what is written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.hash = file, hashlib.sha256()

    def write(self, data: Any) -> int:
        self.hash.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


def write_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint beside its place, on disk, and rename it there. Raises OSError.

    The folder is not made: where it has gone, so has the sweep.
    """
    if os.path.lexists(path) and not is_checkpoint(path):
        raise FileExistsError(f"{path} is not a checkpoint")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    try:
        with open(part, "xb") as file:
            file.write(MAGIC + b"0" * DIGEST)
            hashing = _Hashing(file)
            try:
                torch.save(content, hashing)  # type: ignore[arg-type]
            except RuntimeError as error:  # torch's own words for a write that failed
                raise OSError(str(error).partition("\n")[0]) from error
            file.seek(len(MAGIC))
            file.write(hashing.hash.hexdigest().encode())
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        _sync_folder(path.parent)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def read_checkpoint(path: Path) -> dict[str, Any] | None:
    """What was written; None where there is no checkpoint. Raises CannotResume for a damaged one."""
    if not is_checkpoint(path):
        return None
    try:
        with open(path, "rb") as file:
            file.seek(len(MAGIC))
            expected, found = file.read(DIGEST), hashlib.sha256()
            while chunk := file.read(CHUNK):
                found.update(chunk)
            if found.hexdigest().encode() != expected:
                raise CannotResume("the file is damaged")
            file.seek(len(MAGIC) + DIGEST)
            content: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
            return content
    except OSError as error:
        raise CannotResume(f"the file cannot be read ({error.strerror or error})") from error
    except CannotResume:
        raise
    except Exception as error:
        raise CannotResume(f"the file cannot be loaded ({type(error).__name__})") from error
