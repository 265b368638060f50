"""A terminal without a window: runs the app in a pty, presses keys, and knows when which text came back."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Sequence
from pathlib import Path

CONTROL = re.compile(
    r"\x1b(?:\[[0-9;?<>=$ ]*[a-zA-Z~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[PX^_][^\x1b]*\x1b\\|[()][0-9A-B]|.)"
)
CACHE = Path(tempfile.gettempdir()) / "flopsfit-compiled"
KEYS = {"up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D", "enter": "\r", "escape": "\x1b"}
KEYS |= {"pagedown": "\x1b[6~", "pageup": "\x1b[5~", "home": "\x1b[H", "end": "\x1b[F", "tab": "\t"}


class Terminal:
    """A command in a pty of `columns` x `rows`. Use as a context: at its end the command has ended."""

    def __init__(self, command: Sequence[str], columns: int = 160, rows: int = 50, **environment: str) -> None:
        self._own = tempfile.TemporaryDirectory()  # its settings and views: none that the user has
        own = dict.fromkeys(("XDG_CONFIG_HOME", "XDG_STATE_HOME"), self._own.name)
        self.started = time.monotonic()
        self.pid, self._file = pty.fork()
        if not self.pid:
            plain = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "OMP_NUM_THREADS": "1"}
            os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
            plain["PYTHONPYCACHEPREFIX"] = str(CACHE)  # compiled, as an installed package is
            os.environ.update(plain | own | environment)
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execvp(command[0], list(command))
        fcntl.ioctl(self._file, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._bytes = b""
        self.code: int | None = None

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def press(self, key: str) -> float:
        """Press a key; when, on the monotonic clock."""
        at = time.monotonic()
        os.write(self._file, KEYS.get(key, key).encode())
        return at

    def read(self, seconds: float) -> bool:
        """Take in what comes within a time; whether anything did, or the command still runs."""
        if not select.select([self._file], [], [], max(0.0, seconds))[0]:
            return False
        try:
            self._bytes += os.read(self._file, 1 << 16)
        except OSError:  # the command has ended
            return False
        return True

    def forget(self) -> None:
        """What has come so far is of no interest any more."""
        self._bytes = b""

    def quiet(self, seconds: float = 0.1, at_most: float = 10.0) -> None:
        """Read until nothing has come for a time."""
        end = time.monotonic() + at_most
        while self.read(seconds) and time.monotonic() < end:
            self.forget()
        self.forget()

    @property
    def text(self) -> str:
        """What has come, without colours and cursor movements."""
        return CONTROL.sub("", self._bytes.decode(errors="replace"))

    def until(self, shown: str | Callable[[str], bool], seconds: float = 60.0) -> float:
        """When a pattern was first among what came. Raises TimeoutError with the last of it when it never was."""
        holds = shown if callable(shown) else lambda text: re.search(shown, text) is not None
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.read(end - time.monotonic()) and holds(self.text):
                return time.monotonic()
        raise TimeoutError(f"{shown!r} never came; the last that did: {self.text[-2000:]!r}")

    def megabytes(self, what: str = "VmRSS") -> float:
        """Resident memory of the command now, or at its most (VmHWM), in MB of 1e6 bytes."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(what + ":")) * 1024 / 1e6

    def processor_seconds(self) -> float:
        """What the threads of the command that still run have had of the processor, in seconds."""
        tasks = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    def wait(self) -> int:
        """Read until the command has ended by itself; its exit code, negative for a signal."""
        while self.code is None:
            if not self.read(0.2):
                time.sleep(0.01)
            self.forget()
            self._take_code()
        return self.code

    def _take_code(self) -> None:
        done, status = os.waitpid(self.pid, os.WNOHANG)
        if done:
            self.code = os.waitstatus_to_exitcode(status)
            os.close(self._file)
            self._own.cleanup()

    def close(self, seconds: float = 20.0) -> int:
        """End the command; its exit code, negative for a signal."""
        end = time.monotonic() + seconds
        os.kill(self.pid, signal.SIGTERM) if self.code is None else None
        while self.code is None:
            self.read(0.05)
            self.forget()
            self._take_code()
            if self.code is None and time.monotonic() > end:
                os.kill(self.pid, signal.SIGKILL)
        return self.code


def app(*arguments: str) -> list[str]:
    """The command that runs the app."""
    return [sys.executable, "-m", "flopsfit_tui", *arguments]


def load() -> str:
    """The machine's load average and cores, to stand beside every timing."""
    return f"load average {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores"
