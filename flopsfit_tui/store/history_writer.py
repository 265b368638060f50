"""Collects rows of training loss into blocks, and says what is to be written of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flopsfit_tui.store.base import HistoryRow
from flopsfit_tui.store.blocks import BLOCK_ROWS, block_seal, pack

Statement = tuple[str, tuple[Any, ...]]
_INSERT = "insert or replace into history (trial, part, last, rows, seal) values (?, ?, ?, ?, ?)"
_DELETE = "delete from history where trial = ?"


@dataclass
class _Block:
    part: int
    rows: list[HistoryRow] = field(default_factory=list)


class HistoryWriter:
    """The last block of each trial, which still grows; `parts` says how many blocks of a trial are stored."""

    def __init__(self, parts: Callable[[str], int]) -> None:
        self._parts = parts
        self._blocks: dict[str, _Block] = {}
        self._changed: set[str] = set()

    def clear(self, trial: str) -> Statement:
        """Begin a trial's history anew."""
        self._blocks[trial] = _Block(0)
        self._changed.discard(trial)
        return _DELETE, (trial,)

    def append(self, trial: str, row: HistoryRow) -> list[Statement]:
        """One more row; the statement of a block that is full by it."""
        block = self._blocks.setdefault(trial, _Block(-1))
        if block.part < 0:
            block.part = self._parts(trial)
        if block.rows and block.rows[-1].step == row.step:
            block.rows.pop()
        block.rows.append(row)
        self._changed.add(trial)
        if len(block.rows) < BLOCK_ROWS:
            return []
        statement = _statement(trial, block)
        self._blocks[trial] = _Block(block.part + 1)
        self._changed.discard(trial)
        return [statement]

    def end(self, trial: str) -> list[Statement]:
        """A trial has ended: its last block, which is then forgotten here."""
        block = self._blocks.pop(trial, None)
        changed = trial in self._changed
        self._changed.discard(trial)
        return [_statement(trial, block)] if block and changed else []

    def statements(self) -> list[Statement]:
        """What is not written yet of the blocks that grow."""
        return [_statement(trial, self._blocks[trial]) for trial in sorted(self._changed)]

    def written(self) -> None:
        """All that `statements` gave is on disk."""
        self._changed.clear()


def _statement(trial: str, block: _Block) -> Statement:
    key, packed = (trial, block.part, block.rows[-1].step), pack(block.rows)
    return _INSERT, (*key, packed, block_seal(*key, packed))
