"""The app as a command: from options or a directory to an exit code, and what stands on the terminal afterwards."""

from __future__ import annotations

import contextlib
import gc
import sys
from pathlib import Path

from flopsfit_tui.core.options import Options
from flopsfit_tui.core.trial import Request
from flopsfit_tui.report.summary import summary
from flopsfit_tui.store.sqlite import SqliteStore
from flopsfit_tui.tui.app import FlopsfitApp
from flopsfit_tui.tui.config import config_path
from flopsfit_tui.tui.config_text import config_text
from flopsfit_tui.tui.keymap import everywhere, load_config
from flopsfit_tui.tui.sweep_thread import export_tables

SWITCH_SECONDS = 0.0005  # a thread that fits or reads gives way to a key ten times sooner than Python's 5 ms


def open_app(directory: Path, targets: tuple[float, ...] = ()) -> int:
    """Look at a sweep in the app, and follow it while another process runs it; the exit code.

    Raises ValueError when the directory holds no sweep.
    """
    config = load_config(FlopsfitApp)
    store = SqliteStore(directory, read_only=True)
    plan = store.plan()
    store.close()
    options = Options(Request(plan.workload if plan else "?"), out=directory, targets=targets)
    return run(FlopsfitApp(options, reading=directory, config=config))


def run_app(options: Options, *, start: bool = False) -> int:
    """Run the app on its start screen, or sweeping at once; the exit code."""
    return run(FlopsfitApp(options, start, config=load_config(FlopsfitApp)))


def print_config() -> None:
    """Print every setting and every key on stdout. Raises ValueError when the person's file is refused."""
    config = load_config(FlopsfitApp)
    print(config_text(config, everywhere(FlopsfitApp), config_path()))


def run(app: FlopsfitApp) -> int:
    """Run the app until it ends, then say on the terminal what came of it; the exit code.

    Raises ValueError where there is no terminal: nobody would see it, nor could end it.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):  # Textual draws on stderr; stdout may go to a file
        raise ValueError(
            "the app needs a terminal; without one sweep with --no-ui (ui=False in Python), "
            "and read a sweep with fit, predict or export"
        )
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.freeze()  # what is imported stays: collections need not look through it, 20 ms at a time
    code = app.run()
    board = app.board
    if board.plan and board.analysis and board.analysis.optimum:
        print(summary(board.plan, board.analysis))
    if board.state.trials and board.directory and not board.reading:
        with contextlib.suppress(ValueError, OSError):  # it has been said, or the store would have failed first
            if board.plan:
                export_tables(board.directory, board.plan, board.options.targets)
        print(f"the sweep is in {board.directory}", file=sys.stderr)
    if board.problem and not board.state.trials:
        print(f"flopsfit-tui: {board.problem}", file=sys.stderr)
    return code if code is not None else app.return_code or 1
