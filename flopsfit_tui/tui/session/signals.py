"""Ending the app by a signal: in good order, and if that takes too long, at once.

Python's own handlers rather than the event loop's: they also run when the loop is gone or stuck, so that no state of
the app can make a process that does not end. Workers end with their connections, whoever closes them.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from flopsfit_tui.core.signals import handled

GRACE_SECONDS = 2.0  # until a process that has not ended by itself is ended
LEAVE = "\x1b[?1049l\x1b[?25h\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[<u\x1b[0m"  # what Textual set


@contextlib.contextmanager
def ended_by_signals(leave: Callable[[], object], served: bool = False) -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP call `leave`, in the main thread; the process ends within GRACE_SECONDS.

    So it does when its terminal has gone, or the server that holds its stdin (`served`), also where SIGHUP is ignored
    (nohup): no key could end it any more, and Textual waits for ever for what it writes.
    """
    terminal = _terminal()

    def stop(number: int, _frame: FrameType | None) -> None:
        last = threading.Timer(GRACE_SECONDS, _end, (terminal, 128 + number))
        last.daemon = True
        last.start()
        leave()

    with handled(stop):  # ctrl+c in the app is a key; a SIGINT comes from elsewhere
        if terminal is not None or served:
            threading.Thread(target=_wait_for_hangup, args=(stop,), name="hangup", daemon=True).start()
        yield


def _wait_for_hangup(stop: Callable[[int, None], object]) -> None:
    terminal = select.poll()
    terminal.register(sys.stdin.fileno(), 0)  # nothing but its end
    if any(event & select.POLLHUP for _, event in terminal.poll()):
        stop(signal.SIGHUP, None)


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
