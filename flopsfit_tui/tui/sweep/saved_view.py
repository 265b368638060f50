"""What the user had in sight of a sweep, kept between one look and the next: a small JSON file for each directory.

Losing it costs a key press; so nothing here ever raises, and a file that cannot be read is no file.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from pathlib import Path

from platformdirs import user_state_path

MOST_FILES = 200  # the sweeps looked at last; older views go
MOST_BYTES = 20_000


def load_view(directory: Path) -> dict[str, object]:
    """What was saved for a sweep's directory; empty when there is nothing, or nothing that makes sense."""
    try:
        path = _path(directory)
        if path.stat().st_size > MOST_BYTES:
            return {}
        view = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return view.get("view", {}) if isinstance(view, dict) and isinstance(view.get("view"), dict) else {}


def save_view(directory: Path, view: dict[str, object]) -> None:
    """Keep a view, whole or not at all; values are what JSON holds."""
    try:
        path = _path(directory)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"directory": str(directory), "view": view}, indent=1)
        if len(text) > MOST_BYTES:
            return
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        _forget_oldest(path.parent)
    except (OSError, ValueError, TypeError):
        return


def _path(directory: Path) -> Path:
    name = hashlib.sha256(os.fsencode(directory.expanduser().absolute().resolve())).hexdigest()[:24]
    return user_state_path("flopsfit-tui") / "views" / f"{name}.json"


def _forget_oldest(folder: Path) -> None:
    found = sorted((entry.stat().st_mtime, entry.path) for entry in os.scandir(folder) if entry.is_file())
    for _, path in found[:-MOST_FILES]:
        os.unlink(path)
