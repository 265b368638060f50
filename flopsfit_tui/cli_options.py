"""Options that several commands share, and how their values are read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from flopsfit_tui.core.options import parse_setting
from flopsfit_tui.core.sizes import parse_sizes
from flopsfit_tui.core.units import parse_number, parse_numbers

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
SIZES = _Parsed("sizes", lambda text: parse_sizes(text, "size"))
FLOPS = _Parsed("flops", lambda text: parse_number(text, "budget"))


STYLE = click.option(
    "--format",
    "style",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="Output format on stdout.",
)


NO_UI = click.option("--no-ui", is_flag=True, help="Without the app: progress on stderr, results on stdout.")


def plan_options(command: F) -> F:
    """What is planned and how it is run."""
    for option in reversed(
        [
            click.option("--budgets", type=BUDGETS, help="3e10,1e11 or 1e10..1e12:5, training FLOPs."),
            click.option("--sizes", type=SIZES, help="Sizes to train at every budget.  [default: chosen per budget]"),
            click.option(
                "--points", type=click.IntRange(1), help="Sizes per budget.  [default: the workload's, often 7]"
            ),
            click.option("--seeds", type=click.IntRange(1), default=1, show_default=True, help="Trials per point."),
            click.option("--workers", type=click.IntRange(1), help="Trials at once.  [default: number of cores]"),
            click.option(
                "--executor",
                type=click.Choice(["processes", "thread", "ray", "slurm"]),
                default="processes",
                show_default=True,
                help="Where trials run: worker processes, this thread, a Ray cluster, or jobs of Slurm.",
            ),
            click.option(
                "--ray-address",
                help="With --executor ray: a cluster, e.g. auto.  [default: RAY_ADDRESS, else start Ray]",
            ),
            click.option(
                "--slurm",
                type=_Parsed("setting", parse_setting),
                metavar="KEY=VALUE",
                multiple=True,
                help="With --executor slurm: an option of sbatch, e.g. partition=gpu.  [repeatable]",
            ),
            click.option(
                "--cpus-per-trial",
                type=click.FloatRange(0),
                default=1.0,
                show_default=True,
                help="With --executor ray or slurm.",
            ),
            click.option(
                "--gpus-per-trial",
                type=click.FloatRange(0),
                default=0.0,
                show_default=True,
                help="With --executor ray or slurm.",
            ),
            click.option(
                "--nproc-per-trial",
                type=click.IntRange(1),
                default=1,
                show_default=True,
                help="Processes that train one trial, each a part of every batch (DDP, by torchrun).",
            ),
            click.option(
                "--device",
                type=click.Choice(["auto", "cpu", "cuda", "mps"]),
                default="auto",
                show_default=True,
                help="Device to train on.",
            ),
            click.option(
                "--compile",
                type=click.Choice(["auto", "on", "off"]),
                default="off",
                show_default=True,
                help="torch.compile the steps of every size, or where it saves time; changes losses by rounding.",
            ),
            click.option("--out", type=click.Path(path_type=Path), help="The sweep's directory."),
            click.option(
                "--on-full",
                type=click.Choice(["wait", "stop"]),
                default="wait",
                show_default=True,
                help="When the disk is full or fails: wait until it is mended, or stop (for batch jobs).",
            ),
            click.option("--fresh", is_flag=True, help="Start over; the earlier sweep.db is renamed, not deleted."),
            click.option(
                "--resume-anyway", is_flag=True, help="Reuse the losses in --out though code or data have changed."
            ),
            click.option("--target", type=FLOPS, multiple=True, help="Also report the optimum there."),
            click.option(
                "--tune-lr",
                type=click.Choice(["ends", "each"]),
                is_flag=False,
                flag_value="ends",
                help="each: train every point at three learning rates and fit the best. "
                "ends (of run, without a sweep): compare five at two sizes.",
            ),
            click.option(
                "--until",
                type=click.FloatRange(1, min_open=True),
                metavar="FACTOR",
                help="Choose trials one by one until the interval of N at the target is within this factor, e.g. 1.3.",
            ),
            click.option("--max-flops", type=FLOPS, help="With --until: stop before all trials take more than this."),
            click.option(
                "--checkpoint-seconds",
                type=click.FloatRange(0.1),
                default=120.0,
                show_default=True,
                help="Seconds of training between two checkpoints of a trial.",
            ),
            click.option(
                "--silent-after",
                type=click.FloatRange(0),
                default=60.0,
                show_default=True,
                help="Replace a worker that is silent for so many seconds and for 20 of its steps; 0: only say so.",
            ),
            click.option("--exit-when-done", is_flag=True, help="The app closes itself at the end."),
            STYLE,
        ]
    ):
        command = option(command)
    return command


COLUMNS = (
    click.option("--params", metavar="COLUMN", help="Column of N.  [default: guessed, as are the others]"),
    click.option("--tokens", metavar="COLUMN", help="Column of D."),
    click.option("--compute", metavar="COLUMN", help="Column of training FLOPs; D is then C/6N."),
    click.option("--loss", metavar="COLUMN", help="Column of the loss."),
)


def column_options(command: F) -> F:
    """Which columns of a CSV of runs are read."""
    for option in reversed(COLUMNS):
        command = option(command)
    return command


def csv_options(command: F) -> F:
    """How a CSV of runs is read, and how the answer is written."""
    for option in reversed(
        [
            *COLUMNS,
            click.option("--by", metavar="COLUMN", help="One law for each value of this column."),
            click.option("--best", is_flag=True, help="Only the best learning rate, batch size ... of each point."),
            click.option("--run", metavar="COLUMN", help="Column that names the run, where each has several steps."),
            click.option("--group", metavar="COLUMN", help="Column of cluster labels (for clustered standard errors)."),
            click.option("--delta", type=float, help="Huber's delta on log loss.  [default: adapted to the noise]"),
            click.option(
                "--form",
                type=click.Choice(["additive", "joint"]),
                help="How the terms of the law add.  [default: losses as the score test says, sizes additive]",
            ),
            click.option(
                "--keep-all", is_flag=True, help="Fit runs far off the law too, also where they move the answer."
            ),
            click.option(
                "--leave-out",
                metavar="RUN",
                multiple=True,
                help="A run to leave out: its line, or its name.  [repeatable]",
            ),
            STYLE,
        ]
    ):
        command = option(command)
    return command
