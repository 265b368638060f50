"""The rows of the CSV files: their columns are a contract with scripts outside."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, astuple
from typing import Any

from flopsfit_tui.core.text import csv_cell
from flopsfit_tui.core.trial import Outcome, Plan
from flopsfit_tui.report.answer.analysis import OptimumRow
from flopsfit_tui.report.answer.sweep_runs import sweep_of, sweep_runs
from flopsfit_tui.store.base import HistoryRow

Row = Sequence[Any]

TRIALS = (
    *("trial", "status", "budget", "size", "params", "tokens", "samples", "steps", "batch_size", "seed", "flops"),
    *("loss", "train_loss", "seconds", "tokens_per_second", "learning_rate", "device", "error"),
    *("first_loss", "sweep"),  # the untrained model's; and, in the first row, what the trials have in common, as JSON
    "left_out",  # why a trial that ended is not fitted
    "mfu",
)
HISTORY = ("trial", "step", "tokens", "flops", "loss", "seconds")
OPTIMUM = (
    *("budget", "kind", "params", "params_low", "params_high", "tokens", "tokens_per_param"),
    *("loss", "loss_low", "loss_high", "size", "method"),
)


def trial_rows(plan: Plan, outcomes: Mapping[str, Outcome]) -> Iterator[Row]:
    """One row a trial. Tokens, samples, steps and FLOPs are those spent; of a trial that is pending, those planned."""
    reasons = {one.trial: one.reason for one in sweep_runs(plan, outcomes).left_out}
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
            outcome and _known(outcome.first_loss),
            sweep_json(plan) if trial is plan.trials[0] else "",
            reasons.get(trial.key, ""),
            outcome and _known(outcome.mfu),
        )


def sweep_json(plan: Plan) -> str:
    """What an answer needs beside the trials: names, unit, budgets, every measured size with its cost."""
    return json.dumps(asdict(sweep_of(plan)), ensure_ascii=False)


def history_rows(plan: Plan, history: Mapping[str, Sequence[HistoryRow]]) -> Iterator[Row]:
    """Every kept progress of every trial of the plan, in order."""
    for trial in plan.trials:
        for row in history.get(trial.key, ()):
            yield (trial.key, *astuple(row))


def optimum_rows(rows: Iterable[OptimumRow]) -> Iterator[Row]:
    """One row a budget."""
    return ([getattr(row, name) for name in OPTIMUM] for row in rows)


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Rows under a header; None is an empty cell, floats keep every digit, and no text is a spreadsheet's formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([csv_cell(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return text.getvalue()
