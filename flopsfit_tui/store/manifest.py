"""Which files of a directory are the sweep's: `sweep.files` lists each with the hash of what was written.

Only what is listed, and still as it was written, is ever replaced or deleted; all else is the user's. A hash is listed
before its file appears, so that a crash in between leaves no file that nobody owns.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from flopsfit_tui.core.store_errors import StoreFault
from flopsfit_tui.core.sweep_files import EXPORTED, MANIFEST

MARK = "flopsfit-tui"
PART = ".flopsfit-part"  # a file that is being written, hidden, beside its place
WAIT_SECONDS = 10.0  # for another process that writes files here
EXPORT_SECONDS = 120.0  # within which one export wrote all its files
FIRST_COLUMNS = b"trial,status,budget,size,"  # of a trials.csv

Owned = dict[str, list[str]]  # hashes by name; two while a file is being replaced


class ForeignFile(ValueError):
    """A file in the way that the sweep did not write."""


def owned_files(directory: Path) -> Owned:
    """Hashes by file name, as the manifest lists them; empty when there is none, or none that can be read."""
    try:
        found = json.loads(_read(directory / MANIFEST))
        files = found["files"] if found["by"] == MARK else {}
        return {str(name): [str(digest) for digest in digests] for name, digests in files.items() if _inside(name)}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def is_owned(directory: Path, name: str, owned: Owned) -> bool:
    """Whether a file is as the sweep wrote it; a link never is."""
    try:
        return hashlib.sha256(_read(directory / name)).hexdigest() in owned.get(name, ())
    except OSError:
        return False


def write_files(
    directory: Path, contents: Mapping[str, bytes], *, force: bool = False, skip_foreign: bool = False
) -> tuple[list[Path], list[str]]:
    """Write files whole and list them; the paths written, and the names of foreign files that were left as they are.

    Raises ForeignFile, before anything is written, for a file in the way that is not the sweep's, unless it is to be
    skipped or `force` replaces it. Raises StoreFault when the disk does not take them.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with _one_at_a_time(directory):
            owned = owned_files(directory)
            foreign = [] if force else [name for name in (*contents, MANIFEST) if not _is_free(directory, name, owned)]
            if MANIFEST in foreign or (foreign and not skip_foreign):
                raise ForeignFile(
                    f"{', '.join(foreign)} in {str(directory)!r} {'is' if len(foreign) == 1 else 'are'} not as this "
                    f"sweep wrote; move {'it' if len(foreign) == 1 else 'them'}, or replace with "
                    f"`flopsfit-tui export {directory} --force`"
                )
            wanted = {name: content for name, content in contents.items() if name not in foreign}
            digests = {name: hashlib.sha256(content).hexdigest() for name, content in wanted.items()}
            _save(directory, owned | {name: [*owned.get(name, ())[-1:], digest] for name, digest in digests.items()})
            paths = [write_whole(directory / name, content) for name, content in wanted.items()]
            _save(directory, owned | {name: [digest] for name, digest in digests.items()})
            return paths, foreign
    except OSError as error:
        raise StoreFault(f"{str(directory)!r} cannot be written ({error.strerror or error})") from None


def write_owned(directory: Path, name: str, content: bytes) -> None:
    """Write one file whole and list it. Raises as write_files does."""
    write_files(directory, {name: content})


def claim_exported(directory: Path) -> None:
    """List the files that a version without a manifest has exported: its trials.csv, and what was written with it."""
    with contextlib.suppress(OSError):
        if (directory / MANIFEST).exists() or not _read(directory / "trials.csv").startswith(FIRST_COLUMNS):
            return
        exported = (directory / "trials.csv").stat().st_mtime
        owned: Owned = {}
        for name in EXPORTED:
            with contextlib.suppress(OSError):
                if abs((directory / name).stat().st_mtime - exported) < EXPORT_SECONDS:
                    owned[name] = [hashlib.sha256(_read(directory / name)).hexdigest()]
        _save(directory, owned)


def delete_owned(directory: Path) -> None:
    """Delete every listed file that is as it was written, then the list. Raises OSError."""
    owned = owned_files(directory)
    for name in owned:
        if _parents_are_folders(directory, name):
            if is_owned(directory, name, owned):
                (directory / name).unlink()
            _part(directory / name).unlink(missing_ok=True)
    for folder in {Path(name).parent for name in owned} - {Path()}:
        with contextlib.suppress(OSError):  # not empty, or not there
            (directory / folder).rmdir()
    if owned:
        (directory / MANIFEST).unlink()
        _part(directory / MANIFEST).unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> Path:
    """Write a file beside its place and rename it there, on disk before this returns. Raises OSError."""
    path.parent.mkdir(exist_ok=True)
    beside = _part(path)
    beside.unlink(missing_ok=True)
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
    sync_directory(path.parent)
    return path


def sync_directory(directory: Path) -> None:
    """Make a rename last, where directories can be synced. Raises OSError."""
    if os.name != "posix":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path) -> bytes:
    """A regular file's bytes. Raises OSError for a link and for what is no file."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"{path} is no file")
        return file.read()


def _is_free(directory: Path, name: str, owned: Owned) -> bool:
    if not _parents_are_folders(directory, name):
        return not os.path.lexists((directory / name).parent)
    if not os.path.lexists(directory / name):
        return True
    return bool(owned) if name == MANIFEST else is_owned(directory, name, owned)


def _parents_are_folders(directory: Path, name: str) -> bool:
    parent = (directory / name).parent
    return parent == directory or (parent.is_dir() and not parent.is_symlink())


def _inside(name: str) -> bool:
    """Whether a name leads into the directory: a file of it, or of a folder of it."""
    parts = Path(name).parts
    return 1 <= len(parts) <= 2 and not Path(name).is_absolute() and ".." not in parts


def _save(directory: Path, owned: Owned) -> None:
    write_whole(directory / MANIFEST, json.dumps({"by": MARK, "files": owned}, indent=1, sort_keys=True).encode())


def _part(path: Path) -> Path:
    return path.with_name(f".{path.name}{PART}")


@contextlib.contextmanager
def _one_at_a_time(directory: Path) -> Iterator[None]:
    """Let one process at a time write files here, where directories can be locked; none waits for ever."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.02)
            except OSError:
                break
        yield
    finally:
        os.close(descriptor)


def listed(names: Iterable[str], most: int = 5) -> str:
    """Names in a sentence: the first few, and how many more."""
    names = sorted(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
