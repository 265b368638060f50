"""The command that serves the app to a browser."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from flopsfit_tui.cli_complete import complete_sweep
from flopsfit_tui.core.failed import Failed


@click.command()
@click.argument(
    "directory", shell_complete=complete_sweep, metavar="[DIR]", type=click.Path(path_type=Path), required=False
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port of 127.0.0.1.  [default: a free one]")
@click.option(
    "--read-only/--no-read-only",
    default=None,
    help="Whether no key changes the sweep in DIR or its files.  [default: none does]",
)
def serve(directory: Path | None, port: int, read_only: bool | None) -> int:
    """Show the app in a browser on this machine: the start screen, or the sweep in DIR, which is only looked at.

    Prints the URL, which holds a random token; without it every request is refused. Each page that is opened has an
    app of its own, which ends when the page is closed. Needs the extra `web`.
    """
    try:
        from flopsfit_tui.browser.server import serve as serve_app
    except ModuleNotFoundError as error:
        if error.name not in ("aiohttp", "textual_serve"):
            raise
        raise Failed("`serve` needs textual-serve: pip install 'flopsfit-tui[web]'") from None
    if directory is None and read_only:
        raise ValueError("--read-only needs DIR, the sweep to be looked at")
    command = [sys.executable, "-m", "flopsfit_tui"]
    if directory is None:
        return serve_app([*command, "launch"], port=port, title="flopsfit-tui", keeps=True)
    from flopsfit_tui.store.sqlite import SqliteStore

    SqliteStore(directory, read_only=True).close()  # a directory without a sweep is refused here, not in the page
    name = directory.resolve().name
    command += ["watch", str(directory), *([] if read_only is False else ["--read-only"])]
    return serve_app(command, port=port, title=f"{name} - flopsfit-tui", keeps=False)


COMMANDS = (serve,)
