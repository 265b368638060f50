"""The trials.csv of a sweep, read back as the sweep itself is: the same runs, so the same answer to the last digit."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flopsfit_tui.core.sizes import restore_size
from flopsfit_tui.core.trial import Size
from flopsfit_tui.report.answer.runs import Runs
from flopsfit_tui.report.answer.sweep_runs import BY_HAND, Ended, Sweep, runs_of
from flopsfit_tui.report.files.csv_rows import TRIALS
from flopsfit_tui.report.files.table.load import Sheet


def own_runs(sheet: Sheet, path: Path) -> Runs | None:
    """The runs of a trials.csv that still says what sweep it is of; None for every other table.

    Raises ValueError, one sentence, for a row that such a sweep cannot have written.
    """
    if not {*TRIALS} - {"left_out"} <= set(sheet.header):  # which earlier versions did not write
        return None
    rows = [(line, dict(zip(sheet.header, row, strict=False))) for line, row in sheet.rows]
    texts = {row["sweep"] for _, row in rows if row.get("sweep", "").strip()}
    if len(texts) != 1:  # cut out, or put together from several sweeps
        return None
    try:
        sweep = _sweep(json.loads(texts.pop()))
    except (ValueError, KeyError, TypeError):
        return None
    settings = {str(size.size): size.size for size in sweep.sizes}
    if any(row["size"] not in settings for _, row in rows):
        return None
    trials = []
    for line, row in rows:
        try:
            trials.append(_trial(row, settings))
        except ValueError as error:
            raise ValueError(f"{path}, line {line}: {error}; a sweep writes numbers there") from None
    return runs_of(sweep, trials)


def _sweep(raw: Mapping[str, Any]) -> Sweep:
    sizes = tuple(Size(**{**size, "size": restore_size(size["size"])}) for size in raw["sizes"])
    return Sweep(**{**raw, "sizes": sizes, "budgets": tuple(raw["budgets"]), "notes": tuple(raw["notes"])})


def _trial(row: Mapping[str, str], settings: Mapping[str, Any]) -> Ended:
    return Ended(
        key=row["trial"],
        status=row["status"],
        budget=float(row["budget"]),
        size=settings[row["size"]],
        params=int(row["params"]),
        tokens=int(row["tokens"]),
        seed=int(row["seed"]),
        loss=_number(row["loss"]),
        first_loss=_number(row["first_loss"]),
        error=row["error"],
        learning_rate=_number(row["learning_rate"]),
        left_out=_by_hand(row.get("left_out", "")),
    )


def _by_hand(cell: str) -> str | None:
    """The reason that the user gave for keeping a trial out of the fit; None for one that is not kept out."""
    return cell.removeprefix(BY_HAND).removeprefix(": ") if cell.startswith(BY_HAND) else None


def _number(cell: str) -> float:
    return float(cell) if cell.strip() else math.nan
