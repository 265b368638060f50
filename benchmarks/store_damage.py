"""Damages a sweep's store in one of many ways, and judges what is read of it afterwards: used by faults.py."""

from __future__ import annotations

import math
import random
import shutil
import sqlite3
import struct
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from flopsfit_tui.core.events import Note, TrialEnded, TrialProgress, TrialStarted
from flopsfit_tui.core.store_errors import StoreError
from flopsfit_tui.core.trial import Outcome, Plan, Recipe, Size, Trial, content_hash
from flopsfit_tui.store.base import HistoryRow
from flopsfit_tui.store.carve import LEAF, PAGE_SIZE, _pages, _payload, _record, _varint
from flopsfit_tui.store.check import check_sweep
from flopsfit_tui.store.salvage import salvage_sweep
from flopsfit_tui.store.schema import TABLES, columns_of
from flopsfit_tui.store.seals import seal
from flopsfit_tui.store.sqlite import FILE, SqliteStore

OTHER_FILES = ("sweep.plan", "sweep.files", "sweep.db.lock")
EDITS = (
    "update outcomes set loss = loss - 0.1 where rowid in (select rowid from outcomes order by random() limit 1)",
    "update outcomes set loss = (select loss from outcomes order by random() limit 1)",
    "update outcomes set tokens = tokens * 2, flops = flops * 2",
    "update outcomes set status = 'failed' where rowid in (select rowid from outcomes order by random() limit 3)",
    "update outcomes set status = 'splendid'",
    "update outcomes set peak_flops = 1e9",
    "update outcomes set peak_flops = null",
    "alter table outcomes drop column peak_flops",
    "update outcomes set loss = null where rowid in (select rowid from outcomes order by random() limit 1)",
    "update outcomes set loss = 'NaN', steps = x'00ff', device = cast(x'ff' as text)",
    "update outcomes set seal = null",
    "update outcomes set seal = (select seal from outcomes order by random() limit 1)",
    "update outcomes set trial = 'nobody' where rowid in (select rowid from outcomes order by random() limit 1)",
    "delete from outcomes where rowid in (select rowid from outcomes order by random() limit 1)",
    "delete from outcomes",
    "delete from totals",
    "update totals set outcomes = outcomes - 1",
    "update plan set json = replace(json, '1000', '1001')",
    "update plan set json = 'no plan'",
    "delete from plan",
    "update history set rows = randomblob(length(rows)) where rowid in (select rowid from history limit 5)",
    "update history set part = part + 100",
    "update history set trial = (select trial from outcomes order by random() limit 1), part = id + 1000",
    "delete from history where part = 0",
    "update attempts set started = 'soon', status = 7",
    "update notes set level = null, message = x'fe'",
    "drop table outcomes",
    "drop table totals",
    "drop table history",
    "drop table notes",
    "drop table plan",
    "alter table outcomes rename column loss to lost",
    "alter table outcomes drop column seal",
    "alter table outcomes add column mood text",
    "pragma user_version = 1",
    "pragma user_version = 9",
    "pragma application_id = 0",
)


@dataclass(frozen=True)
class Truth:
    """A finished sweep and what it holds."""

    directory: Path
    earlier: bytes  # the database when half of it was written
    plan: Plan
    outcomes: dict[str, Outcome]
    history: dict[str, list[HistoryRow]]
    records: dict[str, list[bytes]]  # the bytes of each outcome's row, in pieces


@dataclass
class Judgement:
    """What came of one damage."""

    tracebacks: list[str]
    wrong: list[str]  # a number that is not the stored one, or one that is missing without a word
    intact: int = 0  # outcomes whose bytes are all there
    salvaged: int = 0  # of those


