"""What a user's code prints, warns of and draws as progress bars, as notes: kept in the store, seen in the log and with
the trial, and never on stdout.

A note begins with the name of the worker and PRINTED: that is how it is known again, and which trial was on that worker
says whose it is. Kept are the first MOST_LINES of each trial, and MOST_CHARACTERS of a line; of a progress bar, what
stands at its end.
"""

from __future__ import annotations

import fcntl
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, TextIO

from flopsfit_tui.core.events import PRINTED, Note
from flopsfit_tui.core.text import printable

MOST_LINES, MOST_CHARACTERS = 500, 1000  # kept of one trial; of a line
MOST_TRIAL_BYTES = 1_000_000  # characters of one trial on each stream
MOST_BYTES = 1 << 22  # of a worker's file, which is emptied when it has been read so far


class PrintedLines:
    """Text as it comes, into one note a line; of somebody who never stops, only the first."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._rest, self._count = "", 0
        self._notes: list[Note] = []

    def begin(self) -> None:
        """Another trial, which may print as much as the one before."""
        self._count = 0

    def add(self, text: str, ended: bool = False) -> None:
        """More text; a line that is not ended waits for the rest of it."""
        *lines, self._rest = (self._rest + text).replace("\r\n", "\n").split("\n")
        self._rest = _last_drawn(self._rest)[-MOST_CHARACTERS:]
        if ended and self._rest:
            lines, self._rest = [*lines, self._rest], ""
        for line in filter(str.strip, map(_last_drawn, lines)):
            self._count += 1
            if self._count <= MOST_LINES:
                self._notes.append(Note("info", f"{self._name}{PRINTED}{line[:MOST_CHARACTERS]}"))
            elif self._count == MOST_LINES + 1:
                self._notes.append(Note("warning", f"{self._name} printed {MOST_LINES} lines; no more are kept"))

    def take(self) -> list[Note]:
        """The notes since the last time."""
        notes, self._notes = self._notes, []
        return notes


def _last_drawn(line: str) -> str:
    """What a terminal would show of a line that was written over itself, as progress bars are."""
    return line.rstrip("\r").rpartition("\r")[2]


class PrintedFile:
    """What a worker process writes to the files that are its stdout and its stderr."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file, self._lines, self._read = file, PrintedLines(name), 0
        flags = fcntl.fcntl(file.fileno(), fcntl.F_GETFL)
        fcntl.fcntl(file.fileno(), fcntl.F_SETFL, flags | os.O_APPEND)  # so that it can be emptied under the writer

    def begin(self) -> None:
        """Another trial."""
        self._lines.begin()

    def take(self, ended: bool = False) -> list[Note]:
        """The notes since the last time."""
        while content := os.pread(self._file.fileno(), 1 << 16, self._read):
            self._read += len(content)
            self._lines.add(content.decode(errors="replace"))
        if self._read > MOST_BYTES and not ended:
            os.ftruncate(self._file.fileno(), 0)
            self._read = 0
        self._lines.add("", ended)
        return self._lines.take()


class _Capped(io.TextIOBase):
    """A stream that takes the first MOST_TRIAL_BYTES characters of a trial, and drops the rest unseen.

    A disk that is full under it is no fault of the trial.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._left = stream, MOST_TRIAL_BYTES

    def write(self, text: str) -> int:
        if self._left > 0:
            with suppress(OSError):
                self._stream.write(text[: self._left])
                self._left -= len(text)
                if self._left <= 0:
                    self._stream.write("\n[more than 1 MB printed; no more is kept]\n")
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()

    def fileno(self) -> int:
        return self._stream.fileno()

    def isatty(self) -> bool:
        return False


@contextmanager
def cap_prints() -> Iterator[None]:
    """What is printed in this process in the meantime is cut after MOST_TRIAL_BYTES; stdout and stderr are as before
    at the end, whatever the user's code has put in their place."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _Capped(before[0]), _Capped(before[1])  # type: ignore[assignment]
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


class _Tee(io.TextIOBase):
    """A stream that keeps what is written, and shows it on stderr."""

    def __init__(self, lines: PrintedLines, shown: TextIO) -> None:
        self._lines, self._shown = lines, shown

    def write(self, text: str) -> int:
        self._lines.add(text)
        self._shown.write("\r".join(map(printable, text.split("\r"))))  # a progress bar may go back, and no more
        return len(text)

    def flush(self) -> None:
        self._shown.flush()


class kept_output:  # entered for each event of a trial: as a class it takes a third of the time
    """What is printed in this process in the meantime, on stdout and stderr, goes to stderr, and is kept."""

    def __init__(self, lines: PrintedLines) -> None:
        self._lines = lines

    def __enter__(self) -> None:
        self._before = sys.stdout, sys.stderr
        sys.stdout = sys.stderr = _Tee(self._lines, sys.stderr)  # type: ignore[assignment]

    def __exit__(self, *_: object) -> None:
        sys.stdout, sys.stderr = self._before
