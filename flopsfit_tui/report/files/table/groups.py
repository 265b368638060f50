"""Columns whose groups follow different laws: found by how much better one offset a group describes the losses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flopsfit_tui.report.files.table.load import Row
from flopsfit_tui.report.files.table.numbers import read_number
from flopsfit_tui.report.files.table.rows import plain

Floats = NDArray[np.float64]
MOST = 12  # groups; more are names of runs
FEWEST = 3  # rows a group
MOST_NUMBERS = 6  # different values of a column of numbers that may be groups
F_RATIO, SHIFT = 20.0, 0.003  # how much better, and how far apart in log loss, before it is worth a warning
UNLIKE = ("seed", "layer", "depth", "width", "dim", "head", "hidden", "step", "time", "sec", "score", "acc", "loss")


def different_groups(
    header: Sequence[str], rows: Sequence[Row], used: set[int], N: Floats, D: Floats, L: Floats
) -> list[tuple[str, int]]:
    """Names of columns whose groups differ, with the number of groups, the clearest first."""
    found = []
    good = np.isfinite(L) & (L > 0)
    if good.sum() < 10:
        return []
    for at, name in enumerate(header):
        if at in used or not name or any(word in plain(name) for word in UNLIKE):
            continue
        labels = np.array([row[at] for _, row in rows])[good]
        values, counts = np.unique(labels, return_counts=True)
        if not 2 <= values.size <= MOST or (counts < FEWEST).any():
            continue
        numbers = all(read_number(str(value), "") is not None for value in values)
        if numbers and values.size > MOST_NUMBERS:
            continue
        if any(_follows(labels, quantity[good]) for quantity in (N, D, N * D)):
            continue
        ratio = _gain(labels, np.log(N[good]), np.log(D[good]), np.log(L[good]))
        if ratio is not None:
            found.append((ratio, name, values.size))
    return [(name, count) for _, name, count in sorted(found, key=lambda entry: -entry[0])]


def _follows(labels: NDArray[np.str_], quantity: Floats) -> bool:
    """Whether a column is only another name for a size or a budget: one label for each value of it."""
    rounded = np.round(np.log(quantity), 1)
    seen: dict[float, set[str]] = {}
    for value, label in zip(rounded, labels, strict=True):
        seen.setdefault(float(value), set()).add(str(label))
    return len(seen) < labels.size and all(len(group) == 1 for group in seen.values())


def _gain(labels: NDArray[np.str_], n: Floats, d: Floats, loss: Floats) -> float | None:
    """The F ratio of an offset and slopes a group over one quadratic in ln N and ln D; None where groups are alike."""
    n, d = n - n.mean(), d - d.mean()
    common = np.column_stack([np.ones_like(n), n, d, n * n, n * d, d * d])
    values = np.unique(labels)
    own = [np.where(labels == value, 1.0, 0.0) for value in values[1:]]
    whole = np.column_stack([common, *own])
    before, _ = _left(common, loss)
    after, solution = _left(whole, loss)
    free = loss.size - whole.shape[1]
    if free < 3:
        return None
    ratio = float((before - after) / len(own) / max(after / free, 1e-12))
    offsets = np.append(solution[common.shape[1] :], 0.0)
    return ratio if ratio > F_RATIO and float(np.ptp(offsets)) > SHIFT else None


def _left(columns: Floats, y: Floats) -> tuple[float, Floats]:
    solution = np.linalg.lstsq(columns, y, rcond=None)[0]
    residual = y - columns @ solution
    return float(residual @ residual), np.asarray(solution, dtype=np.float64)
