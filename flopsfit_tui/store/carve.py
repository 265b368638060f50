"""Rows out of the bytes of a SQLite file, where SQLite itself no longer reads it.

Every page is read on its own (https://www.sqlite.org/fileformat2.html), so that a damaged header or a damaged page
costs no row of another page. Whatever comes out is only believed by its seal.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LEAF = 13  # the type of a page that holds rows
PAGE_SIZE = 4096  # SQLite's default since 2016; our files have no other
WAL_HEADER, FRAME_HEADER = 32, 24
_INTEGER_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}

Record = tuple[Any, ...]


def carve(path: Path) -> Iterator[tuple[int, Record]]:
    """Every row that can be decoded, as (rowid, values); the columns that alias a rowid are None. Raises OSError."""
    for pages in (_pages(path, 0, 0), _pages(path.with_name(f"{path.name}-wal"), WAL_HEADER, FRAME_HEADER)):
        numbered = list(pages)
        for number, page in enumerate(numbered, 1):
            yield from _rows(page, 100 if number == 1 and page[0] != LEAF else 0, numbered)


def _pages(path: Path, header: int, frame: int) -> Iterator[bytes]:
    if not path.is_file() or path.is_symlink():
        return
    with path.open("rb") as file:
        file.seek(header)
        while block := file.read(frame + PAGE_SIZE):
            yield block[frame:].ljust(PAGE_SIZE, b"\0")


def _rows(page: bytes, at: int, pages: list[bytes]) -> Iterator[tuple[int, Record]]:
    if page[at] != LEAF:
        return
    (count,) = struct.unpack_from(">H", page, at + 3)
    pointers = page[at + 8 : at + 8 + 2 * min(count, PAGE_SIZE // 4)]
    for (cell,) in struct.iter_unpack(">H", pointers[: len(pointers) // 2 * 2]):
        try:
            size, start = _varint(page, cell)
            rowid, start = _varint(page, start)
            yield rowid, _record(_payload(page, start, size, pages))
        except (IndexError, ValueError, struct.error, OverflowError):
            continue  # this one is damaged


def _payload(page: bytes, start: int, size: int, pages: list[bytes]) -> bytes:
    """The bytes of a row; what does not fit its page goes on in a chain of others."""
    most, least = PAGE_SIZE - 35, (PAGE_SIZE - 12) * 32 // 255 - 23
    if size <= most:
        return page[start : start + size]
    if size > len(pages) * PAGE_SIZE:
        raise ValueError("larger than the file")
    here = least + (size - least) % (PAGE_SIZE - 4)
    here = here if here <= most else least
    parts, left = [page[start : start + here]], size - here
    (following,) = struct.unpack_from(">I", page, start + here)
    while left > 0:
        if not 0 < following <= len(pages):
            raise ValueError("the chain is broken")
        overflow = pages[following - 1]
        (following,) = struct.unpack_from(">I", overflow)
        parts.append(overflow[4 : 4 + left])
        left -= len(parts[-1])
    return b"".join(parts)


def _record(payload: bytes) -> Record:
    end, at = _varint(payload, 0)
    kinds = []
    while at < end:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    values: list[Any] = []
    for kind in kinds:
        size = _INTEGER_BYTES.get(kind, 8 if kind == 7 else (kind - 12) // 2 if kind >= 12 else 0)
        raw = payload[at : at + size]
        if len(raw) < size:
            raise ValueError("cut off")
        at += size
        values.append(_value(kind, raw))
    return tuple(values)


def _value(kind: int, raw: bytes) -> Any:
    if kind in (8, 9):
        return kind - 8
    if kind in _INTEGER_BYTES:
        return int.from_bytes(raw, signed=True)
    if kind == 7:
        return struct.unpack(">d", raw)[0]
    if kind >= 12:
        return raw if kind % 2 == 0 else raw.decode(errors="surrogateescape")
    return None


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of one to nine bytes, and where the next begins."""
    value = 0
    for i in range(8):
        byte = data[at + i]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + i + 1
    return value << 8 | data[at + 8], at + 9
