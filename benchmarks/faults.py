"""What a sweep's store withstands: damage, a failing disk, foreign files, races. Prints a table of what was lost.

    python benchmarks/faults.py                         everything, about an hour on one core
    python benchmarks/faults.py --only damage --cases 500

The failing disk needs a C compiler and Linux; a pid namespace of its own, for the last line, needs unshare(1).
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import store_damage as study

from flopsfit_tui.conduct import Sweep
from flopsfit_tui.core.sweep_files import EXPORTED, STORE_FILES
from flopsfit_tui.report.files.sweeps import export_directory
from flopsfit_tui.store.directory import delete_sweep
from flopsfit_tui.store.lock import Lock, holder_of
from flopsfit_tui.sweep.executor import InThread

HERE = Path(__file__).parent
MINE = (
    *("scaling.py", "isoflop.ipynb", "sweep-my-notes.db", "sweep-20260101-000000.db", "notes.md", ".trials.csv.1"),
    *("plots", "data", "sweep.db.bak", "view.json", "report.md~"),
)
HOLDER = (
    "import sys, time; from pathlib import Path; from flopsfit_tui.store.sqlite import SqliteStore; "
    "store = SqliteStore(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
)
Row = tuple[str, int, str]  # what was tried, how often, what was lost


def damaged_stores(folder: Path, cases: int) -> list[Row]:
    """Random damage of two stores, of 12 and 40 trials."""
    truths = [study.make_truth(folder / f"trials{count}", count, 80) for count in (12, 40)]
    tried, intact, salvaged = Counter[str](), Counter[str](), Counter[str]()
    tracebacks, wrong = 0, 0
    for seed in range(cases):
        draw = random.Random(seed)
        truth = draw.choice(truths)
        copy = study.copy_of(truth, folder / "case")
        kind = study.damage(copy, truth, draw)
        found = study.judge(copy, kind, truth)
        tried[kind] += 1
        intact[kind] += found.intact
        salvaged[kind] += found.salvaged
        tracebacks += bool(found.tracebacks)
        wrong += bool(found.wrong)
        for text in (*found.tracebacks, *found.wrong):
            print(f"case {seed}, {kind}: {text}", file=sys.stderr)
    rows: list[Row] = [
        (f"damage: {kind}", tried[kind], f"{salvaged[kind]} of {intact[kind]} intact outcomes salvaged")
        for kind in sorted(tried)
    ]
    share = sum(salvaged.values()) / max(1, sum(intact.values()))
    return [
        *rows,
        (
            "damage, all",
            cases,
            f"{tracebacks} tracebacks, {wrong} wrong numbers, {share:.1%} of what was intact salvaged",
        ),
    ]


def failing_disk(folder: Path, every: int) -> list[Row]:
    """A small sweep with the n-th operation failing."""
    from failing_disk import start  # imports torch

    found = start(folder, every, at_once=os.cpu_count() or 1)
    if not found:
        return [("failing disk", 0, "not tried: it needs a C compiler and Linux")]
    for text in found["wrong"]:
        print(text, file=sys.stderr)
    endings = {name: count for name, count in found["endings"].items() if not name.startswith("operations")}
    said = ", ".join(f"{count} {name}" for name, count in sorted(endings.items()))
    cases = sum(endings.values())
    tried = "the n-th write, fsync, rename, open, truncate or unlink fails"
    return [(tried, cases, f"{said}; {len(found['wrong'])} wrong")]


def foreign_files(folder: Path, directories: int) -> list[Row]:
    """Directories full of a person's files: a sweep is run there, exported and deleted."""
    from failing_disk import prepare_small  # resolves a workload, which imports torch

    options, prepared = prepare_small(folder / "sweep")
    changed = 0
    for seed in range(directories):
        draw = random.Random(seed)
        shutil.rmtree(prepared.directory, ignore_errors=True)
        prepared.directory.mkdir()
        elsewhere = folder / "elsewhere.txt"
        elsewhere.write_text("mine")
        names = draw.sample([*MINE, *EXPORTED, *STORE_FILES], draw.randrange(3, 12))
        for name in names:
            _put(prepared.directory / name, elsewhere, draw)
        before = _contents(prepared.directory, names) | {"elsewhere": elsewhere.read_bytes()}
        for work in (
            lambda: list(Sweep(prepared, options, InThread(), plots=False)),
            lambda: export_directory(prepared.directory, plots=False),
            lambda: delete_sweep(prepared.directory),
        ):
            _refusing(work)
        after = _contents(prepared.directory, names) | {"elsewhere": elsewhere.read_bytes()}
        if before != after:
            changed += 1
            print(f"directory {seed}: {sorted(k for k in before if before[k] != after.get(k))}", file=sys.stderr)
    return [("a sweep run, exported and deleted among foreign files", directories, f"{changed} with a file changed")]


