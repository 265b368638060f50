"""The tables of `sweep.db`, their version, and opening one to read or to write."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from flopsfit_tui.core.store_errors import StoreDamaged, StoreError, StoreFault
from flopsfit_tui.core.sweep_files import DATABASE
from flopsfit_tui.store.manifest import claim_exported
from flopsfit_tui.store.seals import OUTCOME_COLUMNS
from flopsfit_tui.store.version1 import Contents, contents_of_version1

FILE = DATABASE
VERSION = 3  # 2 had no peak_flops; its rows are sealed as ones of which that is not known
APPLICATION_ID = 0x464C4F50  # "FLOP": tells a sweep.db from anybody else's SQLite file
BUSY_SECONDS = 30
TABLES = {  # columns in order; the last is the seal over all before it, unless said otherwise
    "plan": ("id", "json", "seal"),
    "outcomes": ("trial", "serial", *OUTCOME_COLUMNS, "seal"),
    "totals": ("id", "outcomes", "digest", "seal"),  # sealed without its id
    "attempts": ("id", "trial", "started", "ended", "status", "worker", "seal"),
    "history": ("id", "trial", "part", "last", "rows", "seal"),  # sealed without its id, by blocks.block_seal
    "notes": ("id", "time", "level", "message", "seal"),
}
INSERT = {
    table: f"insert or replace into {table} ({', '.join(names)}) values ({', '.join('?' * len(names))})"
    for table, names in TABLES.items()
}
_SCHEMA = (
    "create table plan (id integer primary key check (id = 1), json text not null, seal blob)",
    "create table outcomes (trial text primary key, serial integer, status text, steps integer, samples integer, "
    "tokens integer, flops real, loss real, train_loss real, first_loss real, seconds real, device text, error text, "
    "seal blob, peak_flops real)",  # last, where it also is in a store that was of version 2
    "create table totals (id integer primary key check (id = 1), outcomes integer, digest blob, seal blob)",
    "create table attempts (id integer primary key, trial text, started real, ended real, status text, worker text, "
    "seal blob)",
    "create index attempts_by_trial on attempts (trial)",
    "create table history (id integer primary key, trial text, part integer, last integer, rows blob, seal blob, "
    "unique (trial, part))",
    "create table notes (id integer primary key, time real, level text, message text, seal blob)",
)
SQLITE_ERRORS = (sqlite3.Error, UnicodeDecodeError)  # a message that quotes damaged text cannot be decoded
MAGIC = b"SQLite format 3\0"
_LOG_HEADS = {  # the first bytes of SQLite's own; an empty file and one of zeros is one that was just begun
    "-wal": (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83", bytes(4)),
    "-shm": (b"\x18\xe2\x2d\x00", b"\x00\x2d\xe2\x18", bytes(4)),
    "-journal": (b"\xd9\xd5\x05\xf9", bytes(4)),
}
LOCAL = {"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "tmpfs", "overlay", "ramfs", "bcachefs", "jfs"}


def is_our_file(path: Path) -> bool:
    """Whether a regular file is a sweep's database, of this version or of one before."""
    try:
        if path.is_symlink():
            return False
        with path.open("rb") as file:
            head = file.read(100)
        if len(head) < 100 or not head.startswith(MAGIC):
            return False
        if int.from_bytes(head[68:72]) == APPLICATION_ID:
            return True
        with contextlib.closing(_connect(f"{path.resolve().as_uri()}?mode=ro")) as database:
            return version_of(database) == 1
    except (OSError, StoreError, *SQLITE_ERRORS):
        return False


def check_nothing_foreign(directory: Path) -> None:
    """Raise ValueError for a link where the database will be, and for what is no log of SQLite's in a log's place.

    SQLite itself would follow the one, and write over the other.
    """
    for suffix, heads in {"": (), **_LOG_HEADS}.items():
        path = directory / f"{FILE}{suffix}"
        try:
            with open(
                os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)), "rb"
            ) as file:
                head = file.read(4)
        except FileNotFoundError:
            continue
        except OSError:  # a link, a folder, or what this user may not read
            head = b"?"
        if (suffix or head == b"?") and head and head not in heads:
            raise ValueError(f"{str(path)!r} is not a file that a sweep made; remove it, or give another --out")


