"""The app as a command: from options or a directory to an exit code, and what stands on the terminal afterwards."""

from __future__ import annotations

import faulthandler
import gc
import os
import subprocess
import sys
import time
from pathlib import Path

from flopsfit_tui.core.options import Options
from flopsfit_tui.core.output import print_lines
from flopsfit_tui.core.request import Request
from flopsfit_tui.tui.app import FlopsfitApp
from flopsfit_tui.tui.session.app_state import AppState
from flopsfit_tui.tui.session.signals import ended_by_signals
from flopsfit_tui.tui.settings.config import config_path
from flopsfit_tui.tui.settings.load import load_config

SWITCH_SECONDS = 0.0005  # a thread that fits or reads gives way to a key ten times sooner than Python's 5 ms
LET_GO_SECONDS = 30.0  # until the sweep of the app has let its directory go
DUMB = ("dumb", "unknown")  # terminals that print what they get


def open_app(directory: Path, targets: tuple[float, ...] = (), read_only: bool = False) -> int:
    """Look at a sweep in the app; watch and, unless `read_only`, control it while another process runs it; the exit
    code.

    With `read_only` no key changes the sweep or writes its files.

    Raises ValueError when the directory holds no sweep.
    """
    from flopsfit_tui.store.sqlite import SqliteStore  # the start screen does without

    config = load_config(FlopsfitApp)
    store = SqliteStore(directory, read_only=True)
    plan = store.plan()
    store.close()
    options = Options(Request(plan.workload if plan else "?"), out=directory, targets=targets)
    return run(FlopsfitApp(options, reading=directory, config=config, read_only=read_only))


def run_app(options: Options, *, start: bool = False) -> int:
    """Run the app on its start screen, or sweeping at once; the exit code."""
    return run(FlopsfitApp(options, start, config=load_config(FlopsfitApp)))


def print_config() -> None:
    """Print every setting and every key on stdout. Raises ValueError when the user's file is refused."""
    from flopsfit_tui.tui.settings.config_text import config_text  # with every screen, whose keys they are
    from flopsfit_tui.tui.settings.keymap import all_actions

    config = load_config(FlopsfitApp)
    print(config_text(config, all_actions(FlopsfitApp), config_path()))


def check_terminal() -> None:
    """Raise ValueError where the app cannot be seen or ended: without a terminal, or on one that has no cursor."""
    if in_browser():
        return
    instead = "sweep with --no-ui (ui=False in Python), and read a sweep with fit, predict or export"
    if not (sys.stdin.isatty() and sys.stderr.isatty()):  # Textual draws on stderr; stdout may go to a file
        raise ValueError(f"the app needs a terminal; without one {instead}")
    if os.environ.get("TERM") in DUMB:
        term = os.environ["TERM"]
        raise ValueError(f"the app needs a terminal whose cursor moves, and TERM is {term!r}; here {instead}")


def in_browser() -> bool:
    """Whether a server in place of a terminal draws the app: textual-serve says so by Textual's own variable."""
    return os.environ.get("TEXTUAL_DRIVER", "").endswith(":WebDriver")


def _keep_packets_whole() -> None:
    """The server reads packets on stdout: what a worker or a library prints there goes to stderr in their place."""
    packets = os.dup(1)  # which no child inherits
    os.dup2(2, 1)
    sys.__stdout__ = os.fdopen(packets, "w")  # type: ignore[misc]  # where Textual's web driver writes


def _prepare_for_ray() -> None:
    """Start what needs a stderr with a file number, before the app takes it; `ray.init` would fail in its place."""
    from multiprocessing import resource_tracker  # only Ray needs it

    if not faulthandler.is_enabled():
        faulthandler.enable(all_threads=False)
    resource_tracker.ensure_running()


def run(app: FlopsfitApp) -> int:
    """Run the app until it ends, then say on the terminal what came of it; the exit code.

    Raises ValueError where there is no terminal for it.
    """
    check_terminal()
    if app.app_state.options.executor == "ray":
        _prepare_for_ray()
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.freeze()  # what is imported stays: collections need not look through it, 20 ms at a time
    gc.disable()  # until the first paint
    with ended_by_signals(app.leave_soon, served=in_browser()):
        if in_browser():
            _keep_packets_whole()
        try:
            code = app.run()
        finally:
            gc.enable()
            app.on_unmount()  # also where Textual did not come that far: its threads would keep the process
    app_state = app.app_state
    if app_state.plan and app_state.analysis and app_state.analysis.optimum and not in_browser():
        from flopsfit_tui.report.text.summary import summary  # the first paint came before it

        print_lines(summary(app_state.analysis))
    if app_state.leaving and app_state.directory:
        return leave_running(app_state.options, app_state.directory)
    if app_state.state.trials or app_state.problem:
        _log_what_is_left(app_state)
    return code if code is not None else app.return_code or 1


def _log_what_is_left(app_state: AppState) -> None:
    from flopsfit_tui.report.text.progress import log  # the first paint came before them
    from flopsfit_tui.report.text.resume_command import resume_command

    if app_state.state.trials and app_state.directory and not app_state.reading:
        log(f"the sweep is in {app_state.directory}")
        if app_state.state.left:
            log(f"go on with: {resume_command(app_state.options, app_state.directory)}")
    if app_state.problem and not app_state.state.trials:
        log(f"flopsfit-tui: {app_state.problem}")


def leave_running(options: Options, directory: Path) -> int:
    """Let a process without a terminal go on with a sweep that has been stopped here; the exit code."""
    from flopsfit_tui.report.text.progress import log  # the first paint came before them
    from flopsfit_tui.report.text.resume_command import resume_arguments, resume_command
    from flopsfit_tui.store.directory import sweeping_process

    until = time.monotonic() + LET_GO_SECONDS
    while sweeping_process(directory) == os.getpid() and time.monotonic() < until:
        time.sleep(0.05)  # the thread that swept here is closing its store
    command = [sys.executable, "-m", "flopsfit_tui", *resume_arguments(options, directory), "--detach"]
    code = subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode
    if code:
        log("it is not left running", f"go on with: {resume_command(options, directory)}")
    return code