def make_truth(directory: Path, trials: int, rows: int) -> Truth:
    """A finished sweep of losses with many digits, and errors long enough for several pages."""
    draw = random.Random(trials)
    plan = _plan(trials)
    store = SqliteStore(directory)
    store.begin(plan)
    earlier = b""
    outcomes = {}
    for number, trial in enumerate(plan.trials):
        loss = 2 + draw.random()
        failed = number % 7 == 6
        outcome = Outcome(
            "failed" if failed else "finished", 100, 800, 6400, 1e9, loss, loss - draw.random(), 5.5,
            draw.random(), "cpu",
            "".join(draw.choices("Traceback (most) \n", k=6000)) if failed else "",
            1e10 * draw.random() if number % 2 else math.nan,
        )  # fmt: skip
        store.record(TrialStarted(trial.key, "worker 1"))
        for step in range(1, rows + 1):
            store.record(TrialProgress(trial.key, step, 64 * step, 1e7 * step, 5 / step + draw.random(), 0.1 * step))
        store.record(TrialEnded(trial.key, outcome))
        outcomes[trial.key] = outcome
        if number == trials // 2:
            store.record(Note("info", "half of it"))
            store.database.execute("pragma wal_checkpoint(truncate)").fetchall()
            earlier = (directory / FILE).read_bytes()
    store.close()
    with closing(SqliteStore(directory, read_only=True)) as reader:
        assert dict(reader.outcomes()) == outcomes
        history = {key: list(found) for key, found in reader.history().items()}
    records = _records(directory / FILE)
    assert records.keys() == outcomes.keys()
    return Truth(directory, earlier, plan, outcomes, history, records)


def _plan(count: int) -> Plan:
    keys = [content_hash({"trial": number}) for number in range(count)]
    trials = tuple(Trial(key, 1e9, 8, 1000, 6400, 800, 100, 8, seed, 1e9, 0.01) for seed, key in enumerate(keys))
    size = Size(8, 1000, 6000.0)
    return Plan("damaged", "abc", "width", "tokens", 8, 500, Recipe(0.01), (1e9,), (1e3,), (size,), trials)


def damage(directory: Path, truth: Truth, draw: random.Random) -> str:
    """Damage a copy of a store; what was done."""
    kind = draw.choice(list(KINDS))
    KINDS[kind](directory / FILE, truth, draw)
    return kind


def _flip(path: Path, _truth: Truth, draw: random.Random) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(draw.choice((1, 1, 2, 5, 20, 100))):
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    path.write_bytes(content)


