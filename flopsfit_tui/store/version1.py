"""What a store holds, apart from how; and reading a store of version 1, whose rows had no seals."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from flopsfit_tui.store.base import HistoryRow
from flopsfit_tui.store.blocks import BLOCK_ROWS, block_seal, pack
from flopsfit_tui.store.seals import OUTCOME_COLUMNS, Totals, plain, seal

Values = Sequence[Any]


@dataclass
class Contents:
    """All rows of a store, without their seals."""

    plan: str = ""
    outcomes: dict[str, Values] = field(default_factory=dict)  # by trial: values of the outcome's columns
    history: dict[str, list[HistoryRow]] = field(default_factory=dict)
    attempts: list[Values] = field(default_factory=list)  # trial, started, ended, status, worker
    notes: list[Values] = field(default_factory=list)  # time, level, message

    def write(self, database: sqlite3.Connection) -> None:
        """Put them sealed into empty tables of this version, within the transaction that is open."""
        execute = database.execute
        if self.plan:
            execute("insert into plan values (1, ?, ?)", (self.plan, seal("plan", 1, self.plan)))
        seals = {}
        for serial, (trial, values) in enumerate(self.outcomes.items(), 1):
            row = (trial, serial, *map(plain, values))
            seals[trial] = seal("outcomes", *row)
            names = f"trial, serial, {', '.join(OUTCOME_COLUMNS)}, seal"
            execute(f"insert into outcomes ({names}) values ({', '.join('?' * (len(row) + 1))})", (*row, seals[trial]))
        execute("insert into totals values (1, ?, ?, ?)", Totals(seals).row())
        for trial, curve in self.history.items():
            for part in range(0, len(curve), BLOCK_ROWS):
                chunk = curve[part : part + BLOCK_ROWS]
                key, block = (trial, part // BLOCK_ROWS, chunk[-1].step), pack(chunk)
                execute("insert into history values (null, ?, ?, ?, ?, ?)", (*key, block, block_seal(*key, block)))
        attempts = [self._as_it_ended(*values) for values in self.attempts]
        for table, rows in (("attempts", attempts), ("notes", self.notes)):
            for number, values in enumerate(rows, 1):
                row = (number, *map(plain, values))
                marks = ", ".join("?" * (len(row) + 1))
                execute(f"insert into {table} values ({marks})", (*row, seal(table, *row)))

    def _as_it_ended(self, trial: str, started: Any, ended: Any, status: Any, worker: Any) -> Values:
        """An attempt; one that has ended, and has no outcome any more, will be made again."""
        gone = status in ("finished", "failed") and trial not in self.outcomes
        return trial, started, ended, "returned" if gone else status, worker


def contents_of_version1(database: sqlite3.Connection) -> Contents:
    """Everything in a store of version 1. Raises sqlite3.Error for what cannot be read."""
    try:
        return _contents(database.execute)
    except (ValueError, TypeError, OverflowError) as error:
        raise sqlite3.DatabaseError(f"a row of it is no sweep's: {error}") from None


def _contents(execute: Callable[..., sqlite3.Cursor]) -> Contents:
    found = Contents()
    for (found.plan,) in execute("select json from plan"):
        pass
    names = ("null" if name == "peak_flops" else name for name in OUTCOME_COLUMNS)
    for trial, *values in execute(f"select trial, {', '.join(names)} from outcomes"):
        found.outcomes[trial] = values
    history = defaultdict(list)
    for trial, step, tokens, flops, loss, seconds in execute(
        "select trial, step, tokens, flops, loss, seconds from history order by trial, step"
    ):
        numbers = (float("nan") if x is None else float(x) for x in (flops, loss, seconds))
        history[trial].append(HistoryRow(int(step), int(tokens or 0), *numbers))
    found.history = dict(history)
    found.attempts = [*execute("select trial, started, ended, status, worker from attempts order by id")]
    found.notes = [*execute("select time, level, message from notes order by time")]
    return found
