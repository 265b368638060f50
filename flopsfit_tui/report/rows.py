"""The rows of the CSV files: their columns are a contract with scripts outside."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, fields
from typing import Any

from flopsfit_tui.core.trial import Outcome, Plan
from flopsfit_tui.report.analysis import OptimumRow
from flopsfit_tui.store.base import HistoryRow

Row = Sequence[Any]

TRIALS = (
    *("trial", "status", "budget", "size", "params", "tokens", "samples", "steps", "batch_size", "seed", "flops"),
    *("loss", "train_loss", "seconds", "tokens_per_second", "learning_rate", "device", "error"),
)
HISTORY = ("trial", "step", "tokens", "flops", "loss", "seconds")
OPTIMUM = [field.name for field in fields(OptimumRow)]


def trial_rows(plan: Plan, outcomes: Mapping[str, Outcome]) -> Iterator[Row]:
    """One row a trial. Tokens, samples, steps and FLOPs are those spent; of a trial that is pending, those planned."""
    for trial in plan.trials:
        outcome = outcomes.get(trial.key)
        spent = outcome or trial
        yield (
            trial.key,
            outcome.status if outcome else "pending",
            trial.budget,
            trial.size,
            trial.params,
            spent.tokens,
            spent.samples,
            spent.steps,
            trial.batch_size,
            trial.seed,
            spent.flops,
            outcome and _known(outcome.loss),
            outcome and _known(outcome.train_loss),
            outcome and _known(outcome.seconds),
            outcome and _known(outcome.tokens_per_second),
            trial.learning_rate,
            outcome.device if outcome else "",
            outcome.error if outcome else "",
        )


def history_rows(plan: Plan, history: Mapping[str, Sequence[HistoryRow]]) -> Iterator[Row]:
    """Every kept progress of every trial of the plan, in order."""
    for trial in plan.trials:
        for row in history.get(trial.key, ()):
            yield (trial.key, *astuple(row))


def optimum_rows(rows: Iterable[OptimumRow]) -> Iterator[Row]:
    """One row a budget."""
    return (astuple(row) for row in rows)


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Rows under a header; None is an empty cell, floats keep every digit."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
