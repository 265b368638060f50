"""Runs from anybody's CSV: which column is which, and a sentence with the line number for what cannot be read.

A sweep is read as the CSV that it would write now.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from flopsfit_tui.core.units import parse_number
from flopsfit_tui.fit import TokenCost, cost_of_tokens
from flopsfit_tui.report.rows import TRIALS, csv_text, trial_rows
from flopsfit_tui.store.sqlite import FILE, SqliteStore

Floats = NDArray[np.float64]

# Column names without case, spaces and signs; the first that is there is taken.
NAMES = {
    "params": ("params", "n", "nparams", "numparams", "parameters", "parametercount", "modelsize", "modelparams",
               "nonembeddingparams", "model", "size"),
    "tokens": ("tokens", "d", "ntokens", "numtokens", "trainingtokens", "traintokens", "tokensseen", "datasetsize",
               "datasize", "data", "samples", "images"),
    "compute": ("flops", "flop", "trainingflops", "trainingflop", "trainflops", "totalflops", "compute",
                "trainingcompute", "c", "budget"),
    "loss": ("loss", "l", "finalloss", "valloss", "validationloss", "evalloss", "testloss", "heldoutloss"),
}  # fmt: skip
UNITS = {"k": 1e3, "thousand": 1e3, "thousands": 1e3, "m": 1e6, "million": 1e6, "millions": 1e6, "b": 1e9, "g": 1e9,
         "billion": 1e9, "billions": 1e9, "t": 1e12, "trillion": 1e12, "trillions": 1e12}  # fmt: skip
ROUNDING, LIKE_SIX = 0.002, 0.1  # how far C may be from 6ND before it is worth a word
SAME_COST = 0.02  # C/D of one size may differ so much, by rounding to whole batches


@dataclass(frozen=True)
class Runs:
    """Training runs as arrays, one entry a run, and what was guessed on the way."""

    name: str  # of the file
    params: Floats  # (n,) N
    tokens: Floats  # (n,) D
    losses: Floats  # (n,) L; nan or inf for a run that diverged
    lines: tuple[int, ...]  # where each stood in the file, the first line being 1
    notes: tuple[str, ...]  # which columns were taken for what, and what was computed or left out
    groups: NDArray[np.str_] | None = None  # (n,) labels of runs that share an error
    sizes: NDArray[np.int64] | None = None  # (n,) the size knob, where the file has one beside params
    cost: TokenCost | None = None  # FLOPs per token where the file counts them; None: 6N


def read_runs(
    path: str | Path,
    *,
    params: str | None = None,
    tokens: str | None = None,
    compute: str | None = None,
    loss: str | None = None,
    group: str | None = None,
) -> Runs:
    """Read N, D and loss from a CSV or a sweep's directory, as it stands; D may be computed from C as C/6N.

    path: the file; comma, semicolon and tab separate. params, tokens, compute, loss: names of columns, where they
    should not be guessed; group: a column whose equal values mark runs that share an error. Rows with a status other
    than "finished" are left out. Numbers may be written 3e12 or 1.2M; a loss of nan or inf is a run that diverged.
    Raises ValueError, one sentence with the line number, for what cannot be read, and OSError for no such file.
    """
    file, header, rows = _read(Path(path))
    named = {"params": params, "tokens": tokens, "compute": compute, "loss": loss}
    columns = {what: _column(header, what, name, file) for what, name in named.items()}
    if columns["loss"] is None or sum(columns[what] is not None for what in ("params", "tokens", "compute")) < 2:
        raise ValueError(_missing(columns, header, file))
    skipped, rows = _unfinished(header, rows)
    if not rows:
        raise ValueError(f"{file} has no{' finished' if skipped else ''} runs")
    read = {
        what: np.array([_number(row, line, column, header, what, file) for line, row in rows])
        for what, column in columns.items()
        if column is not None
    }
    notes = [f"{what} from column {header[column]!r}" for what, column in columns.items() if column is not None]
    if skipped:
        notes.append(f"{skipped} unfinished runs left out")
    cost = _complete(read, notes)
    label = None if group is None else _named(header, group, file)
    return Runs(
        name=str(file),
        params=read["params"],
        tokens=read["tokens"],
        losses=read["loss"],
        lines=tuple(line for line, _ in rows),
        notes=tuple(notes),
        groups=None if label is None else np.array([row[label].strip() for _, row in rows]),
        sizes=_sizes(header, rows, columns["params"]),
        cost=cost,
    )


Row = tuple[int, list[str]]  # line number, cells


def _trials(directory: Path) -> str:
    """A sweep's trials.csv as it would be written now. Raises ValueError for a sweep without a plan."""
    store = SqliteStore(directory, read_only=True)
    try:
        plan = store.plan()
        if plan is None:
            raise ValueError(f"{str(directory)!r} holds no plan yet; a sweep writes one as it starts")
        return csv_text(TRIALS, trial_rows(plan, store.outcomes()))
    finally:
        store.close()


def _read(path: Path) -> tuple[Path, list[str], list[Row]]:
    """The file that was read, its header and its rows."""
    if (path / FILE).is_file():  # a sweep: the CSV beside it may be older, or not written yet
        return path / FILE, *_table(io.StringIO(_trials(path)), path / FILE)
    file = path / "trials.csv" if path.is_dir() else path
    with file.open(newline="", encoding="utf-8-sig") as text:
        return file, *_table(text, file)


