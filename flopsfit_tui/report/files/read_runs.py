"""Runs from anybody's table, or from a sweep's directory: docs/tables.md says how a table is read.

A sweep, and its own trials.csv, are read as what they are; with columns named, as the CSV that the sweep would write.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from flopsfit_tui.core.trial import Outcome, Plan
from flopsfit_tui.fit import FitWarning
from flopsfit_tui.report.answer.runs import Floats, Runs
from flopsfit_tui.report.answer.sweep_runs import sweep_runs
from flopsfit_tui.report.files.csv_rows import TRIALS, csv_text, trial_rows
from flopsfit_tui.report.files.own_table import own_runs
from flopsfit_tui.report.files.table import groups, plausible, rows
from flopsfit_tui.report.files.table.columns import (
    Column,
    Values,
    choose_columns,
    column_named,
    mark_of,
    read_column,
)
from flopsfit_tui.report.files.table.cost import believed_cost, rounding_that_counts
from flopsfit_tui.report.files.table.load import Row, Sheet, load, read_text
from flopsfit_tui.report.files.table.numbers import Decimal
from flopsfit_tui.store.sqlite import FILE, SqliteStore

THREE = ("params", "tokens", "compute")


@dataclass(frozen=True)
class Table:
    """A table whose columns are chosen and whose rows are runs."""

    file: Path
    sheet: Sheet
    columns: dict[str, Column]
    mark: Decimal
    rows: list[Row]
    notes: tuple[str, ...]
    group: int | None
    best: bool
    own: bool  # written by a sweep of ours
    run: str | None = None  # what the user said of runs


def read_runs(
    path: str | Path,
    *,
    params: str | None = None,
    tokens: str | None = None,
    compute: str | None = None,
    loss: str | None = None,
    group: str | None = None,
    best: bool = False,
    run: str | None = None,
) -> Runs:
    """Read N, D and loss from a table or a sweep's directory, as it stands; D may be computed from C as C/6N.

    path: CSV and its kin, JSON, JSON lines, Parquet or Excel. params, tokens, compute, loss: names of columns, where
    they should not be guessed, each perhaps with a unit behind a colon ("size:M"), or "none"; group: a column whose
    equal values mark runs that share an error; best: keep only the best settings of each point; run: the column that
    names the run, where there are several steps of each ("none": every row is a run). Rows of unfinished runs and
    rows without a loss are left out; a loss of nan or inf is a run that diverged.
    Raises ValueError, one sentence, for what cannot be read, and OSError for no such file.
    """
    as_it_is = not any((params, tokens, compute, loss, group, best, run))
    if as_it_is and (runs := _own(Path(path))):
        return runs
    table = _open(Path(path), {"params": params, "tokens": tokens, "compute": compute, "loss": loss}, group, best, run)
    return _runs(table, table.rows, str(table.file))


def read_groups(path: str | Path, by: str, **reading: str | bool | None) -> dict[str, Runs]:
    """The runs of each value of column `by`, in order of first appearance; else as read_runs.

    Raises ValueError too for a column that is not there.
    """
    named = {what: reading.get(what) for what in ("params", "tokens", "compute", "loss")}
    table = _open(
        Path(path), named, reading.get("group"), bool(reading.get("best")), reading.get("run")  # type: ignore[arg-type]
    )  # fmt: skip
    at = column_named(table.sheet.header, by, table.file)
    if any(column.at == at for column in table.columns.values()):
        raise ValueError(f"{table.file}: column {by!r} is one of those the law is fitted to; --by takes another")
    labels = dict.fromkeys(row[at] for _, row in table.rows)
    if len(labels) > 100:
        raise ValueError(f"{table.file}: column {by!r} has {len(labels)} different values; --by takes one with few")
    parts = {label: [row for row in table.rows if row[1][at] == label] for label in labels}
    return {label: _runs(table, part, f"{table.file}, {by} = {label}", {at}) for label, part in parts.items()}


def _open(path: Path, named: dict[str, str | None], group: str | None, best: bool, run: str | None) -> Table:
    file, sheet, own = _read(path)
    found = choose_columns(sheet, named, file)
    columns = {what: column for what, column in found.items() if column is not None}
    notes = [column.mapping(what) for what, column in columns.items()] + list(sheet.notes)
    kept, left = rows.finished_rows(sheet.header, list(sheet.rows))
    if sheet.rows and not kept:
        raise ValueError(f"{file} has no finished runs")
    notes += left
    kept, left = rows.with_loss(kept, columns["loss"].at)
    notes += left
    if own:
        kept, left = rows.fitted_rows(sheet.header, kept)
        notes += left
    at = {what: column.at for what, column in columns.items()}
    if not own:
        kept, left = rows.last_steps(sheet.header, kept, at.get("params"), at.get("tokens"), run, file)
        notes += left
    if not kept:
        raise ValueError(f"{file} has no runs")
    mark = mark_of(sheet, list(columns.values()), file)
    label = None if group is None else column_named(sheet.header, group, file)
    return Table(file, sheet, columns, mark, kept, tuple(notes), label, best, own, run)


def _runs(table: Table, chosen: list[Row], name: str, split: set[int] = frozenset()) -> Runs:  # type: ignore[assignment]
    read = {what: read_column(chosen, column, what, table.mark, table.file) for what, column in table.columns.items()}
    notes = list(table.notes)
    N, D, C, computed = _complete(read)
    notes += [computed] if computed else []
    L = read["loss"].values
    warnings: tuple[FitWarning, ...] = ()
    hyper, where = rows.hyper_columns(table.sheet.header, _used(table)), rows.points(N.tolist(), D.tolist())
    several = rows.varying(chosen, where, hyper) if not table.own else []
    if several and table.best:
        kept = rows.best_rows(chosen, where, L.tolist(), hyper)
        notes.append(f"the best settings of each point: {len(kept)} of {len(chosen)} runs")
        N, D, L, chosen = N[kept], D[kept], L[kept], [chosen[i] for i in kept]
        C = C[kept] if C is not None else None
        read = {what: Values(v.values[kept], v.rounding[kept]) for what, v in read.items()}
    elif several:
        names = ", ".join(repr(table.sheet.header[at]) for at in several)
        message = (
            f"the points have runs with several values of {names}, all of them fitted. --best takes the best of each."
        )
        warnings += (FitWarning("grid", message),)
    curve = "" if table.own or table.run else rows.looks_like_steps(table.sheet.header, chosen, N.tolist(), D.tolist())
    if curve:
        message = (
            f"tokens are evenly spaced within each value of {curve!r}, as along the curve of one run; every row is "
            "fitted as a run. --run COLUMN takes the last step of each run, --run none says that all is well."
        )
        warnings += (FitWarning("steps", message),)
    sure = table.own or all(column.meaning.given for what, column in table.columns.items() if what != "loss")
    samples = "tokens" in table.columns and table.columns["tokens"].meaning.unit == "samples"
    warnings += plausible.check(N, D, C, L, samples=samples, sure=sure, file=table.file)
    if not table.own:
        used = _used(table) | set(hyper) | split
        warnings += _groups(groups.different_groups(table.sheet.header, chosen, used, N, D, L))
    cost = None
    if C is not None:
        rounding = sum(rounding_that_counts(read[what].values, read[what].rounding) for what in THREE)
        cost, note = believed_cost(N, D, C, np.asarray(rounding))
        notes += [note] if note else []
    sizes = _sizes(table.sheet.header, chosen, table.columns.get("params"))
    return Runs(
        name=name,
        params=N,
        tokens=D,
        losses=L,
        names=tuple(f"line {line}" for line, _ in chosen),
        notes=tuple(notes),
        groups=None if table.group is None else np.array([row[table.group] for _, row in chosen]),
        sizes=sizes,
        known_sizes=tuple(sorted(dict(zip(sizes, N.tolist(), strict=True)).items())) if sizes else (),
        cost=cost,
        warnings=warnings,
    )


def _used(table: Table) -> set[int]:
    return {column.at for column in table.columns.values()}


def _groups(found: Sequence[tuple[str, int]]) -> tuple[FitWarning, ...]:
    if not found:
        return ()
    (name, count), *others = found
    also = f" (so does {', '.join(repr(other) for other, _ in others[:3])})" if others else ""
    message = (
        f"column {name!r} has {count} groups whose losses differ{also}; one law is fitted to all of them. "
        f"--by '{name}' fits one law a group."
    )
    return (FitWarning("groups", message),)


def _complete(read: dict[str, Values]) -> tuple[Floats, Floats, Floats | None, str]:
    """N, D, C where it is given beside both, and what was computed."""
    values = {what: column.values for what, column in read.items()}
    if "tokens" not in values:
        return values["params"], values["compute"] / (6 * values["params"]), None, "tokens computed as C / 6N"
    if "params" not in values:
        return values["compute"] / (6 * values["tokens"]), values["tokens"], None, "params computed as C / 6D"
    return values["params"], values["tokens"], values.get("compute"), ""


def _own(path: Path) -> Runs | None:
    """The runs of a sweep's directory or of its trials.csv; None for every other table."""
    if (path / FILE).is_file():
        return sweep_runs(*_stored(path))
    file = path / "trials.csv" if path.is_dir() else path
    if file.suffix != ".csv":
        return None
    runs = own_runs(load(file), file)
    return runs and replace(runs, name=str(file))


