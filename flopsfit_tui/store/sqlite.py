"""The store on disk: one SQLite file, one writer.

The journal is SQLite's default, not the write-ahead log, which does not work on network file systems. Outcomes are
committed at once; progress at most twice a second, since a commit waits for the disk.
"""

from __future__ import annotations

import fcntl
import math
import os
import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

from flopsfit_tui.core.curve import OCTAVES, Curve
from flopsfit_tui.core.events import (
    Event,
    Level,
    Note,
    PlanChanged,
    TrialEnded,
    TrialProgress,
    TrialReturned,
    TrialStarted,
)
from flopsfit_tui.core.state import CURVE_POINTS
from flopsfit_tui.core.trial import Outcome, Plan
from flopsfit_tui.store.base import Attempt, HistoryRow, Thinning, check_same_workload

FILE = "sweep.db"
VERSION = 1
COMMIT_SECONDS = 0.5

_SCHEMA = """
create table if not exists plan (id integer primary key check (id = 1), json text not null);
create table if not exists outcomes (
    trial text primary key, status text not null, steps integer, samples integer, tokens integer, flops real, loss real,
    train_loss real, first_loss real, seconds real, device text, error text);
create table if not exists attempts (
    id integer primary key, trial text not null, started real not null, ended real, status text not null, worker text);
create index if not exists attempts_by_trial on attempts (trial);
create table if not exists history (
    trial text not null, step integer not null, tokens integer, flops real, loss real, seconds real,
    primary key (trial, step)) without rowid;
create table if not exists notes (time real not null, level text not null, message text not null);
"""
_OUTCOME = [
    "status", "steps", "samples", "tokens", "flops", "loss", "train_loss", "first_loss", "seconds", "device", "error",
]  # fmt: skip


def _thinned_query(points: int) -> str:
    """What Curve.thinned does: means over parts of octaves of a trial's steps."""
    parts = points // OCTAVES
    octaves = " ".join(
        f"when share >= {2.0**-i} then {(OCTAVES - i) * parts} + cast((share * {2**i} - 1) * {parts} as integer)"
        for i in range(1, OCTAVES + 1)
    )
    return f"""
    select avg(step), avg(loss) from (select step, loss, step * 1.0 / ? as share from history where trial = ?)
    group by case when share >= 1 then {OCTAVES * parts - 1} {octaves} else 0 end order by 1"""


_THINNED = _thinned_query(CURVE_POINTS)


class SqliteStore:
    """A sweep's `sweep.db`. Opening to write takes the directory; a second writer is refused.

    Raises ValueError with one clear sentence when the directory cannot be made or written, when another process sweeps
    in it, or (to read) when there is no sweep.
    """

    def __init__(self, directory: Path, read_only: bool = False) -> None:
        self.directory = directory
        self._read_only = read_only
        self._thinning: Thinning | None = None
        self._committed = 0.0
        self._lock: int | None = None
        if read_only:
            self._database = _open_to_read(directory)
        else:
            _make_directory(directory)
            self._lock = _take(directory)
            self._database = sqlite3.connect(directory / FILE, timeout=30, check_same_thread=False)
            self._database.executescript(f"begin immediate; {_SCHEMA} commit;")  # a reader sees all tables or none
            self._database.execute(f"pragma user_version = {VERSION}")

    def begin(self, plan: Plan) -> None:
        """Take up a plan; whatever ran when the last process died is closed as returned."""
        check_same_workload(self.plan(), plan)
        self._thinning = Thinning(plan)
        with self._database as database:
            database.execute("insert or replace into plan values (1, ?)", (plan.to_json(),))
            database.execute("update attempts set status = 'returned' where status = 'running'")

    def plan(self) -> Plan | None:
        """The plan last begun."""
        text = self.plan_text()
        return _read_plan(text) if text else None

    def outcomes(self) -> Mapping[str, Outcome]:
        """What has ended, of the trials of the plan."""
        plan = self.plan()
        keys = {t.key for t in plan.trials} if plan else set()
        rows = self._database.execute(f"select trial, {', '.join(_OUTCOME)} from outcomes").fetchall()
        return {row[0]: _outcome(row[1:]) for row in rows if row[0] in keys}

    def history(self) -> Mapping[str, list[HistoryRow]]:
        """Training losses by trial key."""
        found: dict[str, list[HistoryRow]] = defaultdict(list)
        query = "select trial, step, tokens, flops, loss, seconds from history order by trial, step"
        for trial, *row in self._database.execute(query):
            found[trial].append(HistoryRow(*row))
        return dict(found)

    def history_after(self, trial: str, step: int) -> list[HistoryRow]:
        """What a trial's history has gained since a step: for whoever follows a sweep."""
        query = "select step, tokens, flops, loss, seconds from history where trial = ? and step > ? order by step"
        return [HistoryRow(*row) for row in self._database.execute(query, (trial, step))]

    def curves(self) -> Iterator[tuple[str, Curve]]:
        """The loss of each trial of the plan that has one, thinned for the eye, the largest budgets first.

        SQLite takes the means, so that a million rows neither pass through Python nor hold up its other threads.
        """
        plan, execute = self.plan(), self._database.execute
        for trial in sorted(plan.trials if plan else (), key=lambda t: -t.budget):
            (count,) = execute("select count(*) from history where trial = ?", (trial.key,)).fetchone()
            if count > CURVE_POINTS:
                pairs = execute(_THINNED, (trial.steps, trial.key)).fetchall()
            else:
                pairs = execute("select step, loss from history where trial = ? order by step", (trial.key,)).fetchall()
            if pairs:
                yield trial.key, Curve((round(step), math.nan if loss is None else loss) for step, loss in pairs)

    def attempts(self) -> list[Attempt]:
        """Every start of a trial, oldest first."""
        query = "select trial, started, ended, status, worker from attempts order by id"
        return [Attempt(*row) for row in self._database.execute(query)]

    def notes(self) -> list[tuple[float, Level, str]]:
        """What a person should have read, as (seconds since the epoch, level, message), oldest first."""
        return [(at, level, text) for at, level, text in self._database.execute("select * from notes order by time")]

    def skipped(self) -> set[str]:
        """The keys of the trials that a person skipped."""
        return {key for (key,) in self._database.execute("select trial from outcomes where status = 'skipped'")}

    def plan_text(self) -> str:
        """What changes when the plan does; empty while there is none."""
        if not self._database.execute("select 1 from sqlite_master where name = 'plan'").fetchone():
            return ""  # the file is just being made
        row = self._database.execute("select json from plan").fetchone()
        return row[0] if row else ""

    def record(self, event: Event) -> None:
        """Keep what an event says; the end of a trial is on disk when this returns."""
        execute = self._database.execute
        match event:
            case TrialStarted(key, worker):
                assert self._thinning is not None
                self._thinning.start(key)
                execute("delete from history where trial = ?", (key,))
                execute("delete from outcomes where trial = ?", (key,))
                execute("insert into attempts values (null, ?, ?, null, 'running', ?)", (key, time.time(), worker))
                self._commit()
            case TrialProgress(key=key):
                assert self._thinning is not None
                if self._thinning.begins_anew(event):
                    execute("delete from history where trial = ?", (key,))
                if self._thinning.keeps(event):
                    row = (key, event.step, event.tokens, event.flops, event.loss, event.seconds)
                    execute("insert or replace into history values (?, ?, ?, ?, ?, ?)", row)
                if time.monotonic() - self._committed > COMMIT_SECONDS:
                    self._commit()
            case TrialEnded(key, outcome):
                values = [key, *(asdict(outcome)[name] for name in _OUTCOME)]
                execute(f"insert or replace into outcomes values ({', '.join('?' * len(values))})", values)
                self._end(key, outcome.status)
            case TrialReturned(key):
                execute("delete from outcomes where trial = ?", (key,))
                self._end(key, "returned")
            case PlanChanged(plan):
                assert self._thinning is not None
                self._thinning.extend(plan)
                execute("insert or replace into plan values (1, ?)", (plan.to_json(),))
                self._commit()
            case Note(level, message):
                execute("insert into notes values (?, ?, ?)", (time.time(), level, message))
                self._commit()

    def _end(self, key: str, status: str) -> None:
        self._database.execute(
            "update attempts set ended = ?, status = ? where trial = ? and status = 'running'",
            (time.time(), status, key),
        )
        self._commit()

    def _commit(self) -> None:
        self._database.commit()
        self._committed = time.monotonic()

    def close(self) -> None:
        """Write what is buffered and let the directory go."""
        if not self._read_only:
            self._database.commit()
        self._database.close()
        if self._lock is not None:
            os.ftruncate(self._lock, 0)  # nobody sweeps here any more
            os.close(self._lock)
            self._lock = None


