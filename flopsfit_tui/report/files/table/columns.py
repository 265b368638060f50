"""Which column is which quantity, by one rule, and what its numbers are."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flopsfit_tui.core.units import format_flops
from flopsfit_tui.report.files.table.header import Meaning, read_header
from flopsfit_tui.report.files.table.load import Row, Sheet
from flopsfit_tui.report.files.table.numbers import Decimal, decimal_mark, is_diverged, is_missing, read_number

Floats = NDArray[np.float64]
QUANTITIES = ("params", "tokens", "compute", "loss")
SAME = 1e-6  # relative; two columns so near are one


@dataclass(frozen=True)
class Column:
    """One column, understood."""

    at: int
    name: str
    meaning: Meaning
    others: tuple[str, ...] = ()  # candidates that the rule put behind it

    def mapping(self, what: str) -> str:
        """How it was read, for people."""
        meaning, text = self.meaning, f"{what} from column {self.name!r}"
        if meaning.log is not None:
            text += f" (as {'e' if meaning.log == math.e else format(meaning.log, 'g')} to its power)"
        if meaning.scale != 1:
            text += f" x {format_flops(meaning.scale)}"
        if meaning.unit:
            text += f" ({meaning.unit})"
        return text + (f" (not {', '.join(map(repr, self.others))})" if self.others else "")


def choose_columns(sheet: Sheet, named: dict[str, str | None], file: Path) -> dict[str, Column | None]:
    """The column of each quantity; None where there is none. Raises ValueError where the rule does not decide."""
    found: dict[str, Column | None] = {}
    for what in QUANTITIES:
        name = named.get(what)
        if name is not None and name.strip().lower() == "none" and "none" not in sheet.header:
            found[what] = None
        elif name is not None:
            found[what] = _named(sheet, what, name, file)
        else:
            found[what] = _guessed(sheet, what, file)
    taken: dict[int, str] = {}
    for what, column in found.items():
        if column and column.at in taken:
            raise ValueError(f"{file}: column {column.name!r} cannot be both {taken[column.at]} and {what}")
        if column:
            taken[column.at] = what
    enough = found["loss"] and sum(found[what] is not None for what in ("params", "tokens", "compute")) >= 2
    if not enough:
        raise ValueError(_missing(found, sheet, file))
    for what, column in found.items():
        if column and column.meaning.trouble:
            if what == "loss" and column.meaning.log is None and column.meaning.trouble == "a scale":
                raise ValueError(f"{file}: column {column.name!r} is a loss with a scale; write the loss itself")
            unit = "log10" if column.meaning.trouble.startswith("log") else "1e6"
            raise ValueError(
                f"{file}: the unit of column {column.name!r} is not known ({column.meaning.trouble}); write it like "
                f"(M), (1e18) or (PF-days), or name it: --{what} '{column.name}:{unit}'"
            )
    return found


def column_named(header: Sequence[str], name: str, file: Path) -> int:
    """The place of a column that the user named, exactly or but for case, spaces and signs."""
    for same in (str, _plain):
        for i, column in enumerate(header):
            if same(column) == same(name.strip()) and same(column):
                return i
    raise ValueError(f"{file} has no column {name!r}; it has {', '.join(map(repr, filter(None, header)))}")


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", re.sub(r"[(\[].*?[)\]]", "", name).lower())


def _named(sheet: Sheet, what: str, name: str, file: Path) -> Column:
    unit = None
    if name not in sheet.header and ":" in name:
        name, _, unit = name.rpartition(":")
    at = column_named(sheet.header, name, file)
    _same_name(sheet, at, file)
    meaning = read_header(sheet.header[at])
    if meaning is None or meaning.quantity != what:
        meaning = Meaning(what, 0)
    if unit is not None:
        given = read_header(f"{what} ({unit})") if unit != "1" else Meaning(what, 0)
        if given is None or given.trouble or (what == "loss" and given.scale != 1):
            raise ValueError(f"unit {unit!r} of column {name!r} is not known; write M, 1e18, PF-days, log10 or 1")
        log = read_header(f"{unit} {what}") if unit.startswith("l") else None
        base = log.log if log and not log.trouble else None
        meaning = replace(meaning, scale=given.scale, log=base, trouble="", given=True)
    return Column(at, sheet.header[at], meaning)


def _same_name(sheet: Sheet, at: int, file: Path) -> None:
    twins = [i for i, name in enumerate(sheet.header) if name == sheet.header[at] and i != at]
    if any(row[i] != row[at] for _, row in sheet.rows for i in twins):
        raise ValueError(f"{file} has the column {sheet.header[at]!r} twice, with different cells; rename one of them")


def _guessed(sheet: Sheet, what: str, file: Path) -> Column | None:
    candidates = []
    for at, name in enumerate(sheet.header):
        meaning = read_header(name) if name and len(name) < 100 else None
        if meaning and meaning.quantity == what and _has_numbers(sheet.rows, at, what):
            candidates.append(Column(at, name, meaning))
    if not candidates:
        return None
    tier = min(column.meaning.tier for column in candidates)
    first, *rest = [column for column in candidates if column.meaning.tier == tier]
    different = [column for column in rest if not _equal(sheet.rows, first, column, what)]
    if different:
        names = [repr(column.name) for column in (first, *different)]
        if len(set(names)) < len(names):
            raise ValueError(f"{file} has the column {names[0]} twice, with different cells; rename one of them")
        raise ValueError(f"{file} has several columns for {what}: {', '.join(names)}; choose one by --{what} COLUMN")
    return replace(first, others=tuple(column.name for column in candidates if column.meaning.tier > tier))


def _has_numbers(rows: Sequence[Row], at: int, what: str) -> bool:
    """Whether at least half of what is written in a column are numbers."""
    cells = [row[at] for _, row in rows if not is_missing(row[at]) and not is_diverged(row[at])]
    good = sum(any(read_number(cell, what, mark) for mark in (".", ",")) for cell in cells)  # type: ignore[arg-type]
    return not rows or (bool(cells) and 2 * good >= len(cells))


def _equal(rows: Sequence[Row], one: Column, other: Column, what: str) -> bool:
    for _, row in rows:
        if row[one.at] == row[other.at] and one.meaning.scale == other.meaning.scale:
            continue
        a, b = (read_number(row[column.at], what) for column in (one, other))
        if a is None or b is None:
            return False
        x, y = a.value * a.scale * one.meaning.scale, b.value * b.scale * other.meaning.scale
        if abs(x - y) > SAME * max(abs(x), abs(y)) or one.meaning.log != other.meaning.log:
            return False
    return True


@dataclass(frozen=True)
class Values:
    """The numbers of a column, and how far rounding may have moved each."""

    values: Floats
    rounding: Floats  # relative: half a unit of the last digit written


def mark_of(sheet: Sheet, columns: Sequence[Column], file: Path) -> Decimal:
    """The table's decimal mark. Raises ValueError where its cells contradict each other."""
    if not sheet.separator:
        return "."
    mark = decimal_mark((row[column.at] for column in columns for _, row in sheet.rows), sheet.separator)
    if mark is None:
        raise ValueError(f"{file} writes decimals both with a comma and with a point; use one of them")
    loss = next(column for column in columns if column.meaning.quantity == "loss")
    others = [row[column.at] for column in columns if column is not loss for _, row in sheet.rows]
    cells = [row[loss.at] for _, row in sheet.rows if not is_missing(row[loss.at])]
    if mark == "." and not any("," in cell for cell in others) and all(re.fullmatch(r"\d,\d{3}", c) for c in cells):
        return ","  # losses of 3,447 are no thousands
    return mark


