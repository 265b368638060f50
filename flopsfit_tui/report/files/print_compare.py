"""compare: the answer on stdout, the curves on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from flopsfit_tui.core.output import print_lines
from flopsfit_tui.core.text import printable
from flopsfit_tui.report.answer.compare import Comparison, compare
from flopsfit_tui.report.files.sweeps import read_sweep
from flopsfit_tui.report.plots.compare_plots import compare_isoflop_plot, compare_optimum_plot
from flopsfit_tui.report.plots.printing import print_plot
from flopsfit_tui.report.text.compare_text import compare_document, compare_text


def compare_directories(directories: Sequence[Path], targets: Sequence[float] = ()) -> Comparison:
    """Read sweeps and compare them. Raises ValueError where there is none, or only one."""
    sweeps = [(str(directory), read_sweep(directory, targets)) for directory in directories]
    return compare([(name, sweep.plan, sweep.analysis) for name, sweep in sweeps], targets)


def print_compare(directories: Sequence[Path], targets: Sequence[float], style: str) -> int:
    """Print a comparison; 0."""
    comparison = compare_directories(directories, targets)
    for draw in (compare_isoflop_plot, compare_optimum_plot):
        try:
            print_plot(partial(draw, comparison), sys.stderr)
        except ValueError as error:
            print(printable(str(error)), file=sys.stderr)
    print_lines(compare_text(comparison) if style == "table" else json.dumps(compare_document(comparison), indent=2))
    return 0
