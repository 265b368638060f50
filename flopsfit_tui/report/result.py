"""What `find_optimal` returns: the trials, the fit, and every way to ask for the answer."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from flopsfit_tui.core.trial import Outcome, Plan
from flopsfit_tui.fit import Fit
from flopsfit_tui.report.analysis import Analysis, analyse, nearest_size
from flopsfit_tui.report.export import export_sweep
from flopsfit_tui.report.rows import TRIALS, trial_rows
from flopsfit_tui.report.summary import chinchilla_table, summary
from flopsfit_tui.store.sqlite import SqliteStore


class Prediction(dict[str, Any]):
    """The optimum at a budget, by key or by attribute; bounds are those of 95 % intervals, None where there is none."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"a prediction has {', '.join(self)}; not {name!r}") from None


class Result:
    """A finished (or stopped) sweep and what it says."""

    def __init__(self, plan: Plan, outcomes: Mapping[str, Outcome], directory: Path) -> None:
        self.plan, self.directory = plan, directory
        self._outcomes = dict(outcomes)

    @cached_property
    def analysis(self) -> Analysis:
        """Everything that is drawn and written: points, parabolas, optimum rows, warnings."""
        return analyse(self.plan, self._outcomes)

    @property
    def fit(self) -> Fit:
        """The fitted law with its intervals and warnings."""
        return self.analysis.fit

    @property
    def trials(self) -> list[dict[str, Any]]:
        """One dict a trial, with the columns of trials.csv."""
        return [dict(zip(TRIALS, row, strict=True)) for row in trial_rows(self.plan, self._outcomes)]

    def predict(self, target_compute: float) -> Prediction:
        """The compute-optimal size for a budget of `target_compute` training FLOPs.

        Keys: target_compute, optimal_params (N), optimal_tokens (D, in the plan's unit), expected_loss (nats),
        tokens_per_param; params_low, params_high, tokens_low, tokens_high, loss_low, loss_high (95 %); size, the
        nearest setting of the knob that was measured. Raises ValueError for a budget that is not positive, and while
        there is no law: it takes at least six finished trials over two budgets.
        """
        best = self.fit.predict(float(target_compute))
        if best is None:
            reasons = "; ".join(warning.message for warning in self.fit.warnings) or "the losses determine none"
            raise ValueError(f"there is no law to predict with: {reasons}")
        return Prediction(
            target_compute=best.budget,
            optimal_params=best.params,
            optimal_tokens=best.tokens,
            expected_loss=best.loss,
            tokens_per_param=best.tokens_per_param,
            params_low=best.params_low,
            params_high=best.params_high,
            tokens_low=best.tokens_low,
            tokens_high=best.tokens_high,
            loss_low=best.loss_low,
            loss_high=best.loss_high,
            size=nearest_size(self.plan, best.params),
        )

    def chinchilla_table(self) -> str:
        """Compute-optimal size and data for each budget and at 10 and 100 times the largest, as text."""
        return chinchilla_table(self.plan, self.analysis)

    def plot(self) -> Any:
        """The plots by name, as matplotlib figures; without matplotlib, printed and returned as one text."""
        try:
            from flopsfit_tui.report.figures import all_figures
        except ImportError:
            from flopsfit_tui.report.palette import DARK
            from flopsfit_tui.report.plots import isoflop_plot
            from flopsfit_tui.report.series import isoflop_series

            text = isoflop_plot(isoflop_series(self.plan, self.analysis), 90, 28, DARK)
            print(text)
            return text
        return all_figures(self.plan, self.analysis, self._history())

    def to_csv(self, directory: str | Path | None = None) -> list[Path]:
        """Write every file of the sweep again, to `directory` or its own; the paths."""
        return export_sweep(
            Path(directory or self.directory), self.plan, self._outcomes, self._history(), self.analysis
        )

    def _history(self) -> Mapping[str, Any]:
        store = SqliteStore(self.directory, read_only=True)
        try:
            return store.history()
        finally:
            store.close()

    def __repr__(self) -> str:
        return f"<Result of {self.plan.workload} in {self.directory}>\n{summary(self.plan, self.analysis)}"
