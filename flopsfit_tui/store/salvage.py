"""A new store with all that is intact in a damaged one, which is left as it is."""

from __future__ import annotations

import os
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flopsfit_tui.core.store_errors import StoreDamaged, StoreError, StoreFault
from flopsfit_tui.core.sweep_files import PLAN_COPY
from flopsfit_tui.core.trial import Plan
from flopsfit_tui.store.blocks import unpack
from flopsfit_tui.store.carve import carve
from flopsfit_tui.store.lock import Lock, holder_of
from flopsfit_tui.store.manifest import write_owned
from flopsfit_tui.store.reading import is_block, plan_copy_text, read_plan_copy
from flopsfit_tui.store.schema import FILE, SQLITE_ERRORS, TABLES, columns_of, explained, open_to_read, open_to_write
from flopsfit_tui.store.seals import OUTCOME_KINDS, seal
from flopsfit_tui.store.version1 import Contents

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Salvaged:
    """What was written, and where."""

    directory: Path
    text: str


@dataclass
class _Found:
    """Intact rows of every table, from wherever they came; of several versions of one, the last written."""

    plan: str = ""
    outcomes: dict[str, Row] = field(default_factory=dict)
    attempts: dict[int, Row] = field(default_factory=dict)
    notes: dict[int, Row] = field(default_factory=dict)
    history: dict[tuple[str, int], Row] = field(default_factory=dict)

    def take(self, table: str, row: Row) -> None:
        """Keep a row if its seal is right."""
        if table == "history":
            if is_block(row[1:]):
                key = row[1], row[2]
                if key not in self.history or row[3] >= self.history[key][3]:
                    self.history[key] = row
            return
        if row[-1] != seal(table, *row[:-1]):
            return
        if table == "plan":
            self.plan = self.plan or row[1]
        elif table == "outcomes":
            if row[0] not in self.outcomes or row[1] > self.outcomes[row[0]][1]:
                self.outcomes[row[0]] = row
        elif table in ("attempts", "notes"):
            rows = self.attempts if table == "attempts" else self.notes
            if row[0] not in rows or row[3] is not None:  # an attempt that has ended was written after its start
                rows[row[0]] = row

    def contents(self) -> Contents:
        """The rows in the order in which they were written; a trial's history up to its first gap."""
        found = Contents(self.plan)
        found.outcomes = {row[0]: row[2:-1] for row in sorted(self.outcomes.values(), key=lambda row: row[1])}
        found.attempts = [row[1:-1] for _, row in sorted(self.attempts.items())]
        found.notes = [row[1:-1] for _, row in sorted(self.notes.items())]
        blocks: dict[str, dict[int, bytes]] = defaultdict(dict)
        for (trial, part), row in self.history.items():
            blocks[trial][part] = row[4]
        for trial, parts in blocks.items():
            rows = [row for part in sorted(parts) for row in unpack(parts[part])]
            found.history[trial] = sorted({row.step: row for row in rows}.values(), key=lambda row: row.step)
        return found


def salvage_sweep(directory: Path, to: Path | None = None) -> Salvaged:
    """Write what is intact into `to`, by default a new directory beside the old.

    Raises ValueError where there is no sweep, while a process sweeps there, and where `to` exists; StoreDamaged when
    nothing can be salvaged; StoreFault when the disk does not give or take it.
    """
    if not (directory / FILE).is_file() and read_plan_copy(directory) is None:
        raise ValueError(f"{str(directory)!r} holds no sweep ({FILE} is missing)")
    if holder := holder_of(directory):
        raise ValueError(f"{holder.name} is sweeping in {str(directory)!r}; stop it first")
    to = to or _beside(directory)
    if to.exists() and (not to.is_dir() or os.listdir(to)):
        raise ValueError(f"{str(to)!r} is there already; give --to a new directory")
    found = _find(directory)
    if not found.plan:
        raise StoreDamaged(
            f"the plan in {str(directory)!r} is damaged, and so is its copy: without it {len(found.outcomes)} intact "
            f"outcomes cannot be told apart; nothing was written"
        )
    plan = Plan.from_json(found.plan)
    _write(to, found.contents(), found.plan)
    kept = len(found.outcomes.keys() & {trial.key for trial in plan.trials})
    return Salvaged(
        to,
        f"salvaged the plan, {kept} outcomes of {len(plan.trials)} trials and the history of "
        f"{len({trial for trial, _ in found.history})}; the same `flopsfit-tui run` with --out {to} trains the rest",
    )


def _beside(directory: Path) -> Path:
    whole = directory.absolute()
    names = (f"{whole.name}-salvaged{suffix}" for suffix in ("", *(f"-{i}" for i in range(2, 1000))))
    return next(whole.with_name(name) for name in names if not whole.with_name(name).exists())


def _find(directory: Path) -> _Found:
    found = _Found()
    intact, unread = False, None
    try:
        database = open_to_read(directory)
    except StoreFault:
        raise
    except StoreError as error:  # damaged; or of a newer version, unless only that number is damaged
        unread = error
    else:
        try:
            intact = _read_tables(database, found)
        finally:
            database.close()
    if not intact:
        try:
            for rowid, values in carve(directory / FILE):
                for table, row in _as_rows(rowid, values):
                    found.take(table, row)
        except OSError as error:
            raise StoreFault(f"{str(directory / FILE)!r} cannot be read ({error.strerror})") from None
    if unread is not None and not isinstance(unread, StoreDamaged) and not found.plan:
        raise unread
    found.plan = found.plan or read_plan_copy(directory) or ""
    return found


def _read_tables(database: sqlite3.Connection, found: _Found) -> bool:
    """Take what SQLite itself still reads; whether that is everything."""
    intact = True
    for table in TABLES:
        try:
            for row in database.execute(f"select {', '.join(columns_of(database, table))} from {table}"):
                found.take(table, row)
        except SQLITE_ERRORS:
            intact = False
    try:
        return intact and database.execute("pragma integrity_check(1)").fetchone()[0] == "ok"
    except SQLITE_ERRORS:
        return False


def _as_rows(rowid: int, values: Row) -> Iterator[tuple[str, Row]]:
    """Every table's row that a carved record may be: its columns are as many, and its seal will tell."""
    for table, columns in TABLES.items():
        if table == "outcomes" and len(values) in (len(columns) - 1, len(columns)):
            yield table, _outcome(values, len(columns))
        elif len(values) == len(columns):
            yield table, (rowid, *values[1:])


def _outcome(values: Row, columns: int) -> Row:
    """The row of a carved outcome, with its peak before its seal; one of version 2 has no peak.

    SQLite stores a real number that is whole as an integer; an outcome's columns say which are real.
    """
    *before, sealed, peak = values if len(values) == columns else (*values, None)
    trial, serial, *rest = (*before, peak)
    pairs = zip(rest, OUTCOME_KINDS, strict=True)
    rest = [float(value) if kind == "float" and isinstance(value, int) else value for value, kind in pairs]
    return trial, serial, *rest, sealed


def _write(to: Path, contents: Contents, plan: str) -> None:
    with explained(to):
        to.mkdir(parents=True, exist_ok=True)
    lock = Lock(to)
    try:
        database = open_to_write(to, contents)
        database.close()
        write_owned(to, PLAN_COPY, plan_copy_text(plan).encode())
    except StoreError as error:
        raise StoreFault(str(error)) from None
    finally:
        lock.release()