def _check_head(path: Path) -> None:
    """Raise DatabaseError for what is no database, before SQLite looks at it and deletes what it takes for its logs."""
    with path.open("rb") as file:
        head = file.read(len(MAGIC))
    if head and head != MAGIC:
        raise sqlite3.DatabaseError("it is no SQLite database")


def create_tables(database: sqlite3.Connection) -> None:
    """Make the tables of this version, within the transaction that is open."""
    for statement in _SCHEMA:
        database.execute(statement)
    database.execute(f"pragma user_version = {VERSION}")
    database.execute(f"pragma application_id = {APPLICATION_ID}")


def _add_peaks(database: sqlite3.Connection) -> None:
    """Bring a store of version 2 to version 3."""
    database.execute("begin immediate")
    if "null" in columns_of(database, "outcomes"):
        database.execute("alter table outcomes add column peak_flops real")
    database.execute(f"pragma user_version = {VERSION}")
    database.execute("commit")


def columns_of(database: sqlite3.Connection, table: str) -> tuple[str, ...]:
    """What to select of a table, as TABLES has it; null for a column that its version has not."""
    if table != "outcomes":
        return TABLES[table]
    there = {column[1] for column in database.execute("pragma table_info(outcomes)")}
    return tuple(name if name in there or name != "peak_flops" else "null" for name in TABLES[table])


def version_of(database: sqlite3.Connection) -> int:
    """0 for a file that has no tables yet. Raises StoreError for a newer version and for what is no sweep."""
    tables = {name for (name,) in database.execute("select name from sqlite_master where type = 'table'")}
    if not tables:
        return 0
    if not {"plan", "outcomes"} <= tables:
        raise StoreDamaged(f"it is no sweep's {FILE}: it has the tables {', '.join(sorted(map(ascii, tables)))[:200]}")
    sealed = any(column[1] == "seal" for column in database.execute("pragma table_info(outcomes)"))
    (version,) = database.execute("pragma user_version").fetchone()
    if version > VERSION:
        raise StoreError(
            f"it was written by a newer flopsfit-tui (store version {version}; this one knows up to {VERSION}); update "
            f"flopsfit-tui"
        )
    return max(2, version) if sealed else 1


def open_to_read(directory: Path) -> sqlite3.Connection:
    """A connection that changes nothing. A store of an earlier version is read into memory as one of this version.

    Raises ValueError where there is no sweep, StoreError for one that cannot be read.
    """
    path = directory / FILE
    if not path.is_file():
        raise ValueError(f"{str(directory)!r} holds no sweep ({FILE} is missing); `flopsfit-tui list` shows the sweeps")
    with explained(directory):
        _check_head(path)
        try:
            return _open_to_read(path, "mode=ro")
        except sqlite3.OperationalError as error:
            wal = Path(f"{path}-wal")
            left = wal.is_file() and wal.stat().st_size
            if error.sqlite_errorname.startswith("SQLITE_CANTOPEN") and not left:
                return _open_to_read(path, "immutable=1")  # a directory in which SQLite can make no file beside it
            raise


def _open_to_read(path: Path, how: str) -> sqlite3.Connection:
    database = _connect(f"{path.resolve().as_uri()}?{how}")
    try:
        if version_of(database) != 1:
            return database
        memory = _connect(":memory:")
        memory.execute("begin")
        create_tables(memory)
        contents_of_version1(database).write(memory)
        memory.execute("commit")
    except BaseException:
        database.close()
        raise
    database.close()
    return memory


