"""The commands about sweeps that lie on disk: list, export, check and salvage."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from flopsfit_tui.cli_complete import complete_sweep
from flopsfit_tui.cli_options import FLOPS, STYLE
from flopsfit_tui.core.exit_codes import DONE, FAILED
from flopsfit_tui.core.output import print_lines
from flopsfit_tui.core.text import printable

DIRECTORY = click.argument("directory", shell_complete=complete_sweep, metavar="DIR", type=click.Path(path_type=Path))


@click.command("list")
@STYLE
def list_sweeps(style: str) -> int:
    """The sweeps in the data directory, the latest first."""
    from flopsfit_tui.report.files.sweeps import print_sweeps

    return print_sweeps(style)


@click.command()
@DIRECTORY
@click.option("--to", type=click.Path(path_type=Path), help="Write them there.  [default: DIR]")
@click.option("--target", type=FLOPS, multiple=True, help="Also give the optimum there.")
@click.option("--force", is_flag=True, help="Also replace files that the sweep did not write.")
@click.option("--skip-foreign", is_flag=True, help="Leave files that the sweep did not write, and write the others.")
def export(directory: Path, to: Path | None, target: tuple[float, ...], force: bool, skip_foreign: bool) -> int:
    """Write every CSV, JSON and plot of a sweep again. Files that it did not write are not replaced."""
    from flopsfit_tui.report.files.sweeps import export_directory

    sweep = export_directory(directory, target, to=to, force=force, skip_foreign=skip_foreign)
    for sentence in [*sweep.damage, *(f"{name} was left as it is" for name in sweep.left), sweep.problem]:
        if sentence:
            print(printable(f"warning: {sentence}"), file=sys.stderr)
    for path in sweep.paths:
        print_lines(str(path))
    return DONE


@click.command()
@DIRECTORY
def check(directory: Path) -> int:
    """Say what is damaged in the sweep in DIR; exit code 1 when something is. Changes nothing."""
    from flopsfit_tui.store.check import check_sweep

    found = check_sweep(directory)
    for sentence in [*found.damage, found.text]:
        print_lines(sentence)
    return FAILED if found.damage else DONE


@click.command()
@DIRECTORY
@click.option("--to", type=click.Path(path_type=Path), help="The new directory.  [default: DIR-salvaged]")
def salvage(directory: Path, to: Path | None) -> int:
    """Write a new directory with all that is intact in DIR, which is left as it is."""
    from flopsfit_tui.report.files.sweeps import export_directory
    from flopsfit_tui.store.salvage import salvage_sweep

    found = salvage_sweep(directory, to)
    export_directory(found.directory)
    print(printable(found.text), file=sys.stderr)
    print_lines(str(found.directory))
    return DONE


COMMANDS = (list_sweeps, export, check, salvage)
