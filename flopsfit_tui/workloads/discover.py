"""Python files in the current directory that seem to declare a workload, for the start screen."""

from __future__ import annotations

import re
from pathlib import Path

MOST_FILES, MOST_BYTES = 200, 200_000
_DECLARES = re.compile(r"^(def )?workload\b", re.MULTILINE)


def own_workloads(directory: Path) -> list[str]:
    """Names, as `run` takes them, of files that use flopsfit_tui and declare a `workload`; imports nothing."""
    found = []
    for path in sorted(directory.glob("*.py"))[:MOST_FILES]:
        try:
            text = path.read_text(errors="replace") if path.stat().st_size < MOST_BYTES else ""
        except OSError:
            continue
        if "flopsfit_tui" in text and _DECLARES.search(text):
            found.append(path.name)
    return found