def open_to_write(directory: Path, fill: Contents | None = None, *, new: bool = True) -> sqlite3.Connection:
    """A connection for the one writer, which holds the lock. Makes the tables, or brings them to this version.

    `fill` is what a new store holds from the first; without `new`, a file that holds nothing is a damaged one.

    Raises StoreError for a file that cannot be used.
    """
    with explained(directory):
        if (directory / FILE).exists():
            _check_head(directory / FILE)
        database = _connect(f"{(directory / FILE).resolve().as_uri()}?mode=rwc")
        try:
            if (found := database.execute("pragma integrity_check(1)").fetchone()[0]) != "ok":
                raise sqlite3.DatabaseError(found)
            version = version_of(database)
            if version == 0 and not new:
                raise sqlite3.DatabaseError("it is empty")
            database.execute(f"pragma journal_mode = {'wal' if _is_local(directory) else 'delete'}")
            database.execute("pragma synchronous = full")
            database.execute("pragma secure_delete = on")  # what was deleted is not salvaged by mistake
            if version == VERSION:
                return database
            if version == 2:
                _add_peaks(database)
                return database
            before = contents_of_version1(database) if version == 1 else fill
            if version == 1:
                claim_exported(directory)
            database.execute("begin immediate")  # a reader sees all tables or none
            if version == 1:
                for table in ("plan", "outcomes", "attempts", "history", "notes"):
                    database.execute(f"drop table if exists {table}")
            create_tables(database)
            if before:
                before.write(database)
            database.execute("commit")
        except BaseException:
            with contextlib.suppress(*SQLITE_ERRORS):
                database.close()
            raise
        return database


def close_writer(database: sqlite3.Connection) -> None:
    """Bring the log back into the one file where no reader is in the way; then it can be read and copied anywhere."""
    with contextlib.suppress(*SQLITE_ERRORS):
        database.execute("pragma busy_timeout = 0")
        database.execute("pragma wal_checkpoint(truncate)").fetchall()
        database.execute("pragma journal_mode = delete").fetchall()
    with contextlib.suppress(*SQLITE_ERRORS):
        database.close()


def _connect(uri: str) -> sqlite3.Connection:
    database = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, check_same_thread=False, isolation_level=None)
    database.text_factory = lambda text: text.decode(errors="surrogateescape")  # a damaged text is no exception
    database.execute("pragma trusted_schema = off")  # reading a stranger's file runs nothing that lies in it
    return database


@contextlib.contextmanager
def explained(directory: Path) -> Iterator[None]:
    """Turn what SQLite and the file system say into StoreDamaged and StoreFault, each a sentence."""
    try:
        yield
    except StoreError as error:
        if str(directory) in str(error):
            raise
        raise type(error)(f"{str(directory / FILE)!r}: {error}") from None
    except SQLITE_ERRORS as error:
        raise explain(error, directory) from None
    except OSError as error:
        raise StoreFault(f"{str(directory)!r}: {error.strerror or error}") from None


def explain(error: Exception, directory: Path) -> StoreError:
    """An error of SQLite's in a sentence."""
    name, where = getattr(error, "sqlite_errorname", ""), str(directory / FILE)
    if name.startswith("SQLITE_FULL"):
        return StoreFault(f"{where!r}: no space left on the disk")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StoreFault(f"{where!r}: another program holds it locked")
    if name.startswith("SQLITE_READONLY"):
        return StoreFault(f"{where!r}: it cannot be written (read-only)")
    if name.startswith("SQLITE_CANTOPEN"):
        return StoreFault(f"{where!r}: its files cannot be opened or made")
    if name.startswith(("SQLITE_IOERR", "SQLITE_PROTOCOL", "SQLITE_NOMEM")):
        return StoreFault(f"{where!r}: the disk does not read or write ({name})")
    what = " ".join(str(error).replace(where, FILE).split())[:200]
    return StoreDamaged(
        f"{where!r} is damaged ({what}); `flopsfit-tui check {directory}` says what, and `flopsfit-tui salvage "
        f"{directory}` writes a new directory with all that is intact"
    )


def _is_local(directory: Path) -> bool:
    """Whether the file system is known to have the shared memory that SQLite's write-ahead log needs; Linux only."""
    try:
        device = os.stat(directory).st_dev
        for line in Path("/proc/self/mountinfo").read_text(errors="replace").splitlines():
            mount, _, kind = line.partition(" - ")
            if mount.split()[2] == f"{os.major(device)}:{os.minor(device)}":
                return kind.split()[0] in LOCAL
        return False
    except (OSError, IndexError):
        return False
