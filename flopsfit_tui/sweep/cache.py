"""Small facts that take long to find, kept in the user's cache directory: a JSON file of entries by their keys."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

MOST = 500  # entries of a file; the oldest are dropped


class JsonCache:
    """Entries of one file. One that cannot be read is empty, one that cannot be written keeps nothing: never fails."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._all = self._read()

    def get(self, key: str) -> Any:
        """What is kept by a key, as JSON gives it; None for nothing."""
        return self._all.get(key)

    def put(self, key: str, value: Any) -> None:
        """Keep something. Of two processes that write at once, one may lose its entry."""
        entries = {name: entry for name, entry in self._read().items() if name != key}
        self._all = {**dict(list(entries.items())[1 - MOST :]), key: value}
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary = self._path.with_suffix(f".{os.getpid()}")
            temporary.write_text(json.dumps(self._all))
            temporary.replace(self._path)

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}
