"""A file as rows of text: delimited text in any encoding, JSON, JSON lines, Parquet, Excel; compressed or not."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flopsfit_tui.report.files.table.header import read_header
from flopsfit_tui.report.files.table.numbers import read_number

Row = tuple[int, list[str]]  # line, or number of the entry; cells
SEPARATORS = (",", ";", "\t", "|", " ")
MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
COMMENTS = ("#", "%", "//")
LOOKED_AT = 30  # lines that may stand above the header


@dataclass(frozen=True)
class Sheet:
    """A table before anything is understood of it."""

    header: list[str]
    rows: list[Row]
    notes: tuple[str, ...] = ()
    separator: str = ""  # "" where the file has numbers, not text


def load(path: Path) -> Sheet:
    """Read a table. Raises ValueError, one sentence, for what is none, and OSError for no such file."""
    return load_bytes(path.read_bytes(), path)


def load_bytes(data: bytes, path: Path) -> Sheet:
    """A table from a file's bytes; path is only named."""
    data = _decompress(data, path)
    if data[:4] == b"PAR1":
        return _parquet(data, path)
    if data[:4] == b"PK\x03\x04":
        return _zipped(data, path)
    if data[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise ValueError(f"{path} is an old Excel file (.xls); save it as .xlsx or CSV")
    text = _decode(data, path)
    if text.lstrip()[:1] in ("{", "["):
        found = _json(text, path)
        if found:
            return found
    return read_text(text, path)


def _decompress(data: bytes, path: Path) -> bytes:
    try:
        if data[:2] == b"\x1f\x8b":
            return gzip.decompress(data)
        if data[:3] == b"BZh":
            return bz2.decompress(data)
        if data[:6] == b"\xfd7zXZ\x00":
            return lzma.decompress(data)
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    if data[:4] == b"\x28\xb5\x2f\xfd":
        raise ValueError(f"{path} is compressed by zstd; unpack it, or use gzip")
    return data


def _decode(data: bytes, path: Path) -> str:
    encoding = next((name for mark, name in MARKS if data.startswith(mark)), "")
    if not encoding:
        even, odd = data[0:400:2].count(0), data[1:400:2].count(0)
        half = max(len(data[:400]) // 4, 1)
        encoding = "utf-16-le" if odd > half else "utf-16-be" if even > half else "utf-8"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
    if "\x00" in text or sum(ord(letter) < 32 and letter not in "\t\r\n\f" for letter in text[:4000]) > 3:
        raise ValueError(f"{path} is not a CSV file, nor any other table that can be read")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_text(text: str, path: Path) -> Sheet:
    """Delimited text: the separator and the header are those under which most quantities are recognised."""
    lines = text.split("\n")
    named = re.fullmatch(r'"?sep=(.)"?', lines[0].strip()) if lines else None
    if named:
        lines[0] = ""
    kept, comments = _without_comments(lines)
    if not any(line.strip() for line in kept):
        raise ValueError(f"{path} is empty; its first line must name the columns, e.g. params,tokens,loss")
    best: tuple[tuple[int, int], str, list[Row], int] | None = None
    for separator in [named[1]] if named else SEPARATORS:
        rows = _cells(kept, separator, path)
        at, score = _header_row(rows, comments, separator)
        width = len([cell for cell in rows[max(at, 0)][1] if cell]) if rows and separator != " " else 1
        if rows and (best is None or (score, width) > best[0]):
            best = ((score, width), separator, rows, at)
    assert best is not None
    _, separator, rows, at = best
    notes = []
    if at < 0:  # the header is a comment: "# params tokens loss"
        header, rest = _cells([_uncomment(comments[-1][1])], separator, path)[0][1], rows
    else:
        header, rest = rows[at][1], rows[at + 1 :]
        if at:
            notes.append(f"{at} line{'s' if at > 1 else ''} above the header left out")
    return _shape(header, rest, notes, separator, path)


def _without_comments(lines: Sequence[str]) -> tuple[list[str], list[tuple[int, str]]]:
    """Lines with comments blanked, so that numbers of lines stay, and the comments above the first other line."""
    kept: list[str] = []
    above: list[tuple[int, str]] = []
    quoted = False
    for number, line in enumerate(lines, 1):
        comment = not quoted and line.lstrip().startswith(COMMENTS) and not _is_named_by_sign(line)
        if comment and not any(text.strip() for text in kept):
            above.append((number, line))
        kept.append("" if comment else line)
        quoted ^= not comment and line.count('"') % 2 == 1
    return kept, above


def _is_named_by_sign(line: str) -> bool:
    """A header such as `#params,#tokens,loss`."""
    return line.count("#") > 1 and bool(re.match(r"\s*#\w", line)) and any(mark in line for mark in ",;\t|")


def _uncomment(line: str) -> str:
    return line.strip().lstrip("#%/").strip()


def _cells(lines: Sequence[str], separator: str, path: Path) -> list[Row]:
    rows: list[Row] = []
    if separator == " ":
        for number, line in enumerate(lines, 1):
            if line.strip():
                rows.append((number, re.split(r"\s{2,}|\s+" if "  " not in line.strip() else r"\s{2,}", line.strip())))
        return rows
    reader = csv.reader(io.StringIO("\n".join(lines)), delimiter=separator, skipinitialspace=True)
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if separator == "|" and len(stripped) > 2 and not stripped[0] and not stripped[-1]:
                stripped = stripped[1:-1]
            if any(stripped) and not all(re.fullmatch(r":?-{2,}:?|", cell) for cell in stripped):
                rows.append((reader.line_num, stripped))
    except csv.Error as error:
        raise ValueError(f"{path} is not a CSV file: {error}") from None
    return rows


def _header_row(rows: Sequence[Row], comments: Sequence[tuple[int, str]], separator: str) -> tuple[int, int]:
    """Which row is the header (-1: the last comment above), and how many quantities it names."""
    scored = [(_score(cells), -i) for i, (_, cells) in enumerate(rows[:LOOKED_AT])]
    best, place = max(scored, default=(0, 0))
    if comments and rows:
        cells = _cells([_uncomment(comments[-1][1])], separator, Path())
        first = rows[0][1]
        bare = all(read_number(cell, "") is not None for cell in first)
        if cells and bare and len(cells[0][1]) == len(first) and _score(cells[0][1]) >= 3:
            return -1, _score(cells[0][1])
    return (-place, best) if best >= 2 else (0, best)


def _score(cells: Iterable[str]) -> int:
    return len({meaning.quantity for cell in cells if len(cell) < 100 and (meaning := read_header(cell))})


def _shape(header: list[str], rows: list[Row], notes: list[str], separator: str, path: Path) -> Sheet:
    """Rows as long as their header: trailing separators cut, row names given a column, repeated headers left out."""
    while header and not header[-1]:
        header = header[:-1]
    again = [row for row in rows if [cell for cell in row[1] if cell] == [cell for cell in header if cell]]
    if again:
        notes.append(f"{len(again)} repeated header{'s' if len(again) > 1 else ''} left out")
        rows = [row for row in rows if row not in again]
    width = len(header)
    if rows and all(len(cells) == width + 1 and cells[-1] for _, cells in rows):
        names = [cells[0] for _, cells in rows]
        counted = names in ([str(i) for i in range(len(names))], [str(i + 1) for i in range(len(names))])
        if counted or all(read_number(name, "") is None for name in names):
            header, width = ["", *header], width + 1
    shaped: list[Row] = []
    for line, cells in rows:
        while len(cells) > width and not cells[-1]:
            cells = cells[:-1]
        if len(cells) != width:
            raise ValueError(f"{path}, line {line}: {len(cells)} cells where the header has {width}")
        shaped.append((line, cells))
    return Sheet(header, shaped, tuple(notes), separator)


def _json(text: str, path: Path) -> Sheet | None:
    try:
        return _from_document(json.loads(text), path)
    except json.JSONDecodeError as whole:
        entries = []
        for number, line in enumerate(text.split("\n"), 1):
            if not line.strip():
                continue
            try:
                entries.append((number, json.loads(line)))
            except json.JSONDecodeError as error:
                reason = error if entries else whole
                raise ValueError(f"{path}, line {number}: not JSON ({reason.msg})") from None
        if not all(isinstance(entry, dict) for _, entry in entries):
            raise ValueError(f'{path}: each line of JSON must be an object, e.g. {{"params": 1e8, ...}}') from None
        return _from_entries(entries)


def _from_document(document: Any, path: Path) -> Sheet:
    if isinstance(document, dict):
        if isinstance(document.get("columns"), list) and isinstance(document.get("data"), list):
            document = [dict(zip(document["columns"], row, strict=False)) for row in document["data"]]
        elif document and all(isinstance(value, list) for value in document.values()) and len(document) > 1:
            if len({len(value) for value in document.values()}) == 1:
                document = [dict(zip(document, row, strict=True)) for row in zip(*document.values(), strict=True)]
        elif document and all(isinstance(value, dict) for value in document.values()):
            first = next(iter(document.values()))
            if any(isinstance(value, dict) for value in first.values()) or any(read_header(key) for key in first):
                document = [{"name": name, **value} for name, value in document.items()]
            else:
                keys = list(first)
                document = [{name: column.get(key) for name, column in document.items()} for key in keys]
    if isinstance(document, dict):
        lists = [v for v in document.values() if isinstance(v, list) and v and all(isinstance(e, dict) for e in v)]
        document = lists[0] if len(lists) == 1 else [document]
    if isinstance(document, list) and document and all(isinstance(row, list) for row in document):
        header, *rest = document
        document = [dict(zip(map(str, header), row, strict=False)) for row in rest]
    if not (isinstance(document, list) and document and all(isinstance(entry, dict) for entry in document)):
        raise ValueError(f'{path} is JSON, but no list of runs; write [{{"params": ..., "tokens": ..., "loss": ...}}]')
    return _from_entries(list(enumerate(document, 1)))


def _from_entries(entries: Sequence[tuple[int, dict[str, Any]]]) -> Sheet:
    flat = [(number, _flat(entry)) for number, entry in entries]
    header = list(dict.fromkeys(key for _, entry in flat for key in entry))
    return Sheet(header, [(number, [_text(entry.get(key)) for key in header]) for number, entry in flat])


def _flat(entry: dict[str, Any], above: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in entry.items():
        name = f"{above}{key}"
        if isinstance(value, dict):
            found.update({"value": _flat(value, f"{name}.")}["value"])
        elif not isinstance(value, list):
            found[name] = value
    return found


def _text(value: Any) -> str:
    if value is None:
        return ""
    if hasattr(value, "item") and not isinstance(value, str):
        value = value.item()
    return repr(value) if isinstance(value, float) else str(value).strip()


def _zipped(data: bytes, path: Path) -> Sheet:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX")]
        if "xl/workbook.xml" in names:
            return _excel(data, path)
        if "content.xml" in names:
            raise ValueError(f"{path} is an OpenDocument sheet; save it as .xlsx or CSV")
        if len(names) != 1:
            raise ValueError(f"{path} holds {len(names)} files; give the one with the runs")
        return load_bytes(archive.read(names[0]), path)


def _excel(data: bytes, path: Path) -> Sheet:
    try:
        import openpyxl  # a second to import, for this one format
    except ImportError:
        raise ValueError(f"reading {path} takes openpyxl: pip install openpyxl (or save the sheet as CSV)") from None
    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    best: tuple[int, str, list[Row], int] | None = None
    for sheet in book.worksheets:
        rows = [
            (number, cells)
            for number, values in enumerate(sheet.iter_rows(values_only=True), 1)
            if any(cells := [_text(value) for value in values])
        ]
        at, score = _header_row(rows, (), "")
        if rows and (best is None or score > best[0]):
            best = (score, sheet.title, rows, at)
    if best is None:
        raise ValueError(f"{path} is empty; its first row must name the columns, e.g. params, tokens, loss")
    _, title, rows, at = best
    notes = [f"sheet {title!r}"] if len(book.worksheets) > 1 else []
    return _shape(rows[at][1], rows[at + 1 :], notes, "", path)


def _parquet(data: bytes, path: Path) -> Sheet:
    try:
        import pyarrow.parquet as parquet  # half a second to import, for this one format
    except ImportError:
        raise ValueError(f"reading {path} takes pyarrow: pip install pyarrow (or save the runs as CSV)") from None
    try:
        entries = parquet.read_table(io.BytesIO(data)).to_pylist()
    except Exception as error:  # noqa: BLE001  # pyarrow has its own tree of exceptions
        raise ValueError(f"{path} is damaged: {error}") from None
    if not entries:
        raise ValueError(f"{path} has no runs")
    return _from_entries(list(enumerate(entries, 1)))
