"""The command line: reads what is asked, prepares the process, chooses a front end.

Nothing heavy is imported before it is known to be needed: `--help` loads neither torch nor textual, nor numpy.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from flopsfit_tui import __version__
from flopsfit_tui.cli_compare import COMMANDS as COMPARE_COMMANDS
from flopsfit_tui.cli_complete import complete_sweep, complete_workload
from flopsfit_tui.cli_options import FLOPS, NO_UI, STYLE, column_options, csv_options, plan_options
from flopsfit_tui.cli_serve import COMMANDS as SERVE_COMMANDS
from flopsfit_tui.cli_store import COMMANDS
from flopsfit_tui.command import coded, importing, with_plain_output
from flopsfit_tui.core.detach import LetGo, left_text, run_detached
from flopsfit_tui.core.options import OnFull, Options, check_cluster
from flopsfit_tui.core.output import print_lines
from flopsfit_tui.core.request import Goal, Request
from flopsfit_tui.core.sizes import Setting
from flopsfit_tui.core.text import printable
from flopsfit_tui.core.trial import Compile
from flopsfit_tui.plan.rates import EACH
from flopsfit_tui.workloads.builtin import DEFAULT

WIDTH = 100  # of what stdout gets, the same for a terminal and a pipe


@click.group(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="WORKLOAD is a built-in name, package.module:attribute, or path/to/file.py[:attribute].",
)
@click.version_option(__version__, prog_name="flopsfit-tui")
@NO_UI
@plan_options
@click.pass_context
def cli(context: click.Context, /, no_ui: bool, **options: Any) -> int | None:
    """How big should my model be, and on how much data should it train?

    Without a command: the app on its start screen; with --no-ui: the default workload, headless, to the end.
    """
    if context.invoked_subcommand:
        context.obj = no_ui
        given = [
            name for name in options if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT
        ]
        if given:
            option, command = f"--{given[0].replace('_', '-')}", context.invoked_subcommand
            raise click.UsageError(f"{option} must come after the command: flopsfit-tui {command} {option} ...")
        return None
    return _run(DEFAULT, no_ui=no_ui, start=False, **options)


@cli.command()
@click.argument("workload", shell_complete=complete_workload)
@NO_UI
@click.option(
    "--detach", is_flag=True, help="Leave the sweep running without a terminal; `watch DIR` sees and controls it."
)
@click.option(
    "--check-recipe",
    is_flag=True,
    help="Instead of the sweep: what its learning rates lose at its corners, in a quarter of its FLOPs.",
)
@plan_options
@click.pass_obj
def run(outer_no_ui: bool, /, workload: str, no_ui: bool, detach: bool, style: str, **options: Any) -> int:
    """Sweep a WORKLOAD, in the app or headless; a directory that holds the same plan is resumed."""
    if options["tune_lr"] and options["check_recipe"]:
        raise ValueError("--check-recipe trains no sweep, so it takes no --tune-lr; give one of them")
    if detach and options["tune_lr"] == "ends":
        raise ValueError("--tune-lr ends reports in this terminal; leave --detach out")
    if detach:
        return _detach(_options(workload, **options), style)
    if options["tune_lr"] == "ends":
        from flopsfit_tui.headless import tune_rates

        return tune_rates(_options(workload, **{**options, "tune_lr": None}), style)
    return _run(workload, no_ui=no_ui or outer_no_ui, start=True, style=style, **options)


@cli.command()
@click.argument("workload", shell_complete=complete_workload, default=DEFAULT)
@click.option("--start", is_flag=True, help="Start the sweep at once.")
@plan_options
@click.pass_obj
def launch(outer_no_ui: bool, /, workload: str, start: bool, **options: Any) -> int:
    """Open the app on its start screen, as without a command; with --start, sweeping."""
    if outer_no_ui:
        raise click.UsageError(f"launch opens the app; without it: flopsfit-tui run {workload} --no-ui")
    return _run(workload, no_ui=False, start=start, **options)


@cli.command()
@click.argument("workload", shell_complete=complete_workload, default=DEFAULT)
@plan_options
def plan(workload: str, style: str, **options: Any) -> int:
    """Print the plan of a WORKLOAD and what it will cost; train nothing."""
    from flopsfit_tui.headless import print_plan

    return print_plan(_options(workload, **options), style)


@cli.command()
@click.argument("directory", shell_complete=complete_sweep, metavar="DIR", type=click.Path(path_type=Path))
@NO_UI
@click.option("--read-only", is_flag=True, help="Only look: no key changes the sweep or its files, as with --no-ui.")
@click.option("--target", type=FLOPS, multiple=True, help="Also give the optimum there.")
@STYLE
@click.pass_obj
def watch(
    outer_no_ui: bool, /, directory: Path, no_ui: bool, read_only: bool, target: tuple[float, ...], style: str
) -> int:
    """Watch and control a sweep that another process is running, in the app; with --no-ui follow it line by line."""
    if no_ui or outer_no_ui:
        from flopsfit_tui import headless

        return headless.watch(directory, target, style)
    return _open(directory, target, read_only)


@cli.command("open")
@click.argument("directory", shell_complete=complete_sweep, metavar="DIR", type=click.Path(path_type=Path))
@click.option("--target", type=FLOPS, multiple=True, help="Also give the optimum there.")
def open_sweep(directory: Path, target: tuple[float, ...]) -> int:
    """Look at a finished or stopped sweep in the app."""
    return _open(directory, target)


def _open(directory: Path, targets: tuple[float, ...], read_only: bool = False) -> int:
    with importing():
        from flopsfit_tui.tui.launch import open_app

    return open_app(directory, targets, read_only)


@cli.command()
@click.argument("file", shell_complete=complete_sweep, metavar="DIR|FILE.csv", type=click.Path(path_type=Path))
@click.option("--target", type=FLOPS, multiple=True, help="Also report the optimum there.")
@csv_options
def fit(file: Path, target: tuple[float, ...], style: str, **reading: Any) -> int:
    """Fit the law to existing runs: a CSV with columns for N, D (or C) and loss, or a sweep's directory."""
    from flopsfit_tui.report.files.print_fit import print_fit

    return print_fit(file, target, style, WIDTH, full=True, **reading)