def _read(path: Path) -> tuple[Path, Sheet, bool]:
    """The file that was read, its table, and whether a sweep of ours wrote it."""
    if (path / FILE).is_file():  # a sweep: the CSV beside it may be older, or not written yet
        return path / FILE, read_text(_trials(path), path / FILE), True
    file = path / "trials.csv" if path.is_dir() else path
    sheet = load(file)
    return file, sheet, sheet.header[:2] == ["trial", "status"] and {"size", "params", "flops"} <= set(sheet.header)


def _trials(directory: Path) -> str:
    """A sweep's trials.csv as it would be written now. Raises ValueError for a sweep without a plan."""
    return csv_text(TRIALS, trial_rows(*_stored(directory)))


def _stored(directory: Path) -> tuple[Plan, Mapping[str, Outcome]]:
    store = SqliteStore(directory, read_only=True)
    try:
        plan = store.plan()
        if plan is None:
            raise ValueError(f"{str(directory)!r} contains no plan yet (the sweep has not started)")
        return plan, dict(store.outcomes())
    finally:
        store.close()


def _sizes(header: Sequence[str], chosen: Sequence[Row], params: Column | None) -> tuple[int, ...] | None:
    if "size" not in header or params is None or params.at == list(header).index("size"):
        return None
    cells = [row[list(header).index("size")].strip() for _, row in chosen]
    return tuple(int(cell) for cell in cells) if all(cell.isdecimal() for cell in cells) else None
