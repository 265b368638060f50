"""What a command exits with."""

from __future__ import annotations

DONE, FAILED, USAGE, SOME_FAILED, INTERRUPTED = 0, 1, 2, 3, 130
