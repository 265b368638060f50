"""A sweep without the app: progress messages on stderr, the result on stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from flopsfit_tui.conduct import Sweep, add_estimate, check_out, plan_in_directory
from flopsfit_tui.core.control import Control
from flopsfit_tui.core.detach import LetGo
from flopsfit_tui.core.error_text import take_apart
from flopsfit_tui.core.events import Note, SweepStarted, TrialEnded
from flopsfit_tui.core.exit_codes import DONE, INTERRUPTED
from flopsfit_tui.core.options import Options
from flopsfit_tui.core.output import print_lines
from flopsfit_tui.core.signals import signals_stop
from flopsfit_tui.core.state import SweepState, exit_code
from flopsfit_tui.report.files.document import answer_document
from flopsfit_tui.report.files.sweeps import StoredSweep, read_sweep
from flopsfit_tui.report.plots.printing import print_isoflop
from flopsfit_tui.report.text.plan_text import estimate_text, plan_json, plan_text
from flopsfit_tui.report.text.progress import ProgressLog, failures_text, kept_text, log
from flopsfit_tui.report.text.recipe_text import recipe_json, recipe_text
from flopsfit_tui.report.text.resume_command import resume_command
from flopsfit_tui.report.text.summary import summary
from flopsfit_tui.report.text.terminal_progress import TerminalProgress, shows_progress
from flopsfit_tui.report.text.tune_text import tune_json, tune_text
from flopsfit_tui.store.base import MemoryStore
from flopsfit_tui.store.directory import sweeping_process
from flopsfit_tui.store.lock import check_free
from flopsfit_tui.sweep.executor import Executor, Interrupted
from flopsfit_tui.sweep.follow import follow
from flopsfit_tui.sweep.prepare import PLANNING, estimate_cost, make_executor, make_plan, warm_up
from flopsfit_tui.sweep.run import run_sweep
from flopsfit_tui.sweep.tune import best_rates, tune_plan


def run_headless(options: Options, style: str = "table", let_go: LetGo | None = None) -> int:
    """Plan and run a sweep to its end; the exit code. `let_go` is called once it sweeps: the terminal is given up.

    Raises ValueError or TypeError with one clear sentence for what cannot be run; nothing is written then.
    """
    check_out(options)
    control = Control()
    with closing(make_executor(options)) as executor, _interruptible(control, executor.interrupt):
        log("planning: measuring sizes")
        warm_up(executor, PLANNING)
        with _prints_of_a_failure(executor, options):
            planned = plan_in_directory(options, executor)
            check_free(planned.directory)
            warm_up(executor, len(planned.left))
            log(f"timing the smallest and the largest of {len(planned.plan.sizes)} sizes" if planned.left else "")
            prepared = add_estimate(planned, options, executor)
        log(*prepared.plan.notes, estimate_text(prepared.plan, prepared.left, prepared.estimate))
        sweep, progress = Sweep(prepared, options, executor, control), ProgressLog(options.targets)
        with _in_title(progress.state, prepared.plan.workload, alone=let_go is not None) as show:
            for event in sweep:
                if let_go and isinstance(event, SweepStarted):
                    let_go(prepared.directory)
                log(progress.take(event))
                show()
    if progress.state.phase == "stopped":
        log(kept_text(progress.state, prepared.directory))
        log(f"go on with: {resume_command(options, prepared.directory)}")
    log(*failures_text(progress.state.outcomes()))
    if sweep.export is not None:
        log(*(f"wrote {path}" for path in sweep.export.paths))
        report(sweep.export, style)
    return exit_code(progress.state)


def watch(directory: Path, targets: tuple[float, ...] = (), style: str = "table") -> int:
    """Follow a sweep that another process runs, to its end; the exit code, which is the sweep's.

    Raises ValueError where there is no sweep.
    """
    control, progress = Control(), ProgressLog(targets, following=True)
    with _interruptible(control):
        for events in follow(directory, control):
            log(*map(progress.take, events))
    if control.stopped and sweeping_process(directory):
        log("not followed any longer; the sweep goes on")
    report(read_sweep(directory, targets), style)
    return INTERRUPTED if control.stopped else exit_code(progress.state)


def print_plan(options: Options, style: str = "table") -> int:
    """Print the plan and what it will cost; train nothing."""
    with closing(make_executor(options)) as executor:
        with _prints_of_a_failure(executor, options):
            planned = plan_in_directory(options, executor)
            cost = estimate_cost(planned.plan, options.request, executor, options.device)
        _log_prints(executor, options)
    plan = planned.plan
    if planned.kept:
        log(f"{estimate_text(plan, planned.left, cost)}, in {planned.directory}")
    print_lines(plan_text(plan, cost) if style == "table" else json.dumps(plan_json(plan, cost), indent=2))
    return DONE


def tune_rates(options: Options, style: str = "table") -> int:
    """Try five learning rates at two sizes on a small share of the smallest budget, and report; nothing is stored."""
    control = Control()
    with closing(make_executor(options)) as executor, _interruptible(control, executor.interrupt):
        log("planning: measuring sizes")
        with _prints_of_a_failure(executor, options):
            plan = tune_plan(make_plan(options.request, executor))
        store, state = MemoryStore(), SweepState()
        for event in run_sweep(plan, options.request.workload, executor, store, control, device=options.device):
            state.apply(event)
            if isinstance(event, TrialEnded):
                trial, outcome = state.trials[event.key].trial, event.outcome
                finished = outcome.status == "finished"
                result = f"loss {outcome.loss:.4f}" if finished else f"failed: {take_apart(outcome.error).text()}"
                log(f"{plan.size_name} {trial.size}  rate {trial.learning_rate:.3g}  {result}")
    best = best_rates(plan, store.outcomes())
    if style == "json":
        print_lines(json.dumps(tune_json(plan, store.outcomes(), best), indent=2))
    else:
        print_lines(tune_text(plan, store.outcomes(), best))
    return exit_code(state)


def report(sweep: StoredSweep, style: str) -> None:
    """What is damaged and the IsoFLOP plot on stderr, the answer on stdout."""
    log(*(f"warning: {sentence}" for sentence in sweep.damage))
    if sweep.recipe is None:
        print_isoflop(sweep.analysis, sys.stderr)
    print_lines(answer(sweep, style))


def answer(sweep: StoredSweep, style: str) -> str:
    """What stdout gets."""
    if sweep.recipe is not None:
        return recipe_text(sweep.recipe) if style == "table" else json.dumps(recipe_json(sweep.recipe), indent=2)
    if style == "table":
        return summary(sweep.analysis)
    return json.dumps(answer_document(sweep.analysis), indent=2)


def _log_prints(executor: Executor, options: Options) -> None:
    """What the user's code printed meanwhile, where it did not reach stderr by itself."""
    log(*(event.message for event in executor.poll(0) if isinstance(event, Note) and options.executor != "thread"))


@contextmanager
def _prints_of_a_failure(executor: Executor, options: Options) -> Iterator[None]:
    """What the user's code printed before it failed: often the reason."""
    try:
        yield
    except Exception:
        _log_prints(executor, options)
        raise


@contextmanager
def _in_title(state: SweepState, name: str, alone: bool) -> Iterator[Callable[[], None]]:
    """Where stderr is a terminal, its title and progress mark say how far the sweep is, whenever that is called."""
    shown = TerminalProgress(lambda text: print(text, end="", file=sys.stderr, flush=True))
    if alone or not shows_progress(sys.stderr):
        yield lambda: None
        return
    try:
        yield lambda: shown.show(state, name)
    finally:
        shown.end()


@contextmanager
def _interruptible(control: Control, interrupt: Callable[[], None] = lambda: None) -> Iterator[None]:
    """The first control-C, termination or hang-up stops in good order; a second one ends the process."""

    def stop() -> None:
        control.stop()
        interrupt()

    with signals_stop(stop):
        try:
            yield
        except Interrupted:
            raise KeyboardInterrupt from None