def _table(text: TextIO, file: Path) -> tuple[list[str], list[Row]]:
    try:
        first = text.readline()
        separator = max(",;\t", key=first.count)
        header = [cell.strip() for cell in next(csv.reader([first], delimiter=separator), [])]
        rows = list(_rows(csv.reader(text, delimiter=separator), header, file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{file} is not a CSV file: {error}") from None
    if not any(header):
        raise ValueError(f"{file} is empty; its first line must name the columns, e.g. params,tokens,loss")
    return header, rows


def _rows(reader: Iterator[list[str]], header: Sequence[str], file: Path) -> Iterator[Row]:
    for row in reader:
        line = reader.line_num + 1  # type: ignore[attr-defined]  # the header was read before
        if any(cell.strip() for cell in row):
            if len(row) != len(header):
                raise ValueError(f"{file}, line {line}: {len(row)} cells where the header has {len(header)}")
            yield line, row


def _column(header: Sequence[str], what: str, name: str | None, file: Path) -> int | None:
    if name is not None:
        return _named(header, name, file)
    plain = [_plain(column) for column in header]
    return next((plain.index(guess) for guess in NAMES[what] if guess in plain), None)


def _named(header: Sequence[str], name: str, file: Path) -> int:
    for same in (str, _plain):
        for i, column in enumerate(header):
            if same(column) == same(name.strip()):
                return i
    raise ValueError(f"{file} has no column {name!r}; it has {', '.join(map(repr, header))}")


def _plain(name: str) -> str:
    """A column's name without its unit, case, spaces and signs."""
    return re.sub(r"[^a-z0-9]", "", re.sub(r"[(\[].*?[)\]]", "", name).lower())


def _unit(name: str) -> float:
    """What a header like "params (M)" multiplies its cells by."""
    match = re.search(r"[(\[]\s*(?:in\s+)?([A-Za-z]+)\s*[)\]]", name)
    return UNITS.get(match[1].lower(), 1.0) if match else 1.0


def _unfinished(header: Sequence[str], rows: list[Row]) -> tuple[int, list[Row]]:
    if "status" not in header:
        return 0, rows
    at = list(header).index("status")
    done = [row for row in rows if row[1][at].strip() == "finished"]
    return len(rows) - len(done), done


def _number(row: Sequence[str], line: int, column: int, header: Sequence[str], what: str, file: Path) -> float:
    cell, where = row[column].strip(), f"{file}, line {line}"
    if not cell:
        raise ValueError(f"{where}: the cell of column {header[column]!r} is empty")
    if what == "loss" and cell.lower().lstrip("+-") in ("nan", "inf", "infinity"):
        return math.nan
    try:
        return parse_number(cell, f"{where}: {header[column]}") * (1.0 if what == "loss" else _unit(header[column]))
    except ValueError as error:
        raise ValueError(str(error)) from None


def _complete(read: dict[str, Floats], notes: list[str]) -> TokenCost | None:
    """Compute N or D where C stands for it; where all three are given, the cost of a token that they imply."""
    if "tokens" not in read:
        read["tokens"] = read["compute"] / (6 * read["params"])
        notes.append("tokens computed as C / 6N")
    elif "params" not in read:
        read["params"] = read["compute"] / (6 * read["tokens"])
        notes.append("params computed as C / 6D")
    elif "compute" in read:
        return _cost(read["params"], read["compute"] / read["tokens"], notes)
    return None


def _cost(params: Floats, per_token: Floats, notes: list[str]) -> TokenCost | None:
    off = float(np.abs(per_token / (6 * params) - 1).max())
    sizes, which = np.unique(params, return_inverse=True)
    spread = max(float(np.ptp(np.log(per_token[which == i]))) for i in range(sizes.size))
    cost = cost_of_tokens(params, per_token)
    if spread > SAME_COST or (np.diff(cost.log_flops) <= 0).any():
        if off > LIKE_SIX:
            notes.append("the FLOPs given are no function of params, so optima are under C = 6ND")
        return None
    if off > ROUNDING:
        notes.append("optima are under the cost of a token that the FLOPs given imply, not 6N")
    return cost


def _sizes(header: Sequence[str], rows: Sequence[Row], params: int | None) -> NDArray[np.int64] | None:
    if "size" not in header or params in (None, list(header).index("size")):
        return None
    cells = [row[list(header).index("size")].strip() for _, row in rows]
    return np.array([int(cell) for cell in cells]) if all(cell.isdecimal() for cell in cells) else None


def _missing(columns: dict[str, int | None], header: Sequence[str], file: Path) -> str:
    if columns["loss"] is None:
        lacking, option = "loss", "loss"
    else:
        found = next((what for what in ("params", "tokens", "compute") if columns[what] is not None), None)
        lacking, option = "two of params, tokens and compute" + (f" (only {found} is there)" if found else ""), "params"
    return f"{file}: no column for {lacking} among {', '.join(map(repr, header))}; name it, e.g. --{option} COLUMN"
