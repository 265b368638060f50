"""The command that compares sweeps."""

from __future__ import annotations

from pathlib import Path

import click

from flopsfit_tui.cli_complete import complete_sweep
from flopsfit_tui.cli_options import FLOPS, STYLE


@click.command()
@click.argument(
    "directories",
    shell_complete=complete_sweep,
    metavar="DIR DIR...",
    type=click.Path(path_type=Path),
    nargs=-1,
    required=True,
)
@click.option("--target", type=FLOPS, multiple=True, help="Compare the optima there.  [default: ten times the largest]")
@STYLE
def compare(directories: tuple[Path, ...], target: tuple[float, ...], style: str) -> int:
    """Several sweeps beside each other: optima with their ratio, exponents, and what was set otherwise.

    Their IsoFLOP curves and optima are drawn over each other on stderr.
    """
    from flopsfit_tui.report.files.print_compare import print_compare

    return print_compare(directories, target, style)


COMMANDS = (compare,)