def read_column(rows: Sequence[Row], column: Column, what: str, mark: Decimal, file: Path) -> Values:
    """The numbers of a column. Raises ValueError with the line for a cell that is none."""
    meaning = column.meaning
    values, digits, last, sizes = [], [], [], []
    for line, row in rows:
        cell, where = row[column.at], f"{file}, line {line}"
        if what == "loss" and is_diverged(cell):
            values.append(math.nan)
            continue
        if is_missing(cell):
            raise ValueError(f"{where}: the cell of column {column.name!r} is empty")
        number = read_number(cell, what, mark)
        if number is None or (meaning.log is None and number.value <= 0):
            hint = "write it like 3.21" if what == "loss" else "write it like 3e12 or 1.2M"
            raise ValueError(f"{where}: {column.name} {cell!r} is not a positive number; {hint}")
        values.append(_value(number.value, number.scale, meaning, f"{where}: {column.name} {cell!r}"))
        digits.append(number.digits)
        last.append(number.last)
        sizes.append(abs(number.value) or 1.0)
    read = np.array(values)
    if not digits or len(digits) != len(values) or max(digits) == 1:  # 1e6 and 2e6 were chosen, not rounded
        return Values(read, np.zeros(read.size))
    size = np.array(sizes)
    by_digits = 0.5 * 10.0 ** (np.floor(np.log10(size)) - max(digits) + 1) / size
    by_place = 0.5 * 10.0 ** min(last) / size
    rounding = np.maximum(by_digits, by_place)
    if meaning.log is not None:
        rounding = rounding * size * math.log(meaning.log)
    return Values(read, rounding)


def _value(number: float, scale: float, meaning: Meaning, where: str) -> float:
    if scale != 1 and meaning.scale != 1:
        if not math.isclose(scale, meaning.scale):
            raise ValueError(f"{where} has a unit of its own, other than its header's; leave one of them out")
        scale = 1.0
    if meaning.log is None:
        return number * scale * meaning.scale
    try:
        value = float(meaning.log**number) * meaning.scale * scale
    except OverflowError:
        value = math.inf
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{where} is no logarithm of such a number")
    return value


def _missing(columns: dict[str, Column | None], sheet: Sheet, file: Path) -> str:
    written = [name for name in sheet.header if name]
    if sum(read_number(name, "") is not None for name in written) * 2 > len(written):
        return f"{file}: the first line holds numbers, not names; write a header above it, e.g. params,tokens,loss"
    if columns["loss"] is None:
        lacking, option = "loss", "loss"
    else:
        found = next((what for what in ("params", "tokens", "compute") if columns[what] is not None), None)
        lacking, option = "two of params, tokens and compute" + (f" (only {found} is there)" if found else ""), "params"
    for at, name in enumerate(sheet.header):
        meaning = read_header(name) if name and len(name) < 100 else None
        if meaning and meaning.quantity in columns and columns[meaning.quantity] is None:
            cell = next((row[at] for _, row in sheet.rows if not is_missing(row[at]) and not is_diverged(row[at])), "")
            if cell and not _has_numbers(sheet.rows, at, meaning.quantity):
                like = {"loss": "3.21"}.get(meaning.quantity, "3e12 or 1.2M")
                return f"{file}: column {name!r} holds {cell!r}, which is not a positive number; write it like {like}"
    return f"{file}: no column for {lacking} among {', '.join(map(repr, written))}; name it, e.g. --{option} COLUMN"
