"""The command line: reads what is asked, prepares the process, chooses a front end.

Nothing heavy is imported before it is known to be needed: `--help` loads neither torch nor textual, nor numpy.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from flopsfit_tui import __version__
from flopsfit_tui.core.options import Options
from flopsfit_tui.core.trial import Request
from flopsfit_tui.core.units import parse_integers, parse_number, parse_numbers

DEFAULT = "gpt-bytes"
WIDTH = 100  # of what stdout gets, the same for a terminal and a pipe
F = TypeVar("F", bound=Callable[..., Any])


class _Parsed(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic since click 8.5 only
    """An option read by one of our own parsers, whose ValueError is already the sentence to show."""

    def __init__(self, name: str, parse: Callable[[str], Any]) -> None:
        self.name, self._parse = name, parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ARG002
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except ValueError as error:
            raise click.UsageError(str(error)) from None


BUDGETS = _Parsed("flops", lambda text: parse_numbers(text, "budget"))
SIZES = _Parsed("sizes", lambda text: parse_integers(text, "size"))
FLOPS = _Parsed("flops", lambda text: parse_number(text, "budget"))


STYLE = click.option(
    "--format",
    "style",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="Of the answer on stdout.",
)


def plan_options(command: F) -> F:
    """The options of whatever plans."""
    for option in reversed(
        [
            click.option("--budgets", type=BUDGETS, help="3e10,1e11 or 1e10..1e12:5, training FLOPs."),
            click.option("--sizes", type=SIZES, help="16,24,32: these at every budget, instead of a ladder for each."),
            click.option(
                "--points", type=click.IntRange(1), help="Sizes per budget.  [default: the workload's, often 7]"
            ),
            click.option("--seeds", type=click.IntRange(1), default=1, show_default=True, help="Trials per point."),
            click.option("--workers", type=click.IntRange(1), help="Trials at once.  [default: the cores]"),
            click.option(
                "--executor",
                type=click.Choice(["processes", "thread", "ray"]),
                default="processes",
                show_default=True,
                help="Who trains.",
            ),
            click.option(
                "--device",
                type=click.Choice(["auto", "cpu", "cuda", "mps"]),
                default="auto",
                show_default=True,
                help="Where.",
            ),
            click.option("--out", type=click.Path(path_type=Path), help="The sweep's directory."),
            click.option("--fresh", is_flag=True, help="Put an earlier sweep in that directory aside."),
            click.option("--target", type=FLOPS, multiple=True, help="Also report the optimum there."),
            click.option("--exit-when-done", is_flag=True, help="The app closes itself at the end."),
            STYLE,
        ]
    ):
        command = option(command)
    return command


@click.group(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="WORKLOAD is a built-in name, package.module:attribute, or path/to/file.py[:attribute].",
)
@click.version_option(__version__, prog_name="flopsfit-tui")
@click.option("--no-ui", is_flag=True, help="Headless: narration on stderr, the answer on stdout.")
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
            raise click.UsageError(
                f"put --{given[0].replace('_', '-')} behind the command {context.invoked_subcommand}"
            )
        return None
    return _run(DEFAULT, no_ui=no_ui, start=False, **options)


@cli.command()
@click.argument("workload")
@click.option("--no-ui", is_flag=True, help="Headless: narration on stderr, the answer on stdout.")
@click.option("--tune-lr", is_flag=True, help="Sweep nothing: try five learning rates at two sizes, and report.")
@plan_options
@click.pass_obj
def run(outer_no_ui: bool, /, workload: str, no_ui: bool, tune_lr: bool, style: str, **options: Any) -> int:
    """Sweep a WORKLOAD, in the app or headless; in a directory that holds the same plan, go on with it."""
    if tune_lr:
        from flopsfit_tui.headless import tune_rates

        return tune_rates(_options(workload, **options), style)
    return _run(workload, no_ui=no_ui or outer_no_ui, start=True, style=style, **options)


@cli.command()
@click.argument("workload", default=DEFAULT)
@plan_options
def plan(workload: str, style: str, **options: Any) -> int:
    """Print the plan of a WORKLOAD and what it will cost; train nothing."""
    from flopsfit_tui.headless import print_plan

    return print_plan(_options(workload, **options), style)


@cli.command()
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--target", type=FLOPS, multiple=True, help="Also give the optimum there.")
def watch(directory: Path, target: tuple[float, ...]) -> int:
    """Follow a sweep that another process is running."""
    return _open(directory, target)


@cli.command("open")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--target", type=FLOPS, multiple=True, help="Also give the optimum there.")
def open_sweep(directory: Path, target: tuple[float, ...]) -> int:
    """Look at a finished or stopped sweep in the app."""
    return _open(directory, target)


def _open(directory: Path, targets: tuple[float, ...]) -> int:
    with _importing():
        from flopsfit_tui.tui.launch import open_app

    return open_app(directory, targets)


@contextmanager
def _importing() -> Iterator[None]:
    """The app is imported without looking for garbage on the way, of which there is none: a seventh of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@cli.command("list")
@STYLE
def list_sweeps(style: str) -> int:
    """The sweeps in the data directory, the latest first."""
    from flopsfit_tui.report.sweeps import print_sweeps

    return print_sweeps(style)