@cli.command()
@click.argument("source", shell_complete=complete_sweep, metavar="DIR|FILE.csv", type=click.Path(path_type=Path))
@click.argument("flops", type=FLOPS, nargs=-1, required=True)
@csv_options
def predict(source: Path, flops: tuple[float, ...], style: str, **reading: Any) -> int:
    """The optimum at other budgets, with intervals."""
    from flopsfit_tui.report.files.print_fit import print_fit

    return print_fit(source, flops, style, WIDTH, full=False, **reading)


PLOTS = ("isoflop", "law", "scaling", "loss", "residuals")


@cli.command()
@click.argument("source", shell_complete=complete_sweep, metavar="DIR|FILE.csv", type=click.Path(path_type=Path))
@click.argument("kind", type=click.Choice(PLOTS), default="isoflop")
@click.option("--width", type=click.IntRange(24, 1000), help="Columns.  [default: the terminal's, else 100]")
@click.option("--height", type=click.IntRange(7, 1000), help="Lines.  [default: the terminal's, at most 30]")
@column_options
def plot(source: Path, kind: str, width: int | None, height: int | None, **columns: str | None) -> int:
    """Print a plot of a sweep, or of the runs in a CSV.

    \b
    isoflop    loss by params, with each budget's parabola
    law        the same points under the law's curves
    scaling    optimal params and tokens by budget, with their band
    loss       training curves (of a sweep)
    residuals  distance of every point from the law

    In colour on a terminal, as plain text in a pipe.
    """
    from flopsfit_tui.report.files.print_plot import print_plot_of

    return print_plot_of(source, kind, width, height, **columns)


@cli.command()
def workloads() -> int:
    """The built-in workloads, one line each."""
    from flopsfit_tui.workloads.builtin import BUILTIN

    width = max(map(len, BUILTIN))
    for name, builtin in BUILTIN.items():
        print(f"{name:{width}}  {builtin.about}")
    return 0