def _flip_head(path: Path, _truth: Truth, draw: random.Random) -> None:
    """In the file's header, or in that of a page."""
    content = bytearray(path.read_bytes())
    for _ in range(draw.choice((1, 2, 4))):
        page = draw.choice((0, draw.randrange(len(content) // PAGE_SIZE))) * PAGE_SIZE
        content[page + draw.randrange(100 if page == 0 else 12)] ^= 1 << draw.randrange(8)
    path.write_bytes(content)


def _noise(path: Path, _truth: Truth, draw: random.Random) -> None:
    content = bytearray(path.read_bytes())
    length = draw.choice((1, 8, 64, 512, 4096))
    at = draw.randrange(max(1, len(content) - length))
    content[at : at + length] = draw.randbytes(length)
    path.write_bytes(content)


def _truncate(path: Path, _truth: Truth, draw: random.Random) -> None:
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[: draw.choice((0, 1, 100, draw.randrange(size), size - 1, size - PAGE_SIZE))])


def _zero(path: Path, _truth: Truth, draw: random.Random) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(draw.choice((1, 1, 2, 4))):
        page = draw.randrange(len(content) // PAGE_SIZE) * PAGE_SIZE
        content[page : page + PAGE_SIZE] = bytes(PAGE_SIZE)
    path.write_bytes(content)


def _swap_pages(path: Path, _truth: Truth, draw: random.Random) -> None:
    content = bytearray(path.read_bytes())
    one, two = (draw.randrange(len(content) // PAGE_SIZE) * PAGE_SIZE for _ in range(2))
    first, second = content[one : one + PAGE_SIZE], content[two : two + PAGE_SIZE]
    content[one : one + PAGE_SIZE], content[two : two + PAGE_SIZE] = second, first
    path.write_bytes(content)


def _old_pages(path: Path, truth: Truth, draw: random.Random) -> None:
    """Writes that never reached the disk: pages as they were when half of the sweep was done."""
    content = bytearray(path.read_bytes())
    for _ in range(draw.choice((1, 2, 5))):
        page = draw.randrange(min(len(content), len(truth.earlier)) // PAGE_SIZE) * PAGE_SIZE
        content[page : page + PAGE_SIZE] = truth.earlier[page : page + PAGE_SIZE]
    path.write_bytes(content)


def _swap_rows(path: Path, _truth: Truth, draw: random.Random) -> None:
    table, key, columns = draw.choice(
        [
            ("outcomes", "trial", "serial, status, steps, tokens, flops, loss, train_loss, seconds, seal"),
            ("outcomes", "trial", "loss"),
            ("history", "id", "rows"),
            ("history", "id", "rows, last, seal"),
        ]
    )
    with closing(sqlite3.connect(path)) as database, database:
        keys = [row[0] for row in database.execute(f"select {key} from {table}")]
        pair = draw.sample(keys, 2)
        rows = [database.execute(f"select {columns} from {table} where {key} = ?", (one,)).fetchone() for one in pair]
        sets = ", ".join(f"{name} = ?" for name in columns.split(", "))
        for one, row in zip(pair, reversed(rows), strict=True):
            database.execute(f"update {table} set {sets} where {key} = ?", (*row, one))


def _edit(path: Path, _truth: Truth, draw: random.Random) -> None:
    with closing(sqlite3.connect(path)) as database, database, suppress(sqlite3.Error):
        database.execute(draw.choice(EDITS))


def _other_file(path: Path, _truth: Truth, draw: random.Random) -> None:
    """The files beside the database, now and then together with it."""
    other = path.with_name(draw.choice(OTHER_FILES))
    content = bytearray(other.read_bytes()) if other.exists() else bytearray(b"x")
    if draw.random() < 0.3:
        other.unlink(missing_ok=True)
    elif draw.random() < 0.5:
        other.write_bytes(content[: draw.randrange(len(content))])
    else:
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        other.write_bytes(content)
    if draw.random() < 0.3:
        _flip(path, _truth, draw)


def _other_content(path: Path, _truth: Truth, draw: random.Random) -> None:
    path.write_bytes(draw.choice((b"", b"my notes\n", b"SQLite format 3\0", draw.randbytes(20_000), bytes(8192))))


KINDS: dict[str, Callable[[Path, Truth, random.Random], None]] = {
    "flipped bits": _flip,
    "flipped bits in headers": _flip_head,
    "random bytes": _noise,
    "truncated": _truncate,
    "zeroed pages": _zero,
    "swapped pages": _swap_pages,
    "older pages": _old_pages,
    "swapped rows": _swap_rows,
    "SQL edits": _edit,
    "files beside it": _other_file,
    "another file in its place": _other_content,
}


BY_SQL = ("swapped rows", "SQL edits")


def judge(directory: Path, kind: str, truth: Truth) -> Judgement:
    """Read, check, salvage and take up a damaged store as the commands do."""
    found = Judgement([], [])
    intact = _whole_rows(directory / FILE, kind, truth)
    found.intact = len(intact)
    said = _guarded(found, "read", lambda: _judge_reading(directory, truth, found))
    _guarded(found, "check", lambda: _judge_check(directory, bool(said), found))
    copy = directory.with_name(directory.name + "-taken")
    shutil.copytree(directory, copy)
    _guarded(found, "run", lambda: _judge_writing(copy, truth, found))
    salvaged = directory.with_name(directory.name + "-salvaged")
    _guarded(found, "salvage", lambda: _judge_salvage(directory, salvaged, truth, intact, found))
    for made in (copy, salvaged):
        shutil.rmtree(made, ignore_errors=True)
    return found


def _guarded(found: Judgement, what: str, work: Callable[[], object]) -> object:
    """A refusal in one sentence is an answer; any other exception a traceback."""
    try:
        return work()
    except StoreError as error:
        if not str(error) or "\n" in str(error):
            found.tracebacks.append(f"{what}: {error!r}")
        return True
    except ValueError as error:
        if "sweep" not in str(error):
            found.tracebacks.append(f"{what}: {error!r}")
        return True
    except Exception as error:  # noqa: BLE001 - what is counted
        found.tracebacks.append(f"{what}: {type(error).__name__}: {error}")
        return True


def _judge_reading(directory: Path, truth: Truth, found: Judgement) -> bool:
    """Whether something was said to be damaged."""
    with closing(SqliteStore(directory, read_only=True)) as store:
        plan, outcomes, history = store.plan(), dict(store.outcomes()), dict(store.history())
        store.attempts(), store.notes(), store.skipped(), dict(store.curves())
        said = store.damage(everything=True)
    _compare("read", plan, outcomes, bool(said), truth, found)
    for key, rows in history.items():
        if any(row not in truth.history.get(key, ()) for row in rows):
            found.wrong.append(f"read: a row of history of {key}")
    return bool(said)


def _judge_check(directory: Path, said: bool, found: Judgement) -> None:
    if said and not check_sweep(directory).damage:
        found.wrong.append("check: finds nothing where reading does")


def _judge_writing(directory: Path, truth: Truth, found: Judgement) -> None:
    """What a resumed sweep would reuse."""
    with closing(SqliteStore(directory)) as store:
        store.begin(truth.plan)
        _compare("run", store.plan(), dict(store.outcomes()), bool(store.damage()), truth, found)
        store.record(Note("info", "still here"))
    with closing(SqliteStore(directory, read_only=True)) as store:
        if store.damage(everything=True):
            found.wrong.append(f"run: leaves it damaged: {store.damage(everything=True)}")


def _judge_salvage(directory: Path, to: Path, truth: Truth, intact: set[str], found: Judgement) -> None:
    salvage_sweep(directory, to)
    with closing(SqliteStore(to, read_only=True)) as store:
        outcomes = dict(store.outcomes())
        if store.damage(everything=True):
            found.wrong.append("salvage: writes a damaged store")
        _compare("salvage", store.plan(), outcomes, True, truth, found)
    found.salvaged = len(intact & outcomes.keys())


def _compare(
    what: str, plan: Plan | None, outcomes: dict[str, Outcome], said: bool, truth: Truth, found: Judgement
) -> None:
    if plan is not None and plan != truth.plan:
        found.wrong.append(f"{what}: another plan")
    wrong = [key for key, outcome in outcomes.items() if outcome != truth.outcomes.get(key)]
    if wrong:
        found.wrong.append(f"{what}: another outcome of {wrong}")
    if not said and outcomes.keys() != truth.outcomes.keys():
        found.wrong.append(f"{what}: {len(truth.outcomes) - len(outcomes)} outcomes missing without a word")


def _whole_rows(path: Path, kind: str, truth: Truth) -> set[str]:
    """The outcomes whose rows are in the file with all their bytes; after an edit by SQL, as SQL has them.

    An edit leaves bytes of deleted rows in the file, which nobody can tell from an older version.
    """
    if kind not in BY_SQL:
        raw = path.read_bytes() if path.exists() else b""
        return {key for key, pieces in truth.records.items() if all(piece in raw for piece in pieces)}
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        rows = database.execute(f"select {', '.join(columns_of(database, 'outcomes'))} from outcomes").fetchall()
        return {row[0] for row in rows if row[-1] == seal("outcomes", *row[:-1])} & truth.outcomes.keys()
    return set()


def _records(path: Path) -> dict[str, list[bytes]]:
    """The bytes of each outcome's row, in the pieces in which they lie on pages."""
    pages = list(_pages(path, 0, 0))
    found = {}
    for page in pages[1:]:
        if page[0] != LEAF:
            continue
        for (cell,) in struct.iter_unpack(">H", page[8 : 8 + 2 * int.from_bytes(page[3:5])]):
            size, start = _varint(page, cell)
            _, start = _varint(page, start)
            payload = _payload(page, start, size, pages)
            record = _record(payload)
            if len(record) == len(TABLES["outcomes"]):
                most, least = PAGE_SIZE - 35, (PAGE_SIZE - 12) * 32 // 255 - 23
                here = least + (size - least) % (PAGE_SIZE - 4)
                first = size if size <= most else here if here <= most else least
                rest = range(first, size, PAGE_SIZE - 4)
                found[record[0]] = [payload[:first], *(payload[at : at + PAGE_SIZE - 4] for at in rest)]
    return found


def copy_of(truth: Truth, to: Path) -> Path:
    """A fresh copy of a store to damage."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(truth.directory, to)
    return to
