"""SIGINT, SIGTERM and SIGHUP: a first one stops in good order, a second one ends the process at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
INTERRUPTED = 130  # exit code
STOPPING = b"\nstopping: what runs writes its checkpoint; a second signal ends it at once\n"
ENDED = b"\nended at once: finished trials are kept, others go on from their last checkpoint\n"


@contextmanager
def signals_interrupt() -> Iterator[None]:
    """Each of them raises KeyboardInterrupt, as SIGINT does; one that is ignored (nohup) stays so."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with handled(interrupt):
        yield


@contextmanager
def signals_stop(stop: Callable[[], object]) -> Iterator[None]:
    """The first of them calls `stop`; a second ends this process, whose workers end with it."""
    heard = False

    def handle(_number: int, _frame: FrameType | None) -> None:
        nonlocal heard
        if heard:
            _write(ENDED)
            os._exit(INTERRUPTED)
        heard = True
        _write(STOPPING)
        stop()

    with handled(handle):
        yield


def _write(text: bytes) -> None:
    """On stderr, past its buffer: a handler may have come in the middle of a write."""
    with suppress(OSError):
        os.write(2, text)


@contextmanager
def handled(handler: Callable[[int, FrameType | None], Any]) -> Iterator[None]:
    """Meanwhile `handler` gets the SIGNALS, but for those that are ignored (nohup); in the main thread alone."""
    if threading.current_thread() is not threading.main_thread():  # Python calls handlers in the main thread only
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    heard = [number for number in SIGNALS if before[number] not in (signal.SIG_IGN, None)]
    for number in heard:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, before[number])
