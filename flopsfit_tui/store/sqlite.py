"""The store on disk: one SQLite file, one writer.

What is recorded becomes statements, which wait in memory until a commit has taken them: outcomes at once, progress at
most twice a second, since a commit waits for the disk. A commit that fails loses none of them; `retry` writes them when
the disk takes them again. The write-ahead log lets readers and the writer pass each other where the file system is
known to allow it; elsewhere (network file systems) the journal is SQLite's default.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flopsfit_tui.core.events import (
    CommandDone,
    Event,
    Note,
    PlanChanged,
    TrialEnded,
    TrialProgress,
    TrialRequeued,
    TrialStarted,
)
from flopsfit_tui.core.store_errors import StoreError, StoreFault
from flopsfit_tui.core.sweep_files import DATABASE, PLAN_COPY
from flopsfit_tui.core.trial import Plan, keep_unknown
from flopsfit_tui.store.base import HistoryRow, Thinning, check_same_workload
from flopsfit_tui.store.event_rows import EVENT_LEVEL, event_to_json
from flopsfit_tui.store.history_writer import HistoryWriter, Statement
from flopsfit_tui.store.lock import Lock
from flopsfit_tui.store.manifest import write_owned
from flopsfit_tui.store.reading import ENDED, StoreReading, is_block, plan_copy_text, read_plan_copy
from flopsfit_tui.store.schema import (
    INSERT,
    SQLITE_ERRORS,
    TABLES,
    check_nothing_foreign,
    close_writer,
    explained,
    open_to_read,
    open_to_write,
)
from flopsfit_tui.store.seals import Totals, outcome_row, plain, seal
from flopsfit_tui.store.writable import make_directory

FILE = DATABASE
COMMIT_SECONDS = 0.5


class SqliteStore(StoreReading):
    """A sweep's `sweep.db`. Opening to write takes the directory; a second writer is refused.

    Raises ValueError with one clear sentence when the directory cannot be made or written, when another process sweeps
    in it, or (to read) when there is no sweep; StoreDamaged and StoreFault for a store that cannot be used.
    """

    def __init__(self, directory: Path, read_only: bool = False) -> None:
        super().__init__()
        self.directory = directory
        self._read_only = read_only
        self._thinning: Thinning | None = None
        self._committed = 0.0
        self._lock: Lock | None = None
        self._pending: list[Statement] = []  # in order; nothing of them is on disk
        self._plan = ""  # as last taken up
        self._copy = ""  # the same while its second copy is not on disk
        self._fault = ""  # why the disk took nothing last time; until `retry` nothing else is tried
        self._history = HistoryWriter(self._parts_stored)
        self._seals = Totals({})
        self._serial = self._attempt = self._note = 0  # the numbers given last
        self._running: dict[str, tuple[int, float, str]] = {}  # by trial key: its attempt's number, start and worker
        self._last = dict(self._running)  # the same of the last attempt of every trial
        self._mended: list[str] = []  # what was damaged when the plan was begun
        if read_only:
            self.database = open_to_read(directory)
            return
        make_directory(directory)
        check_nothing_foreign(directory)
        self._lock = Lock(directory)
        try:
            emptied = (directory / FILE).exists() and read_plan_copy(directory) is not None
            self.database = open_to_write(directory, new=not emptied)
            self._place = _identity(directory / FILE)
        except BaseException:
            self._lock.release()
            raise

    def begin(self, plan: Plan) -> None:
        """Take up a plan; whatever ran when the last process died is closed as returned."""
        before = self.plan()
        check_same_workload(before, plan)
        self._mended = self._remove_damaged()
        self._thinning = Thinning(plan)
        rows = self._outcome_rows()
        self._seals = Totals({row[0]: row[-1] for row in rows})
        self._serial = max((row[1] for row in rows), default=0)
        attempts = self._sealed("attempts")
        self._attempt = max((row[0] for row in attempts), default=0)
        self._note = max((row[0] for row in self._sealed("notes")), default=0)
        for number, trial, started, ended, status, worker in attempts:
            if status == "running" or (status in ENDED and trial not in self._seals):
                self._change_attempt(trial, (number, started, worker), ended, "returned")
            self._last[trial] = (number, started, worker)
        self._take_plan(plan)
        self._flush()

    def damage(self, everything: bool = False) -> list[str]:
        """What is damaged, as StoreReading has it; for the writer, what was so when it took up the plan."""
        return list(self._mended) if self._mended else super().damage(everything)

    def record(self, *events: Event) -> None:
        """Keep what events say, in one transaction; the end of a trial is on disk when this returns.

        Raises StoreFault when the disk does not take it: then it is kept in memory, and `retry` writes it.
        """
        at_once = [self._record(event) for event in events]
        if any(at_once):
            self._flush()

    def _record(self, event: Event) -> bool:
        """Put what an event says to what waits to be written; whether it is to be on disk at once."""
        match event:
            case TrialStarted(key, worker):
                assert self._thinning is not None
                self._thinning.start(key, self._rows_stored(key) if key in self._last else ())
                self._pending.append(self._history.clear(key))
                self._drop_outcome(key)
                self._attempt += 1
                started = time.time()
                self._running[key] = self._last[key] = (self._attempt, started, worker)
                self._insert("attempts", (self._attempt, key, started, None, "running", plain(worker)))
            case TrialProgress():
                self._progress(event)
                return time.monotonic() - self._committed > COMMIT_SECONDS
            case TrialEnded(key, outcome):
                assert self._thinning is not None
                self._thinning.put_back(key)
                self._pending += self._history.end(key)
                self._serial += 1
                row = (key, self._serial, *outcome_row(outcome))
                self._seals.put(key, self._insert("outcomes", row))
                self._end(key, outcome.status)
            case TrialRequeued(key):
                assert self._thinning is not None
                for history_row in self._thinning.put_back(key):
                    self._pending += self._history.append(key, history_row)
                if key in self._seals and key in self._last:
                    self._change_attempt(key, self._last[key], time.time(), "returned")
                self._drop_outcome(key)
                self._end(key, "returned")
            case PlanChanged(plan):
                assert self._thinning is not None
                self._thinning.extend(plan)
                self._take_plan(plan)
            case Note(level, message):
                self._say(level, message)
            case _ if text := event_to_json(event):
                self._say(EVENT_LEVEL, text)
                return not isinstance(event, CommandDone)  # whose effect, which comes next, is committed with it
            case _:
                return False
        return True

    def retry(self) -> None:
        """Write what the disk did not take. Raises StoreFault when it still does not."""
        self._fault = ""
        try:
            self._open_again()
        except StoreError as error:
            self._fault = str(error)
            raise StoreFault(self._fault) from None
        self._flush()

    def _open_again(self) -> None:
        """A new connection, since after an error the old one may hold stale pages; a new file where it is gone."""
        path = self.directory / FILE
        if not path.exists() and self.directory.is_dir():
            self._move_to(path)
        self._check_place()
        database = open_to_write(self.directory)
        with contextlib.suppress(*SQLITE_ERRORS):
            self.database.close()
        self.database = database

    def close(self) -> str:
        """Write what is buffered and let the directory go; what went wrong with it, empty when nothing did."""
        problem = ""
        if self._read_only:
            self.database.close()
            return problem
        try:
            if self._fault:
                self.retry()
            self._flush()
        except StoreError as fault:
            lost = sum(statement.startswith("insert or replace into outcomes") for statement, _ in self._pending)
            problem = f"{fault}; {lost} outcomes are not kept" if lost else str(fault)
        close_writer(self.database)
        if self._lock is not None:
            self._lock.release()
            self._lock = None
        return problem

    def _settle(self) -> None:
        """The writer reads what it has recorded, also what waits to be written."""
        if not self._read_only and self._thinning is not None:
            self._flush()

    # ---- what waits to be written ----

    def _progress(self, event: TrialProgress) -> None:
        assert self._thinning is not None
        if self._thinning.begins_anew(event):
            self._pending.append(self._history.clear(event.key))
        rows = self._thinning.put_back(event.key, event.step)
        if self._thinning.keeps(event):
            rows.append(HistoryRow(event.step, event.tokens, event.flops, event.loss, event.seconds))
        for row in rows:
            self._pending += self._history.append(event.key, row)

    def _take_plan(self, plan: Plan) -> None:
        text = plain(keep_unknown(plan.to_json(), self.plan_text()))
        self._insert("plan", (1, text))
        self._plan = self._copy = text

    def _drop_outcome(self, key: str) -> None:
        self._seals.drop(key)
        self._pending.append(("delete from outcomes where trial = ?", (key,)))

    def _say(self, level: str, message: str) -> None:
        self._note += 1
        self._insert("notes", (self._note, time.time(), level, plain(message)))

    def _end(self, key: str, status: str) -> None:
        if key in self._running:
            self._change_attempt(key, self._running.pop(key), time.time(), status)

    def _change_attempt(self, key: str, start: tuple[int, float, str], ended: float | None, status: str) -> None:
        number, started, worker = start
        self._insert("attempts", (number, key, started, ended, status, plain(worker)))

    def _insert(self, table: str, row: tuple[Any, ...]) -> bytes:
        sealed = seal(table, *row)
        self._pending.append((INSERT[table], (*row, sealed)))
        return sealed

    # ---- the disk ----

    def _flush(self) -> None:
        """Commit everything, or raise StoreFault and keep it."""
        if self._fault:
            raise StoreFault(self._fault)
        try:
            self._commit()
        except StoreFault as fault:
            self._fault = str(fault)
            raise

    def _commit(self) -> None:
        statements = [*self._pending, *self._history.statements()]
        self._committed = time.monotonic()
        if statements:
            self._check_place()
            totals = ("insert or replace into totals values (1, ?, ?, ?)", self._seals.row())
            with explained_as_fault(self.directory), _transaction(self.database) as database:
                for statement, values in [*statements, totals]:
                    database.execute(statement, values)
            self._pending.clear()
            self._history.written()
        if self._copy:
            write_owned(self.directory, PLAN_COPY, plan_copy_text(self._copy).encode())
            self._copy = ""

    def _check_place(self) -> None:
        """Raises StoreFault when the path no longer leads to the file that is written."""
        if _identity(self.directory / FILE) != self._place:
            raise StoreFault(
                f"{str(self.directory / FILE)!r} was removed or replaced; put it back, or make the directory again "
                f"where it is gone: then all that is known is written there"
            )
        assert self._lock is not None
        try:
            self._lock.renew()
        except ValueError as error:
            raise StoreFault(str(error)) from None  # another process sweeps here by now

    def _move_to(self, path: Path) -> None:
        """Write everything that the removed file holds, which is still open, to a new one in its place."""
        assert self._lock is not None
        with explained_as_fault(self.directory):
            self._lock.renew()
            beside = path.with_name(f"{FILE}.new")
            beside.unlink(missing_ok=True)
            with contextlib.closing(sqlite3.connect(beside)) as new:
                self.database.backup(new)
            os.rename(beside, path)
        self._place = _identity(path)
        self._copy = self._plan

    def _rows_stored(self, trial: str) -> list[HistoryRow]:
        """What is on disk of a trial's history; nothing where the disk does not give it."""
        with contextlib.suppress(StoreError):
            return self.history_after(trial, 0)
        return []

    def _parts_stored(self, trial: str) -> int:
        with explained_as_fault(self.directory):
            query = "select coalesce(max(part), -1) + 1 from history where trial = ?"
            return int(self.database.execute(query, (trial,)).fetchone()[0])

    def _remove_damaged(self) -> list[str]:
        """Take damaged rows out, after a copy of the store was put aside; what was damaged, a sentence each."""
        bad: list[Statement] = []
        for table in ("outcomes", "attempts", "notes", "history"):
            with explained(self.directory):
                rows = self.database.execute(f"select rowid, {', '.join(TABLES[table])} from {table}").fetchall()
            for number, *row in rows:
                if not (is_block(row[1:]) if table == "history" else row[-1] == seal(table, *row[:-1])):
                    bad.append((f"delete from {table} where rowid = ?", (number,)))
        said = super().damage()
        if not said and not bad:
            return []
        copy = self.directory / time.strftime("sweep-%Y%m%d-%H%M%S.db")
        with explained_as_fault(self.directory):
            self.database.execute("vacuum into ?", (str(copy),))
        self._flush_removal(bad)
        return [f"{sentence}; the store as it was is kept as {copy.name}" for sentence in said]

    def _flush_removal(self, bad: list[Statement]) -> None:
        with explained_as_fault(self.directory), _transaction(self.database) as database:
            for statement, values in bad:
                database.execute(statement, values)
            seals = dict(database.execute("select trial, seal from outcomes"))
            database.execute("insert or replace into totals values (1, ?, ?, ?)", Totals(seals).row())


