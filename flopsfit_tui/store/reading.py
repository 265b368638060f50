"""Reading a `sweep.db`: every row is checked against its seal, and what is damaged is left out and said."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from flopsfit_tui.core.curve import Curve
from flopsfit_tui.core.events import Level
from flopsfit_tui.core.state import CURVE_POINTS
from flopsfit_tui.core.store_errors import StoreDamaged
from flopsfit_tui.core.sweep_files import DATABASE, PLAN_COPY
from flopsfit_tui.core.trial import Outcome, Plan
from flopsfit_tui.store.base import Attempt, HistoryRow
from flopsfit_tui.store.blocks import block_seal, thinned_curve, unpack
from flopsfit_tui.store.event_rows import EVENT_LEVEL, StoredEvent, event_from_json
from flopsfit_tui.store.schema import columns_of, explained
from flopsfit_tui.store.seals import combined, outcome_of, seal

PLAN_BYTES = 1 << 30  # of the copy of the plan; more is not read

ENDED = ("finished", "failed")

Row = tuple[Any, ...]


class StoreReading:
    """What a store holds. Raises StoreDamaged or StoreFault for what cannot be read at all."""

    directory: Path
    database: sqlite3.Connection

    def __init__(self) -> None:
        self._damage: dict[str, str] = {}  # by table, of what was read last
        self._has_tables = False

    # ---- what is stored ----

    def plan_text(self) -> str:
        """What changes when the plan does; empty while there is none."""
        rows = self._select("plan")
        good = [text for _, text, sealed in rows if sealed == seal("plan", 1, text)]
        self._damage.pop("plan", None)
        if good:
            return str(good[0])
        copy = read_plan_copy(self.directory)
        if copy is None and not rows and not self._select("outcomes"):
            return ""
        if copy is None or not self._tables_there():
            raise StoreDamaged(
                f"{str(self.directory / DATABASE)!r} is damaged: its plan cannot be read; `flopsfit-tui salvage "
                f"{self.directory}` writes a new directory with what is intact"
            )
        self._damage["plan"] = f"the plan in {DATABASE} is damaged; its copy, {PLAN_COPY}, is used"
        return copy

    def plan(self) -> Plan | None:
        """The plan last begun."""
        text = self.plan_text()
        return _read_plan(text, str(self.directory)) if text else None

    def outcomes(self, plan: Plan | None = None) -> Mapping[str, Outcome]:
        """What has ended, of the trials of the plan; or of another plan."""
        plan = plan or self.plan()
        keys = {t.key for t in plan.trials} if plan else set()
        return {key: outcome for key, outcome in self._outcomes().items() if key in keys}

    def skipped(self) -> set[str]:
        """The keys of the trials that the user skipped."""
        return {key for key, outcome in self._outcomes().items() if outcome.status == "skipped"}

    def history(self) -> Mapping[str, list[HistoryRow]]:
        """Training losses by trial key."""
        found: dict[str, list[HistoryRow]] = defaultdict(list)
        for trial, block in self._blocks("order by trial, part"):
            found[trial] += unpack(block)
        return dict(found)

    def history_after(self, trial: str, step: int) -> list[HistoryRow]:
        """What a trial's history has gained since a step: for whoever follows a sweep."""
        blocks = self._blocks("where trial = ? and last > ? order by part", (trial, step))
        return [row for _, block in blocks for row in unpack(block) if row.step > step]

    def curves(self) -> Iterator[tuple[str, Curve]]:
        """The loss of each trial of the plan that has one, thinned for the eye, the largest budgets first."""
        plan = self.plan()
        for trial in sorted(plan.trials if plan else (), key=lambda t: -t.budget):
            blocks = [block for _, block in self._blocks("where trial = ? order by part", (trial.key,))]
            if blocks and (curve := thinned_curve(blocks, trial.steps, CURVE_POINTS)):
                yield trial.key, curve

    def attempts(self) -> list[Attempt]:
        """Every start of a trial, oldest first."""
        return [Attempt(*row[1:]) for row in self._sealed("attempts")]

    def notes(self) -> list[tuple[float, Level, str]]:
        """What the user should have read, as (seconds since the epoch, level, message), oldest first."""
        rows = (row[1:] for row in self._sealed("notes") if row[2] != EVENT_LEVEL)
        return sorted(rows, key=lambda note: note[0])  # type: ignore[arg-type,return-value]

    def stored_events(self, after: int = 0) -> list[StoredEvent]:
        """What the sweep has said beside its trials, in order: the rows behind the one with the number `after`."""
        rows = self._select("notes", "where level = ? and id > ? order by id", (EVENT_LEVEL, after))
        good = (row[:-1] for row in rows if row[-1] == seal("notes", *row[:-1]))
        return [found for number, at, _, text in good if (found := event_from_json(number, at, text))]

    def data_version(self) -> int:
        """Another number whenever another process has committed something; for a reader of the file."""
        with explained(self.directory):
            return int(self.database.execute("pragma data_version").fetchone()[0])

    def damage(self, everything: bool = False) -> list[str]:
        """What is damaged in the plan and the outcomes, a sentence each; with `everything`, in all the tables."""
        with self._one_moment():
            self.plan_text()
            self._look_for_missing({row[0] for row in self._outcome_rows()})
            if everything:
                self.history()
                self.notes()
        tables = ("plan", "outcomes", "totals", *(("history", "attempts", "notes") if everything else ()))
        return [self._damage[table] for table in tables if table in self._damage]

    def _look_for_missing(self, here: set[str]) -> None:
        """Outcomes that are gone together with the count of them are still told of by the last attempts."""
        last = {attempt.trial: attempt.status for attempt in self.attempts()}
        gone = [trial for trial, status in last.items() if status in ENDED and trial not in here]
        if gone and not self._damage.keys() & {"outcomes", "totals"}:
            self._damage["totals"] = f"the outcomes of {len(gone)} trials that had ended are missing"

    # ---- rows ----

    def _outcomes(self) -> dict[str, Outcome]:
        return {row[0]: outcome_of(row[2:-1]) for row in self._outcome_rows()}

    def _outcome_rows(self) -> list[Row]:
        """The intact rows with their seals; says whether they are all there, and as they were last written."""
        with self._one_moment():
            rows, totals = self._select("outcomes"), self._select("totals")
        good = [row for row in rows if row[-1] == seal("outcomes", *row[:-1])]
        self._say_damaged("outcomes", "outcome", len(rows) - len(good))
        self._damage.pop("totals", None)
        counted = [row for row in totals if row[-1] == seal("totals", *row[1:-1])]
        if not counted and (good or totals):
            self._damage["totals"] = "how many outcomes were stored can no longer be told"
        elif counted and counted[0][2] != combined(row[-1] for row in rows if isinstance(row[-1], bytes)):
            here = len(rows)
            self._damage["totals"] = (
                f"{here} outcomes are here where {counted[0][1]} were stored"
                if here != counted[0][1]
                else "an outcome is not the one that was stored last"
            )
        return good

    def _sealed(self, table: str) -> list[Row]:
        """A table's intact rows in order, without their seals."""
        rows = self._select(table, "order by id")
        good = [row[:-1] for row in rows if row[-1] == seal(table, *row[:-1])]
        self._say_damaged(table, table[:-1], len(rows) - len(good))
        return good

    def _blocks(self, where: str, values: Sequence[Any] = ()) -> Iterator[tuple[str, bytes]]:
        """Intact blocks of history by their trial's key."""
        rows = self._select("history", where, values)
        good = [row for row in rows if is_block(row[1:])]
        if not where.startswith("where"):
            self._say_damaged("history", "history block", len(rows) - len(good))
        return ((trial, block) for _, trial, _, _, block, _ in good)

    def _select(self, table: str, where: str = "", values: Sequence[Any] = ()) -> list[Row]:
        if not self.database.in_transaction:
            self._settle()
        if not self._tables_there():
            return []
        with explained(self.directory):
            return self.database.execute(
                f"select {', '.join(columns_of(self.database, table))} from {table} {where}", values
            ).fetchall()

    @contextmanager
    def _one_moment(self) -> Iterator[None]:
        """All that is read within is as of one moment, whatever the writer does."""
        if self.database.in_transaction:
            yield
            return
        self._settle()
        with explained(self.directory):
            self.database.execute("begin")
            try:
                yield
            finally:
                self.database.execute("rollback")

    def _settle(self) -> None:
        """Before a read: for the writer, put what waits to be written on disk."""

    def _tables_there(self) -> bool:
        """False while the file is just being made."""
        if not self._has_tables:
            with explained(self.directory):
                found = self.database.execute("select 1 from sqlite_master where name = 'plan'").fetchone()
            self._has_tables = found is not None
        return self._has_tables

    def _say_damaged(self, table: str, what: str, count: int) -> None:
        self._damage.pop(table, None)
        if count:
            self._damage[table] = f"{count} {what}{'s are' if count > 1 else ' is'} damaged and left out"


def is_block(values: Sequence[Any]) -> bool:
    """Whether trial, part, last step, block and seal belong together."""
    trial, part, last, block, sealed = values
    whole = isinstance(trial, str) and isinstance(block, bytes)
    return whole and sealed == block_seal(trial, part, last, block)


@lru_cache(maxsize=2)
def _read_plan(text: str, where: str) -> Plan:
    """A plan of thousands of trials takes a while to read, and is asked for again and again."""
    try:
        return Plan.from_json(text)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise StoreDamaged(f"the plan in {where!r} cannot be read ({type(error).__name__}: {error})") from None


def plan_copy_text(plan: str) -> str:
    """The text of the file that holds the plan a second time."""
    return json.dumps({"seal": seal("plan", 1, plan).hex(), "plan": plan})


def read_plan_copy(directory: Path) -> str | None:
    """The plan as the file beside the database has it; None when that is missing or damaged."""
    try:
        path = directory / PLAN_COPY
        if path.stat().st_size > PLAN_BYTES:
            return None
        copy = json.loads(path.read_text(encoding="utf-8"))
        plan = copy["plan"]
        return plan if isinstance(plan, str) and copy["seal"] == seal("plan", 1, plan).hex() else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