@cli.command("config")
@click.option("--path", "only_path", is_flag=True, help="Print only where they are read from.")
def show_config(only_path: bool) -> int:
    """Print the app's settings and keys as they are, as a file that could be saved."""
    if only_path:
        from flopsfit_tui.tui.settings.config import config_path

        print(config_path())
    else:
        from flopsfit_tui.tui.launch import print_config  # the keys are the screens'

        print_config()
    return 0


for _command in (*COMMANDS, *COMPARE_COMMANDS, *SERVE_COMMANDS):
    cli.add_command(_command)


def _run(workload: str, no_ui: bool, start: bool, style: str, **given: Any) -> int:
    options = _options(workload, **given)
    if no_ui:
        from flopsfit_tui.headless import run_headless

        return run_headless(options, style)
    with importing():
        from flopsfit_tui.tui.launch import run_app

    return run_app(options, start=start)


def _detach(options: Options, style: str) -> int:
    """Sweep in a process without a terminal; where it is on stdout, how to watch and stop it on stderr."""

    def sweep(let_go: LetGo) -> int:
        from flopsfit_tui.headless import run_headless  # in the child: nothing with a thread is loaded before the fork

        return coded(lambda: run_headless(options, style, let_go))

    left = run_detached(sweep)
    if isinstance(left, int):
        return left
    directory, process = left
    print(printable(left_text(directory, process)), file=sys.stderr)
    print_lines(str(directory))
    return 0


def _options(
    workload: str,
    budgets: tuple[float, ...] | None,
    sizes: tuple[Setting, ...] | None,
    points: int | None,
    seeds: int,
    workers: int | None,
    executor: str,
    ray_address: str | None,
    slurm: tuple[tuple[str, str | bool], ...],
    cpus_per_trial: float,
    gpus_per_trial: float,
    nproc_per_trial: int,
    device: str,
    compile: Compile,  # noqa: A002 - the option's name
    out: Path | None,
    fresh: bool,
    resume_anyway: bool,
    target: tuple[float, ...],
    tune_lr: str | None,
    *,
    check_recipe: bool = False,
    until: float | None,
    max_flops: float | None,
    checkpoint_seconds: float,
    silent_after: float,
    exit_when_done: bool,
    on_full: OnFull,
) -> Options:
    from flopsfit_tui.workloads.builtin import check_reference

    check_reference(workload)
    if resume_anyway and out is None:
        raise ValueError(
            "--resume-anyway needs --out, the directory of the earlier sweep; `flopsfit-tui list` shows them"
        )
    if fresh and resume_anyway:
        raise ValueError("--fresh and --resume-anyway contradict each other; give one of them")
    if max_flops is not None and until is None:
        raise ValueError("--max-flops needs --until FACTOR, with which trials are chosen one by one")
    if tune_lr == "ends":
        raise ValueError(
            "--tune-lr alone is for `run`, instead of a sweep; --tune-lr each trains every point at 3 rates"
        )
    goal = None if until is None else Goal(until, target[0] if target else None, max_flops)
    options = Options(
        Request(
            workload,
            budgets,
            sizes,
            points,
            seeds,
            goal=goal,
            rates=EACH if tune_lr else (1.0,),
            checks_recipe=check_recipe,
            nproc=nproc_per_trial,
            compile=compile,
        ),
        out=out,
        executor=executor,  # type: ignore[arg-type]
        workers=workers,
        ray_address=ray_address,
        slurm=slurm,
        cpus_per_trial=cpus_per_trial,
        gpus_per_trial=gpus_per_trial,
        device=device,
        fresh=fresh,
        resume_anyway=resume_anyway,
        targets=target,
        checkpoint_seconds=checkpoint_seconds,
        silent_after=silent_after,
        exit_when_done=exit_when_done,
        on_full=on_full,
    )
    check_cluster(options)
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code: 0 done, 1 failed, 2 usage, 3 some trials failed, 130 interrupted."""
    return with_plain_output(lambda: coded(lambda: _parse(arguments)))


def _parse(arguments: Sequence[str] | None) -> Any:
    try:
        return cli.main(args=arguments, prog_name="flopsfit-tui", standalone_mode=False)
    except click.Abort:
        raise KeyboardInterrupt from None
    except click.ClickException as error:
        raise ValueError(error.format_message()) from None


if __name__ == "__main__":
    sys.exit(main())
