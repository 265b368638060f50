"""A sweep without a screen: narration on stderr, the answer on stdout."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from flopsfit_tui.core.control import Control
from flopsfit_tui.core.events import Event, Note, SweepEnded, SweepStarted, TrialEnded
from flopsfit_tui.core.options import Options
from flopsfit_tui.core.state import SweepState
from flopsfit_tui.core.trial import Plan
from flopsfit_tui.core.units import format_count, format_flops, format_seconds
from flopsfit_tui.plan.estimate import Estimate, seconds_left
from flopsfit_tui.report.analysis import Analysis, analyse
from flopsfit_tui.report.export import export_sweep, fit_document
from flopsfit_tui.report.plan_text import plan_json, plan_text
from flopsfit_tui.report.summary import summary
from flopsfit_tui.report.tune_text import tune_json, tune_text
from flopsfit_tui.store.base import MemoryStore
from flopsfit_tui.store.directory import sweep_directory
from flopsfit_tui.store.sqlite import SqliteStore, check_directory, put_aside
from flopsfit_tui.sweep.executor import Executor, Interrupted
from flopsfit_tui.sweep.prepare import make_executor, make_plan, price
from flopsfit_tui.sweep.run import run_sweep
from flopsfit_tui.sweep.tune import best_rates, tune_plan

DONE, FAILED, USAGE, SOME_FAILED, INTERRUPTED = 0, 1, 2, 3, 130


def run_headless(options: Options, style: str = "table") -> int:
    """Plan and run a sweep to its end; the exit code.

    Raises ValueError or TypeError with one clear sentence for what cannot be run; nothing is written then.
    """
    if options.out:
        check_directory(options.out)
    executor = make_executor(options)
    control = Control()
    with _closing(executor), _interruptible(control, executor):
        say("planning: measuring sizes and timing the smallest and the largest")
        plan = make_plan(options.request, executor)
        cost = price(plan, options.request, executor, options.device)
        directory = sweep_directory(options, plan)
        if options.fresh and (aside := put_aside(directory)):
            say(f"the earlier sweep is kept as {aside}")
        store = SqliteStore(directory)
        try:
            state = _sweep(options, plan, cost, executor, store, control)
            plan = state.plan or plan  # with the trials that were added when it was run before
            analysis = analyse(plan, state.outcomes(), options.targets)
            target = next(iter(options.targets), None)
            for path in export_sweep(directory, plan, state.outcomes(), store.history(), analysis, target=target):
                say(f"wrote {path}")
        finally:
            store.close()
    print(answer(plan, analysis, style))
    return exit_code(state)


def print_plan(options: Options, style: str = "table") -> int:
    """Print the plan and what it will cost; train nothing."""
    executor = make_executor(options)
    with _closing(executor):
        plan = make_plan(options.request, executor)
        cost = price(plan, options.request, executor, options.device)
    print(plan_text(plan, cost) if style == "table" else json.dumps(plan_json(plan, cost), indent=2))
    return DONE


def tune_rates(options: Options, style: str = "table") -> int:
    """Try five learning rates at two sizes on a small share of the smallest budget, and report; nothing is stored."""
    executor, control = make_executor(options), Control()
    with _closing(executor), _interruptible(control, executor):
        say("planning: measuring sizes")
        plan = tune_plan(make_plan(options.request, executor))
        store, state = MemoryStore(), SweepState()
        for event in run_sweep(plan, options.request.workload, executor, store, control, device=options.device):
            state.apply(event)
            if isinstance(event, TrialEnded):
                trial, outcome = state.trials[event.key].trial, event.outcome
                result = (
                    f"loss {outcome.loss:.4f}" if outcome.status == "finished" else f"failed\n{outcome.error.rstrip()}"
                )
                say(f"{plan.size_name} {trial.size}  rate {trial.learning_rate:.3g}  {result}")
    best = best_rates(plan, store.outcomes())
    if style == "json":
        print(json.dumps(tune_json(plan, store.outcomes(), best), indent=2))
    else:
        print(tune_text(plan, store.outcomes(), best))
    return exit_code(state)


def answer(plan: Plan, analysis: Analysis, style: str) -> str:
    """What stdout gets."""
    return summary(plan, analysis) if style == "table" else json.dumps(fit_document(plan, analysis), indent=2)


def exit_code(state: SweepState) -> int:
    """0 done, 1 nothing finished, 3 some trials failed, 130 interrupted."""
    if state.phase == "stopped":
        return INTERRUPTED
    if state.count("finished") == 0:
        return FAILED
    return SOME_FAILED if state.count("failed") else DONE


def _sweep(
    options: Options, plan: Plan, cost: Estimate, executor: Executor, store: SqliteStore, control: Control
) -> SweepState:
    state = SweepState()
    workload = options.request.workload
    for event in run_sweep(plan, workload, executor, store, control, device=options.device, seconds=cost.seconds):
        state.apply(event)
        line = _line(event, state, options)
        if line:
            say(line)
    return state


def _line(event: Event, state: SweepState, options: Options) -> str:
    match event:
        case SweepStarted(plan, outcomes):
            cost = sum(event.seconds.values())
            kept = f", {len(outcomes)} already finished" if outcomes else ""
            notes = "".join(f"{note}\n" for note in plan.notes)
            return (
                f"{notes}{len(plan.trials)} trials{kept}, {format_flops(state.flops_planned)} FLOPs, on {state.slots} "
                f"worker(s), about {format_seconds(seconds_left(state) if cost else float('nan'))}"
            )
        case TrialEnded():
            return _trial_line(event, state, options)
        case Note(level, message):
            return f"{level}: {message}"
        case SweepEnded("stopped"):
            return "stopped; everything finished is kept, and the same command goes on from here"
    return ""


def _trial_line(event: TrialEnded, state: SweepState, options: Options) -> str:
    assert state.plan is not None
    trial, outcome = state.trials[event.key].trial, event.outcome
    ended = len(state.trials) - state.count("pending") - state.count("running")
    width = len(str(len(state.trials)))
    head = (
        f"[{ended:{width}d}/{len(state.trials)}] {format_flops(trial.budget):>7} FLOPs  "
        f"{state.plan.size_name} {trial.size:<4} "
        f"N {format_count(trial.params):>6}  D {format_count(trial.tokens):>6}"
    )
    if outcome.status != "finished":
        return f"{head}  {outcome.status}\n{outcome.error.rstrip()}"
    return f"{head}  loss {outcome.loss:.4f}  {format_seconds(outcome.seconds)}  {_outlook(state, options)}".rstrip()


def _outlook(state: SweepState, options: Options) -> str:
    assert state.plan is not None
    left = seconds_left(state)
    parts = [f"{format_seconds(left)} left"] if left == left and left > 0 else []
    analysis = analyse(state.plan, state.outcomes(), options.targets)
    far = [row for row in analysis.optimum if row.kind == "extrapolated" and row.params_low and row.params_high]
    if far:
        low, high = far[0].params_low, far[0].params_high
        assert low is not None
        assert high is not None
        parts.append(
            f"N {format_count(far[0].params)} ({format_count(low)} to {format_count(high)}) "
            f"at {format_flops(far[0].budget)}"
        )
    return "| " + " | ".join(parts) if parts else ""


def say(text: str) -> None:
    """Narrate."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def _closing(executor: Executor) -> Iterator[None]:
    try:
        yield
    finally:
        executor.close()


@contextmanager
def _interruptible(control: Control, executor: Executor) -> Iterator[None]:
    """The first control-C, termination or hang-up stops the sweep in good order; a second control-C is Python's own."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        control.stop()
        executor.interrupt()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    wanted = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    before = {number: signal.getsignal(number) for number in wanted}
    for number in wanted:
        if before[number] is not signal.SIG_IGN:  # nohup stays nohup
            signal.signal(number, stop)
    try:
        yield
    except Interrupted:
        raise KeyboardInterrupt from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
