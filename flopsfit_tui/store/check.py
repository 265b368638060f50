"""What is damaged in a sweep's directory, and what is intact; reads only."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from flopsfit_tui.core.store_errors import StoreError
from flopsfit_tui.core.sweep_files import PLAN_COPY
from flopsfit_tui.store.manifest import is_owned, owned_files
from flopsfit_tui.store.reading import read_plan_copy
from flopsfit_tui.store.schema import FILE, explained
from flopsfit_tui.store.sqlite import SqliteStore

MOST = 10  # of SQLite's own findings


@dataclass(frozen=True)
class Checked:
    """What a look at a sweep's directory has found."""

    damage: tuple[str, ...]  # a sentence each; empty when all is as it was written
    text: str  # what is intact, or what to do


def check_sweep(directory: Path) -> Checked:
    """Look at everything in a sweep's directory. Raises ValueError where there is no sweep."""
    damage: list[str] = []
    counted = ""
    try:
        store = SqliteStore(directory, read_only=True)
    except StoreError as error:
        damage.append(str(error).partition("; `flopsfit-tui check")[0])
    else:
        try:
            damage += _of_pages(store)
            counted = _of_rows(store, damage)
        except StoreError as error:
            damage.append(str(error).partition("; `flopsfit-tui check")[0])
        finally:
            store.close()
    if os.path.lexists(directory / PLAN_COPY) and read_plan_copy(directory) is None:
        damage.append(f"{PLAN_COPY}, the copy of the plan, is damaged")
    owned = owned_files(directory)
    changed = [name for name in sorted(owned) if name != PLAN_COPY and not is_owned(directory, name, owned)]
    damage += [
        f"{name} is not as this sweep wrote it; `flopsfit-tui export {directory}` writes it again where it is missing, "
        f"and with --force where it was changed"
        for name in changed
    ]
    if not damage:
        return Checked((), f"intact: {counted}")
    only_files = len(damage) == len(changed)
    what = "" if only_files else f"`flopsfit-tui salvage {directory}` writes a new directory with all that is intact"
    return Checked(tuple(dict.fromkeys(damage)), what or f"the store is intact: {counted}")


def _of_pages(store: SqliteStore) -> list[str]:
    with explained(store.directory):
        found = [text for (text,) in store.database.execute(f"pragma integrity_check({MOST})")]
    return [] if found == ["ok"] else [f"{FILE}: {' '.join(str(text).split())}" for text in found]


def _of_rows(store: SqliteStore, damage: list[str]) -> str:
    plan = store.plan()
    damage += store.damage(everything=True)
    outcomes, history = store.outcomes(), store.history()
    if plan is None:
        return "no plan yet (the sweep has not started)"
    return (
        f"the plan, {len(outcomes)} outcomes of {len(plan.trials)} trials, {sum(map(len, history.values()))} rows of "
        f"history"
    )
