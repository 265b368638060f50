"""What a shell completes: built-in workloads and own files, and the directories of sweeps."""

from __future__ import annotations

from pathlib import Path

import click
from click.shell_completion import CompletionItem


def complete_workload(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Built-in workloads with what they are, and Python files."""
    del context, parameter
    from flopsfit_tui.workloads.builtin import BUILTIN

    found = [CompletionItem(b.name, help=b.about) for b in BUILTIN.values() if b.name.startswith(begun)]
    return [*found, *(CompletionItem(str(path)) for path in sorted(_beginning(begun)) if path.suffix == ".py")]


def complete_sweep(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """The sweeps of the data directory, and directories here that hold one."""
    del context, parameter
    from flopsfit_tui.core.units import format_count
    from flopsfit_tui.store.directory import find_sweeps
    from flopsfit_tui.store.sqlite import FILE

    stored = [path for path in find_sweeps() if str(path).startswith(begun) or path.name.startswith(begun)]
    here = [path for path in sorted(_beginning(begun)) if path.is_dir()]
    items = [CompletionItem(str(path), help=f"{format_count((path / FILE).stat().st_size)}B") for path in stored]
    holding = [CompletionItem(str(path)) for path in here if (path / FILE).is_file()]
    return items + holding or [CompletionItem(begun, type="dir")]


def _beginning(begun: str) -> list[Path]:
    """What lies where a path that has been begun leads."""
    path = Path(begun)
    folder = path if begun.endswith("/") else path.parent
    try:
        return [entry for entry in folder.iterdir() if str(entry).startswith(begun.removeprefix("./"))][:200]
    except OSError:
        return []
