"""Data on the accelerator that trains on it: batches are then cut there, and no step waits for a copy from the host."""

from __future__ import annotations

import weakref
from typing import Any

MOST = 2 << 30  # bytes of one data set; a larger one stays on the host
_RESIDENT: weakref.WeakKeyDictionary[Any, dict[str, Any]] = weakref.WeakKeyDictionary()


def resident(source: Any, device: str) -> Any:
    """A Source that gives the same batches on the device; the source itself where it cannot, is large, or trains here.

    Sources that can have `nbytes` and `resident(device)`. A process keeps one copy for all its trials.
    """
    if device == "cpu" or not hasattr(source, "resident") or source.nbytes > MOST:
        return source
    kept = _RESIDENT.setdefault(source, {})
    if device not in kept:
        kept[device] = source.resident(device)
    return kept[device]
