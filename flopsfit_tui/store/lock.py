"""One writer for a sweep's directory: an advisory lock on `sweep.db.lock`.

The kernel lets go of the lock however its process ends, and in whichever container or pid namespace it runs; so the
lock itself tells whether somebody sweeps. The file's text only tells who: it is written in place, never truncated.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import stat
import time
import weakref
from dataclasses import asdict, dataclass
from pathlib import Path

from flopsfit_tui.core.store_errors import StoreFault
from flopsfit_tui.core.sweep_files import DATABASE

LOCK = DATABASE + ".lock"
MARK = b'{"flopsfit-tui"'
RECORD_BYTES = 512  # of the text, padded, so that a shorter one covers a longer one
PROBES = 5  # somebody who only looks holds the lock for microseconds; then it is tried again
PROBE_SECONDS = 0.02
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


@dataclass(frozen=True)
class Holder:
    """The process that sweeps in a directory, as it described itself."""

    pid: int = 0  # 0: it has not said yet
    host: str = ""
    boot: str = ""  # the kernel's boot id, where there is one
    started: int = 0  # of the process, in clock ticks since the boot, where that is known

    @property
    def name(self) -> str:
        """``process 123``, and where it runs when that is elsewhere."""
        if not self.pid:
            return "another process"
        elsewhere = self.host and self.host != socket.gethostname()
        return f"process {self.pid} on {self.host}" if elsewhere else f"process {self.pid}"


class SweepRuns(ValueError):
    """Another process sweeps in the directory."""

    def __init__(self, holder: Holder, directory: Path) -> None:
        super().__init__(
            f"{holder.name} is sweeping in {str(directory)!r}; watch and control it with `flopsfit-tui watch "
            f"{directory}`, or give another --out"
        )
        self.directory = directory


class Lock:
    """The directory, taken for this process.

    Raises SweepRuns when another process has it, ValueError when something foreign lies in the lock's place, StoreFault
    when the file system refuses.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / LOCK
        self._descriptor: int | None = self._acquire()
        _LOCKS.add(self)

    def _acquire(self) -> int:
        """Open and lock the file that lies at the path now; another may have been put there in between."""
        while True:
            descriptor = _open(self._path, os.O_RDWR | os.O_CREAT)
            try:
                _check_ours(descriptor, self._path)
                _lock_now(descriptor, self._path)
                if _same_file(descriptor, self._path):
                    _write_record(descriptor, asdict(_myself()))
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)

    def renew(self) -> None:
        """Take the lock again when its file was deleted or replaced. Raises as taking it does."""
        if self._descriptor is None or not _same_file(self._descriptor, self._path):
            taken = self._acquire()
            if self._descriptor is not None:
                os.close(self._descriptor)
            self._descriptor = taken

    def release(self) -> None:
        """Let the directory go."""
        if self._descriptor is not None:
            _write_record(self._descriptor, {})
            self.drop()

    def drop(self) -> None:
        """Close the file without a word in it: in a forked child, which does not sweep."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


_LOCKS: weakref.WeakSet[Lock] = weakref.WeakSet()


def _drop_all() -> None:
    for lock in _LOCKS:
        lock.drop()


if hasattr(os, "register_at_fork"):  # a child of a user's code would hold the lock for as long as it lives
    os.register_at_fork(after_in_child=_drop_all)


def holder_of(directory: Path) -> Holder | None:
    """Who sweeps in a directory; None when nobody does, or when that cannot be told. Changes nothing."""
    try:
        import fcntl  # not on Windows, where no sweep is written

        descriptor = _open(directory / LOCK, os.O_RDONLY)
    except (ImportError, ValueError):
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except BlockingIOError:
        return _read_record(descriptor) or Holder()
    except OSError:
        return None
    finally:
        os.close(descriptor)


def check_free(directory: Path) -> None:
    """Raise SweepRuns when another process sweeps in a directory; changes nothing, and holds nothing."""
    if holder := holder_of(directory):
        raise SweepRuns(holder, directory)


def _open(path: Path, flags: int) -> int:
    """Raises ValueError for a link or a special file, StoreFault for what the file system refuses."""
    try:
        descriptor = os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0), 0o644)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK, errno.EISDIR, errno.ENXIO):
            raise ValueError(
                f"{str(path)!r} is not a file that a sweep made; remove it, or give another --out"
            ) from None
        raise StoreFault(f"{str(path)!r} cannot be opened ({error.strerror})") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ValueError(f"{str(path)!r} is not a file that a sweep made; remove it, or give another --out")
    return descriptor


def _check_ours(descriptor: int, path: Path) -> None:
    """An earlier version wrote its process number, or nothing."""
    text = os.pread(descriptor, RECORD_BYTES + 1, 0).strip()
    if text and not text.isdigit() and not text.startswith(MARK):
        raise ValueError(f"{str(path)!r} is not a file that a sweep made; remove it, or give another --out")


def _lock_now(descriptor: int, path: Path) -> None:
    import fcntl

    for attempt in range(PROBES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if attempt < PROBES - 1:
                time.sleep(PROBE_SECONDS)
        except OSError as error:
            why = "has no locks" if error.errno in NO_LOCKS else f"gives no lock ({error.strerror})"
            raise StoreFault(
                f"the file system of {str(path.parent)!r} {why}, so that two processes could write one sweep; give an "
                f"--out on another"
            ) from None
    raise SweepRuns(_read_record(descriptor) or Holder(), path.parent)


def _same_file(descriptor: int, path: Path) -> bool:
    here = os.fstat(descriptor)
    try:
        there = os.stat(path, follow_symlinks=False)
    except OSError:
        return False
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)


def _write_record(descriptor: int, record: dict[str, object]) -> None:
    with contextlib.suppress(OSError):  # the lock holds without it
        text = json.dumps({"flopsfit-tui": record}).encode()
        os.pwrite(descriptor, text.ljust(RECORD_BYTES - 1) + b"\n", 0)


def _read_record(descriptor: int) -> Holder | None:
    """What the file says; None when it is not ours. An empty record is one that was let go of."""
    text = os.pread(descriptor, RECORD_BYTES, 0).strip()
    if text.isdigit():
        return Holder(int(text)) if len(text) < 12 else None
    try:
        record = json.loads(text)["flopsfit-tui"]
        return Holder(int(record.get("pid", 0)), str(record.get("host", "")), str(record.get("boot", "")))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _myself() -> Holder:
    boot, started = "", 0
    with contextlib.suppress(OSError, ValueError, IndexError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        started = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    return Holder(os.getpid(), socket.gethostname()[:200], boot, started)
