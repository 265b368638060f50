"""Who acts: a name for this terminal, which other terminals are shown."""

from __future__ import annotations

import contextlib
import os
import socket

MOST = 120  # characters


def terminal_name() -> str:
    """``ada@box pts/3``; without a terminal, ``ada@box pid 1234``."""
    user = f"uid {os.getuid()}" if hasattr(os, "getuid") else "?"
    with contextlib.suppress(KeyError, OSError, ImportError):  # a container may know no name for the user
        import getpass  # with termios, which not every system has

        user = getpass.getuser()
    place = f"pid {os.getpid()}"
    for descriptor in (2, 0, 1):
        with contextlib.suppress(OSError, AttributeError):
            place = os.ttyname(descriptor).removeprefix("/dev/")
            break
    name = f"{user}@{socket.gethostname()} {place}"
    return "".join(letter if letter.isprintable() else "?" for letter in name)[:MOST]