@contextlib.contextmanager
def _transaction(database: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All or nothing; a reader sees either."""
    database.execute("begin immediate")
    try:
        yield database
        database.execute("commit")
    except BaseException:
        with contextlib.suppress(*SQLITE_ERRORS):
            if database.in_transaction:
                database.execute("rollback")
        raise


@contextlib.contextmanager
def explained_as_fault(directory: Path) -> Iterator[None]:
    """What keeps the disk from being written is a fault, whatever it is: the sweep keeps its results and waits."""
    try:
        with explained(directory):
            yield
    except StoreFault:
        raise
    except ValueError as error:
        raise StoreFault(str(error)) from None


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def archive_sweep(directory: Path) -> Path | None:
    """Rename a directory's sweep.db, for a fresh start that loses nothing; its new path, None when there is none.

    Raises ValueError when another process sweeps there, StoreFault when it cannot be renamed.
    """
    old = directory / FILE
    if not old.exists():
        return None
    lock = Lock(directory)
    try:
        close_writer(sqlite3.connect(old))  # bring its log into it
        with explained(directory):
            stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(old.stat().st_mtime))
            new = directory / f"sweep-{stamp}.db"
            if new.exists():
                raise StoreFault(f"{str(new)!r} is there already; rename it")
            old.rename(new)
            for suffix in ("-wal", "-shm", "-journal"):  # of one that could not be opened
                with contextlib.suppress(FileNotFoundError):
                    os.rename(f"{old}{suffix}", f"{new}{suffix}")
            if read_plan_copy(directory) is not None:
                os.rename(directory / PLAN_COPY, new.with_suffix(Path(PLAN_COPY).suffix))
        return new
    finally:
        lock.release()