@lru_cache(maxsize=2)
def _read_plan(text: str) -> Plan:
    """A plan of thousands of trials takes a while to read, and is asked for again and again."""
    return Plan.from_json(text)


def _outcome(values: Sequence[Any]) -> Outcome:
    nan = float("nan")  # SQLite stores it as null
    known: dict[str, Any] = {name: nan if x is None else x for name, x in zip(_OUTCOME, values, strict=True)}
    return Outcome(**known)


def _open_to_read(directory: Path) -> sqlite3.Connection:
    if not (directory / FILE).is_file():
        raise ValueError(f"{str(directory)!r} holds no sweep ({FILE} is missing); `flopsfit-tui list` shows the sweeps")
    return sqlite3.connect(
        f"{(directory / FILE).resolve().as_uri()}?mode=ro", uri=True, timeout=30, check_same_thread=False
    )


def _make_directory(directory: Path) -> None:
    check_directory(directory)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            f"the output directory {str(directory)!r} cannot be made ({error.strerror}); give a directory that you can "
            f"write, like --out ./my-sweep"
        ) from None


def check_directory(directory: Path) -> None:
    """Raise ValueError when a sweep's directory could not be made or written; makes nothing."""
    there = directory
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir() or not os.access(there, os.W_OK):
        why = "is not a directory" if not there.is_dir() else "cannot be written"
        raise ValueError(
            f"the output directory {str(directory)!r} cannot be used: {str(there)!r} {why}; give one that you can "
            f"write, like --out ./my-sweep"
        )


def _take(directory: Path) -> int:
    """Lock the directory for this process; the kernel lets go of it however the process ends."""
    descriptor = os.open(directory / (FILE + ".lock"), os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(descriptor, 20).decode(errors="replace").strip()
        os.close(descriptor)
        raise ValueError(
            f"process {holder or '?'} is sweeping in {str(directory)!r}; follow it with `flopsfit-tui watch`, "
            f"or give another --out"
        ) from None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, str(os.getpid()).encode())
    return descriptor


def put_aside(directory: Path) -> Path | None:
    """Rename a directory's sweep.db, for a fresh start that loses nothing; its new path, None when there is none.

    Raises ValueError when another process sweeps there.
    """
    old = directory / FILE
    if not old.exists():
        return None
    os.close(_take(directory))
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(old.stat().st_mtime))
    new = directory / f"sweep-{stamp}.db"
    old.rename(new)
    return new