def _put(path: Path, elsewhere: Path, draw: random.Random) -> None:
    kind = draw.choice(("file", "file", "file", "link", "folder", "empty"))
    if kind == "link":
        path.symlink_to(elsewhere)
    elif kind == "folder":
        path.mkdir()
        (path / "inside.txt").write_text("mine")
    elif kind == "empty" and not path.name.startswith("sweep.db"):  # an empty one of ours looks the same
        path.touch()
    else:
        path.write_bytes(b"mine " + draw.randbytes(draw.randrange(1, 2000)))


def _contents(directory: Path, names: list[str]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name in names:
        path = directory / name
        if path.is_symlink():
            found[name] = os.readlink(path)
        elif path.is_dir():
            found[name] = sorted(
                (str(inner.relative_to(path)), inner.read_bytes()) for inner in path.rglob("*") if inner.is_file()
            )
        else:
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None
    return found


def _refusing(work: Callable[[], object]) -> str:
    try:
        work()
    except (ValueError, OSError) as error:
        return str(error)
    return ""


def races(folder: Path, times: int) -> list[Row]:
    """Eight processes for one directory."""
    context = multiprocessing.get_context("fork")
    wins = Counter[int]()
    for number in range(times):
        directory = folder / f"race{number}"
        directory.mkdir()
        start, results, done = context.Barrier(8), context.SimpleQueue(), context.Event()
        racers = [context.Process(target=_race, args=(directory, start, results, done)) for _ in range(8)]
        for racer in racers:
            racer.start()
        wins[sum(results.get() for _ in racers)] += 1
        done.set()
        for racer in racers:
            racer.join()
    return [("8 processes race for a directory", times, f"exactly one winner in {wins[1]}")]


def _race(directory: Path, start: Any, results: Any, done: Any) -> None:
    start.wait()
    try:
        lock = Lock(directory)
    except ValueError:
        results.put(0)
        return
    results.put(1)
    done.wait()
    lock.release()


def live_sweeps(folder: Path, times: int) -> list[Row]:
    """Deleting a sweep that a process in another pid namespace writes."""
    unshare = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]
    works = bool(shutil.which("unshare")) and not subprocess.run([*unshare, "true"], capture_output=True).returncode
    deleted = 0
    for number in range(times):
        directory = folder / f"live{number}"
        command = [*(unshare if works else []), sys.executable, "-c", HOLDER, str(directory)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
            assert holder.stdout
            holder.stdout.readline()
            before = sorted(os.listdir(directory))
            refused = _refusing(partial(delete_sweep, directory))
            deleted += "stop it first" not in refused or sorted(os.listdir(directory)) != before
            assert holder.stdin
            holder.stdin.close()
        while holder_of(directory):
            time.sleep(0.01)
        delete_sweep(directory)
    where = "in another pid namespace" if works else "in another process (no pid namespaces here)"
    return [(f"deleting a sweep that is live {where}", times, f"{deleted} deleted")]


STUDIES: dict[str, tuple[Callable[[Path, int], list[Row]], int]] = {
    "damage": (damaged_stores, 10_000),
    "disk": (failing_disk, 1),  # every n-th operation
    "foreign": (foreign_files, 200),
    "races": (races, 100),
    "live": (live_sweeps, 100),
}


def main() -> None:
    """Run the studies and print their table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=STUDIES, action="append", help="One study, or several.")
    parser.add_argument("--cases", type=int, help="How many cases; for the disk, every how manieth operation.")
    given = parser.parse_args()
    shared = "/dev/shm" if os.path.isdir("/dev/shm") else None  # a real disk's fsync takes most of the time
    print(f"| {'what was tried':58} | {'times':>6} | what was lost |\n| {'-' * 58} | {'-' * 5}: | --- |", flush=True)
    for name in given.only or STUDIES:
        work, cases = STUDIES[name]
        with tempfile.TemporaryDirectory(dir=shared) as folder:
            for what, times, lost in work(Path(folder), given.cases or cases):
                print(f"| {what:58} | {times:6} | {lost} |", flush=True)


if __name__ == "__main__":
    main()