@cli.command()
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--to", type=click.Path(path_type=Path), help="Write them there.  [default: DIR]")
@click.option("--target", type=FLOPS, multiple=True, help="Also give the optimum there.")
def export(directory: Path, to: Path | None, target: tuple[float, ...]) -> int:
    """Write every CSV, JSON and plot of a sweep again."""
    from flopsfit_tui.report.sweeps import export_again

    for path in export_again(directory, to or directory, target):
        click.echo(path)
    return 0


def csv_options(command: F) -> F:
    """How a CSV of runs is read, and how the answer is written."""
    for option in reversed(
        [
            click.option("--params", metavar="COLUMN", help="Column of N.  [default: guessed, as are the others]"),
            click.option("--tokens", metavar="COLUMN", help="Column of D."),
            click.option("--compute", metavar="COLUMN", help="Column of training FLOPs; D is then C/6N."),
            click.option("--loss", metavar="COLUMN", help="Column of the loss."),
            click.option("--group", metavar="COLUMN", help="Column whose equal values share an error."),
            click.option("--delta", type=float, help="Huber's delta on log loss.  [default: adapted to the noise]"),
            STYLE,
        ]
    ):
        command = option(command)
    return command


@cli.command()
@click.argument("file", metavar="FILE.csv", type=click.Path(path_type=Path))
@click.option("--target", type=FLOPS, multiple=True, help="Also report the optimum there.")
@csv_options
def fit(file: Path, target: tuple[float, ...], style: str, **reading: Any) -> int:
    """Fit the law to existing runs: a CSV with columns for N, D (or C) and loss, or a sweep's directory."""
    report = _fit_report(file, target, full=True, **reading)
    click.echo(report.to_json() if style == "json" else report.text(WIDTH))
    return 0


@cli.command()
@click.argument("source", metavar="DIR|FILE.csv", type=click.Path(path_type=Path))
@click.argument("flops", type=FLOPS, nargs=-1, required=True)
@csv_options
def predict(source: Path, flops: tuple[float, ...], style: str, **reading: Any) -> int:
    """The optimum at other budgets, with intervals."""
    report = _fit_report(source, flops, full=False, **reading)
    click.echo(report.to_json() if style == "json" else report.prediction_text(WIDTH))
    return 0


def _fit_report(file: Path, targets: tuple[float, ...], full: bool, delta: float | None, **columns: Any) -> Any:
    from flopsfit_tui.report.fit_report import fit_report
    from flopsfit_tui.report.runs_csv import read_runs

    try:
        runs = read_runs(file, **columns)
    except OSError as error:
        raise ValueError(
            f"{str(file)!r} cannot be read ({error.strerror}); give a CSV or a sweep's directory"
        ) from None
    return fit_report(runs, targets=targets, delta=delta, full=full)


@cli.command()
def workloads() -> int:
    """The built-in workloads, one line each."""
    from flopsfit_tui.workloads.builtin import BUILTIN

    width = max(map(len, BUILTIN))
    for name, builtin in BUILTIN.items():
        click.echo(f"{name:{width}}  {builtin.about}")
    return 0


@cli.command("config")
@click.option("--path", "only_path", is_flag=True, help="Print only where they are read from.")
def show_config(only_path: bool) -> int:
    """Print the app's settings and keys as they are, as a file that could be saved."""
    if only_path:
        from flopsfit_tui.tui.config import config_path

        click.echo(config_path())
    else:
        from flopsfit_tui.tui.launch import print_config  # the keys are the screens'

        print_config()
    return 0


def _run(workload: str, no_ui: bool, start: bool, style: str, **given: Any) -> int:
    options = _options(workload, **given)
    if no_ui:
        from flopsfit_tui.headless import run_headless

        return run_headless(options, style)
    with _importing():
        from flopsfit_tui.tui.launch import run_app

    return run_app(options, start=start)


def _options(
    workload: str,
    budgets: tuple[float, ...] | None,
    sizes: tuple[int, ...] | None,
    points: int | None,
    seeds: int,
    workers: int | None,
    executor: str,
    device: str,
    out: Path | None,
    fresh: bool,
    target: tuple[float, ...],
    exit_when_done: bool,
) -> Options:
    from flopsfit_tui.workloads.builtin import check_reference

    check_reference(workload)
    return Options(
        Request(workload, budgets, sizes, points, seeds),
        out=out,
        executor=executor,  # type: ignore[arg-type]
        workers=workers,
        device=device,
        fresh=fresh,
        targets=target,
        exit_when_done=exit_when_done,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code: 0 done, 1 failed, 2 usage, 3 some trials failed, 130 interrupted."""
    try:
        code = cli.main(args=arguments, prog_name="flopsfit-tui", standalone_mode=False)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return 130
    except click.ClickException as error:
        return _usage(error.format_message())
    except (ValueError, TypeError) as error:
        return _usage(str(error))
    except BrokenPipeError:
        return 1
    return code if isinstance(code, int) else 0


def _usage(message: str) -> int:
    click.echo(f"flopsfit-tui: {' '.join(message.split())}", err=True)
    return 2


if __name__ == "__main__":
    sys.exit(main())
