"""The source of Python's own standard library, as bytes, split by file.

The corpus differs between Python versions, so its fingerprint is part of every trial's key and is shown with the plan.
"""

from __future__ import annotations

import hashlib
import sys
import sysconfig
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch

HELD_OUT = 10  # one file in so many is held out
ENOUGH = 2_000_000  # bytes; with less the standard library counts as missing
_NOT_TEXT = {"site-packages", "dist-packages", "__pycache__", "test", "tests", "idle_test", "lib2to3"}


@dataclass(frozen=True)
class Corpus:
    """Bytes for training and, from other files, for the held-out loss."""

    train: np.ndarray  # uint8
    held_out: np.ndarray  # uint8
    files: int
    fingerprint: str
    note: str  # where the text came from, for the user


@cache
def load_corpus() -> Corpus:
    """Read the sources of the standard library; where an install has none, those of installed packages.

    Raises ValueError when neither is there.
    """
    stdlib = Path(sysconfig.get_path("stdlib"))
    corpus = read_sources(stdlib, f"Python {sys.version_info.major}.{sys.version_info.minor} standard library")
    if corpus is not None:
        return corpus
    package = Path(torch.__file__).parent  # torch ships its sources: always installed, and larger than needed
    corpus = read_sources(package, "sources of the torch package (this Python came without its .py files)")
    if corpus is not None:
        return corpus
    raise ValueError(
        f"gpt-bytes reads Python sources, and neither {stdlib} nor {package} has {ENOUGH / 1e6:.0f} MB of .py files; "
        f"install Python with its sources, or bring your own workload"
    )


def read_sources(root: Path, called: str) -> Corpus | None:
    """All `.py` files below `root`, split by a hash of their path; None when there are too few."""
    files = sorted(p for p in root.rglob("*.py") if not _NOT_TEXT & set(p.relative_to(root).parts))
    parts: tuple[list[bytes], list[bytes]] = ([], [])
    digest = hashlib.sha256()
    for path in files:
        name, text = path.relative_to(root).as_posix(), path.read_bytes()
        held_out = int(hashlib.sha256(name.encode()).hexdigest(), 16) % HELD_OUT == 0
        parts[held_out].append(text)
        digest.update(name.encode() + b"\0" + text)
    train, held = (np.frombuffer(b"\n".join(part), dtype=np.uint8) for part in parts)
    if len(train) + len(held) < ENOUGH:
        return None
    fingerprint = digest.hexdigest()[:8]
    size = (len(train) + len(held)) / 1e6
    return Corpus(train, held, len(files), fingerprint, f"{called}: {size:.1f} MB, {len(files)} files, {fingerprint}")
