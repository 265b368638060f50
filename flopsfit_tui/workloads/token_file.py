"""Tokens kept on disk as one flat array beside a few words about it; it is there whole, or not at all."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np


@dataclass(frozen=True)
class TokenFile:
    """`count` tokens of `dtype`, in `path`; `fingerprint` is a hash of them all."""

    path: Path
    dtype: str
    count: int
    fingerprint: str

    def open(self) -> np.ndarray:
        """The tokens, (count,), on disk until they are looked at."""
        return np.memmap(self.path, dtype=self.dtype, mode="r", shape=(self.count,))


def find(path: Path) -> TokenFile | None:
    """What an earlier write left at `path`, if it is whole."""
    about = path.with_suffix(".json")
    if not (about.is_file() and path.is_file()):
        return None
    found = TokenFile(path, **json.loads(about.read_text()))
    return found if path.stat().st_size == found.count * np.dtype(found.dtype).itemsize else None


def write(path: Path, parts: Iterable[np.ndarray]) -> TokenFile:
    """Write arrays of one dtype end to end. Several processes may do so at once: the last to end wins.

    Raises ValueError when there is no token.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    digest, count, dtype = hashlib.sha256(), 0, ""
    with NamedTemporaryFile(dir=path.parent, prefix=path.stem, suffix=".part", delete=False) as file:
        try:
            for part in parts:
                file.write(part.data)
                digest.update(part.data)
                count, dtype = count + len(part), part.dtype.name
            if not count:
                raise ValueError(f"there are no tokens to write to {path}")
        except BaseException:
            os.unlink(file.name)
            raise
    written = TokenFile(path, dtype, count, digest.hexdigest()[:12])
    about = {name: value for name, value in asdict(written).items() if name != "path"}
    path.with_suffix(".json").unlink(missing_ok=True)  # what it says is no longer true
    os.replace(file.name, path)
    path.with_suffix(".json").write_text(json.dumps(about))
    return written
