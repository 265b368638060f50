"""What `find_optimal` returns: the trials, the fit, and every way to ask for the answer."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from flopsfit_tui.core.html import html_lines, html_table
from flopsfit_tui.core.notebook import in_notebook
from flopsfit_tui.core.trial import Outcome, Plan
from flopsfit_tui.fit import Fit
from flopsfit_tui.fit.law import positive_budget
from flopsfit_tui.report.answer.analysis import Analysis, analyse, optimum_at
from flopsfit_tui.report.answer.no_optimum import why_no_optimum
from flopsfit_tui.report.answer.sweep_runs import sweep_runs
from flopsfit_tui.report.files.csv_rows import TRIALS, trial_rows
from flopsfit_tui.report.files.export import export_sweep
from flopsfit_tui.report.text.chinchilla import chinchilla_markdown
from flopsfit_tui.report.text.summary import law_text, summary, warnings_text
from flopsfit_tui.report.text.table import optimum_cells, optimum_head
from flopsfit_tui.store.manifest import write_files
from flopsfit_tui.store.sqlite import SqliteStore


class Prediction(dict[str, Any]):
    """The optimum at a budget, by key or by attribute; bounds are those of 95 % intervals, None where there is none."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"a prediction has {', '.join(self)}; not {name!r}") from None


def _whole(count: float | None) -> int | float | None:
    """A whole number of parameters or tokens; what is open or infinite stays so."""
    return round(count) if count is not None and math.isfinite(count) else count


class Result:
    """A finished (or stopped) sweep and what it says."""

    def __init__(self, plan: Plan, outcomes: Mapping[str, Outcome], directory: Path) -> None:
        self.plan, self.directory = plan, directory
        self._outcomes = dict(outcomes)

    @cached_property
    def analysis(self) -> Analysis:
        """Everything that is drawn and written: points, parabolas, optimum rows, warnings."""
        return analyse(sweep_runs(self.plan, self._outcomes))

    @property
    def fit(self) -> Fit:
        """The fitted law with its intervals and warnings."""
        return self.analysis.fit

    @property
    def trials(self) -> list[dict[str, Any]]:
        """One dict a trial, with the columns of trials.csv."""
        return [dict(zip(TRIALS, row, strict=True)) for row in trial_rows(self.plan, self._outcomes)]

    @property
    def output_dir(self) -> str:
        """The directory that holds sweep.db, the CSV files and the plots."""
        return str(self.directory)

    @property
    def compute_budgets(self) -> list[float]:
        """The budgets that were swept, ascending."""
        return self.plan.compute_budgets

    def predict(self, compute_budget: float) -> Prediction:
        """The compute-optimal size for a budget of `compute_budget` training FLOPs.

        Keys: target_compute, optimal_params (N) and optimal_tokens (D, in the plan's unit) as whole numbers,
        expected_loss (nats), tokens_per_param; params_low, params_high, tokens_low, tokens_high, loss_low, loss_high
        (95 %); size, the setting of the knob, among those measured, that is best there. Raises ValueError for a budget
        that is not positive, and while there is no law: it takes at least six finished trials over two budgets.
        """
        best = optimum_at(self.analysis, positive_budget(compute_budget))
        if best is None or not best.fitted_across_budgets:
            reasons = "; ".join(warning.message for warning in self.fit.warnings) or "the losses determine none"
            raise ValueError(f"there is no law to predict with: {reasons}")
        return Prediction(
            target_compute=best.budget,
            optimal_params=_whole(best.params),
            optimal_tokens=_whole(best.tokens),
            expected_loss=best.loss,
            tokens_per_param=best.tokens_per_param,
            params_low=_whole(best.params_low),
            params_high=_whole(best.params_high),
            tokens_low=_whole(best.tokens_low),
            tokens_high=_whole(best.tokens_high),
            loss_low=best.loss_low,
            loss_high=best.loss_high,
            size=best.size,
        )

    def chinchilla_table(self, compute_budgets: Sequence[float] | None = None) -> str:
        """Compute-optimal size and data as a Markdown table, one row a budget.

        compute_budgets: training FLOPs; None: those of the sweep, and 10 and 100 times the largest. Columns: Compute
        Budget, Optimal N, Optimal D, D/N Ratio, Predicted Loss; then the 95 % interval of N, the setting of the
        knob, among those measured, that is best there, and whether the row is measured or extrapolated.
        """
        return chinchilla_markdown(self.analysis, compute_budgets)

    def plot(self, show: bool = False, save: bool = True) -> list[Any]:
        """The plots as matplotlib figures: IsoFLOP curves, optimum by compute, training losses, residuals.

        Each has its name (isoflop, scaling, loss_curves, residuals) as its label. show: open a window for each. In a
        notebook they are shown under the cell in any case. save: write them as PNG to `plots` in the output directory.
        Without matplotlib the IsoFLOP curves are printed as text, and the list is empty.
        """
        try:
            from flopsfit_tui.report.plots import figures  # matplotlib: an extra
            from flopsfit_tui.report.plots import show as output
        except ImportError:
            return self._print_plot()
        drawn = figures.all_figures(self.plan, self.analysis, self._history())
        for name, figure in drawn.items():
            figure.set_label(name)
        if save:
            pictures = {f"plots/{name}": content for name, content in figures.as_png(drawn).items()}
            write_files(self.directory, pictures)
        if in_notebook():
            output.show_in_notebook(drawn)
        elif show:
            output.show_in_windows(drawn)
        return list(drawn.values())

    def _print_plot(self) -> list[Any]:
        from flopsfit_tui.report.plots.printing import print_plot
        from flopsfit_tui.report.plots.series import isoflop_series
        from flopsfit_tui.report.plots.terminal import isoflop_plot

        try:
            print_plot(partial(isoflop_plot, isoflop_series(self.analysis)), sys.stdout)
        except ValueError as nothing:
            print(nothing)
        print("figures need matplotlib: pip install 'flopsfit-tui[plots]'", file=sys.stderr)
        return []

    def to_csv(self, directory: str | Path | None = None) -> list[Path]:
        """Write every file of the sweep again, to `directory` or its own; the paths.

        Raises ValueError for a file in the way that this sweep did not write.
        """
        written = export_sweep(
            Path(directory or self.directory), self.plan, self._outcomes, self._history(), self.analysis
        )
        if written.problem:
            print(f"warning: {written.problem}", file=sys.stderr)
        return written.paths

    def _history(self) -> Mapping[str, Any]:
        store = SqliteStore(self.directory, read_only=True)
        try:
            return store.history()
        finally:
            store.close()

    def __repr__(self) -> str:
        return f"<Result of {self.plan.workload} in {self.directory}>\n{summary(self.analysis)}"

    def _repr_html_(self) -> str:
        analysis = self.analysis
        rows = [optimum_cells(analysis, row) for row in analysis.optimum]
        words = [law_text(analysis), warnings_text(analysis.warnings)]
        title = f"{self.plan.workload} in {self.directory}"
        table = html_table(optimum_head(analysis), rows) if rows else html_lines(why_no_optimum(analysis))
        return html_lines(title) + table + "".join(html_lines(text) for text in words if text)
