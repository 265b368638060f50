"""Ending the app by a signal: in good order, and if that takes too long, at once.

Python's own handlers rather than the event loop's: they also run when the loop is gone or stuck, so that no state of
the app can make a process that does not end. Workers end with their connections, whoever closes them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # ctrl+c in the app is a key; this is from elsewhere
GRACE_SECONDS = 2.0  # until a process that has not ended by itself is ended
LEAVE = "\x1b[?1049l\x1b[?25h\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[<u\x1b[0m"  # what Textual set


@contextlib.contextmanager
def ended_by_signals(leave: Callable[[], object]) -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP call `leave`, in the main thread; the process ends within GRACE_SECONDS."""
    if threading.current_thread() is not threading.main_thread():  # Python calls handlers in the main thread only
        yield
        return
    terminal = _terminal()

    def stop(number: int, _frame: FrameType | None) -> None:
        last = threading.Timer(GRACE_SECONDS, _end, (terminal, 128 + number))
        last.daemon = True
        last.start()
        leave()

    before = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _terminal() -> list[Any] | None:
    """How the terminal is set before the app sets it otherwise."""
    try:
        return termios.tcgetattr(sys.stdin.fileno())
    except (termios.error, ValueError, OSError):
        return None


def _end(terminal: list[Any] | None, code: int) -> None:
    """Leave the terminal as it was, where it is still there, and end."""
    with contextlib.suppress(OSError, ValueError, termios.error):
        if terminal is not None:
            os.write(2, LEAVE.encode())
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, terminal)
    os._exit(code)
