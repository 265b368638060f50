"""fit and predict on a table or a sweep's directory: the answer on stdout, how the table was read on stderr."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from flopsfit_tui.core.output import print_lines
from flopsfit_tui.core.text import printable
from flopsfit_tui.fit import Form
from flopsfit_tui.report.answer.analysis import Analysis, analyse
from flopsfit_tui.report.answer.runs import check_names
from flopsfit_tui.report.files.document import answer_document
from flopsfit_tui.report.files.read_runs import read_groups, read_runs
from flopsfit_tui.report.files.sweeps import say_damage
from flopsfit_tui.report.text.summary import prediction_text, report_text


def print_fit(
    file: Path,
    targets: tuple[float, ...],
    style: str,
    width: int,
    *,
    full: bool,
    delta: float | None,
    by: str | None,
    keep_all: bool = False,
    leave_out: tuple[str, ...] = (),
    form: Form | None = None,
    **reading: Any,
) -> int:
    """Print one report, or one for each value of column `by`; 0.

    keep_all: fit outliers too; leave_out: runs not to fit, by line or name; form: as for fit_law. Raises ValueError
    for what cannot be read, and for a run that is not there.
    """
    say_damage(file)
    try:
        groups = {"": read_runs(file, **reading)} if by is None else read_groups(file, by, **reading)
    except OSError as error:
        raise ValueError(
            f"{str(file)!r} cannot be read ({error.strerror}); give a CSV or a sweep's directory"
        ) from None
    for note in next(iter(groups.values())).notes:
        print(printable(note), file=sys.stderr)
    check_names(groups.values(), leave_out)
    reports = {
        name: analyse(runs, targets, delta=delta, full=full, keep_all=keep_all, leave_out=leave_out, form=form)
        for name, runs in groups.items()
    }
    if style == "json":
        documents = {name: answer_document(report) for name, report in reports.items()}
        print_lines(json.dumps(documents[""] if by is None else documents, indent=2, ensure_ascii=False))
    elif by is None:
        print_lines(_text(reports[""], width, full))
    else:
        parts = ((f"{by} = {name or '(blank)'}", report) for name, report in reports.items())
        print_lines("\n\n".join(f"{head}\n{'=' * len(head)}\n{_text(report, width, full)}" for head, report in parts))
    return 0


def _text(report: Analysis, width: int, full: bool) -> str:
    return report_text(report, width) if full else prediction_text(report, width)
