"""Seals: every row of a store carries a hash over its table, its key and its values.

A row that was damaged, edited by hand or put under another row's key no longer matches its seal and is left out. The
seal tells accidents and edits; it is no signature, and whoever computes it anew is believed.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, get_args

from flopsfit_tui.core.trial import Outcome, Status

SEAL_BYTES = 16
OUTCOME_COLUMNS = tuple(field.name for field in fields(Outcome))
OUTCOME_KINDS = tuple(str(field.type) for field in fields(Outcome))
_KINDS = dict(zip(OUTCOME_COLUMNS, OUTCOME_KINDS, strict=True))
_STATUSES = get_args(Status)


def seal(table: str, *values: Any) -> bytes:
    """The hash of a row as SQLite gives it back."""
    if table == "outcomes" and values and values[-1] is None:  # the peak, which version 2 did not have
        values = values[:-1]
    text = json.dumps([table, *(v.hex() if isinstance(v, bytes) else v for v in values)])
    return hashlib.blake2b(text.encode(), digest_size=SEAL_BYTES).digest()


def plain(value: Any) -> Any:
    """A value as SQLite gives it back: NaN is null, a text that cannot be encoded is one that can."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, float):
        return None if math.isnan(value) else float(value) + 0.0  # SQLite keeps no negative zero
    return value if value is None else int(value)


def outcome_row(outcome: Outcome) -> tuple[Any, ...]:
    """The values of an outcome's columns."""
    return tuple(
        plain(float(value) if _KINDS[name] == "float" else value)
        for name, value in ((name, getattr(outcome, name)) for name in OUTCOME_COLUMNS)
    )


def outcome_of(values: Iterable[Any]) -> Outcome:
    """The outcome that a row holds; raises ValueError for values that no outcome has."""
    known: dict[str, Any] = {}
    for name, value in zip(OUTCOME_COLUMNS, values, strict=True):
        known[name] = math.nan if value is None and _KINDS[name] == "float" else value
    if known["status"] not in _STATUSES or any(value is None for value in known.values()):
        raise ValueError(f"no outcome has the values {known}")
    return Outcome(**known)


def combined(seals: Iterable[bytes]) -> bytes:
    """One value for a set of seals, whatever their order: a row that is gone or older than it should be changes it."""
    total = 0
    for each in seals:
        total ^= int.from_bytes(each)
    return total.to_bytes(SEAL_BYTES)


class Totals:
    """The seals of the outcomes by trial key, and their combination, which a change costs no more to know of many."""

    def __init__(self, seals: Mapping[str, bytes]) -> None:
        self._seals = dict(seals)
        self._combined = int.from_bytes(combined(self._seals.values()))

    def __contains__(self, trial: str) -> bool:
        return trial in self._seals

    def put(self, trial: str, sealed: bytes) -> None:
        """Another outcome, or a new one of the same trial."""
        self.drop(trial)
        self._seals[trial] = sealed
        self._combined ^= int.from_bytes(sealed)

    def drop(self, trial: str) -> None:
        """A trial has no outcome any more."""
        self._combined ^= int.from_bytes(self._seals.pop(trial, b""))

    def row(self) -> tuple[int, bytes, bytes]:
        """The row that tells how many outcomes there are, and which."""
        count, digest = len(self._seals), self._combined.to_bytes(SEAL_BYTES)
        return count, digest, seal("totals", count, digest)
