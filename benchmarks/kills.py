"""Is anything lost when a sweep is killed? Small sweeps get signals at random moments and are resumed until done.

Each sweep has five trials on two workers. KILL, TERM, INT, HUP and STOP go to the sweeping process, to a worker, to
both or to the whole group, also while it plans; what is stopped is let go on after a minute. Some sweeps run in the
app, whose terminal is hung up, some detached. At the end no finished trial may have been lost or trained twice,
nothing may have printed a traceback or gone on running, and every loss in trials.csv must be that of a sweep which
nobody disturbed, to the last digit. What a signal cost is the training since the last checkpoint. Needs Linux.

    python benchmarks/kills.py --kills 1000 [--seed 0] [--minutes 60] [--at-once 12]
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import itertools
import multiprocessing
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from kill_starts import DETACHED, HEADLESS, Started, adopt_orphans, warm_up

from flopsfit_tui.core.checkpoint_files import FOLDER
from flopsfit_tui.store.sqlite import SqliteStore

SIGNALS = ("KILL", "TERM", "INT", "HUP", "STOP")
TARGETS = ("process", "worker", "both", "group")
STARTS: dict[str, tuple[float, tuple[str, ...]]] = {  # of so many sweeps: the options that say how it is run
    "headless": (0.65, HEADLESS),
    "detached": (0.2, DETACHED),
    "own interpreter": (0.05, HEADLESS),
    "app": (0.1, ("--exit-when-done",)),
}
WORKLOAD = Path(__file__).with_name("kill_workload.py")
SIZES = "4,6,8,10,12"
SILENT_SECONDS, CHECKPOINT_SECONDS, STOP_SECONDS = 8.0, 0.5, 60.0
DISTURBED_RUNS, MOST_RUNS = 14, 40
FIRST_SECONDS, MOST_SECONDS = 3.0, 400.0  # in which signals come; until a run counts as hung
TRAINING = 0.75  # of the signals wait until the planning is over
NO_TERMINAL = "HUP to process while in the app after 0 characters"
LEFT_SECONDS = 20.0  # in which all that a sweep has started ends after it


@dataclass
class Tally:
    """What came of all signals."""

    sent: Counter[tuple[str, str]] = field(default_factory=Counter)
    phases: Counter[str] = field(default_factory=Counter)
    starts: Counter[str] = field(default_factory=Counter)  # signals by how the sweep was run
    codes: Counter[int] = field(default_factory=Counter)  # exit codes
    runs: int = 0
    sweeps: int = 0
    resumed: list[float] = field(default_factory=list)  # seconds of training lost, by trial that went on
    problems: list[str] = field(default_factory=list)

    @property
    def kills(self) -> int:
        """Signals sent."""
        return sum(self.sent.values())

    def add(self, other: Tally) -> None:
        """Count what another has counted, too."""
        for mine, more in zip(vars(self).items(), vars(other).values(), strict=True):
            setattr(self, mine[0], mine[1] + more)

    def lost(self) -> str:
        """What was lost, in one line."""
        kinds = Counter(problem.partition(":")[0] for problem in self.problems)
        named = ", ".join(f"{kinds[kind]} {kind}" for kind in ("lost", "twice", "traceback", "other loss", "hung"))
        more = ", ".join(f"{count} {kind}" for kind, count in kinds.items() if kind not in named)
        seconds = max(self.resumed, default=0.0)
        time_lost = (
            f"{len(self.resumed)} trials went on from a checkpoint or anew, {seconds:.1f} s of training lost at most"
        )
        return f"{named}{', ' * bool(more)}{more}; {time_lost} (a checkpoint each {CHECKPOINT_SECONDS} s)"

    def table(self) -> str:
        """Signals by kind and target, then what was lost."""
        head = f"{'':6}" + "".join(f"{target:>9}" for target in TARGETS)
        rows = [f"{s:6}" + "".join(f"{self.sent[s, t]:9}" for t in TARGETS) for s in SIGNALS]
        counts = ", ".join(f"{n} {name}" for name, n in sorted((self.phases + self.starts).items()))
        codes = ", ".join(f"{code}: {count}" for code, count in sorted(self.codes.items()))
        last = f"{self.kills} signals ({counts}) over {self.runs} runs of {self.sweeps} sweeps; exit codes {codes}"
        return "\n".join([head, *rows, last, self.lost(), *self.problems])


@dataclass(frozen=True)
class Look:
    """How far the trials of a sweep are when a signal is sent."""

    time: float  # seconds since the epoch
    attempts: Counter[str]  # by trial
    steps: dict[str, tuple[int, float]]  # the last step stored of a trial, and its seconds of training


def arguments(directory: Path, workload: Path, how: tuple[str, ...] = HEADLESS) -> list[str]:
    """A sweep of five trials."""
    options = ["--budgets", "1.5e5", "--sizes", SIZES, "--workers", "2", "--device", "cpu", "--out", str(directory)]
    times = ["--checkpoint-seconds", str(CHECKPOINT_SECONDS), "--silent-after", str(SILENT_SECONDS)]
    return ["run", str(workload), *how, *options, *times]


def losses(directory: Path) -> dict[str, str]:
    """Losses as trials.csv writes them, by key."""
    with open(directory / "trials.csv", newline="") as file:
        return {row["trial"]: row["loss"] for row in csv.DictReader(file)}


def finished(directory: Path) -> dict[str, float]:
    """The losses of finished trials in the store; empty while there is none."""
    with contextlib.suppress(ValueError), contextlib.closing(SqliteStore(directory, read_only=True)) as store:
        return {key: o.loss for key, o in store.outcomes().items() if o.status == "finished"}
    return {}


def look(directory: Path) -> Look:
    """How far the trials are, as their histories say."""
    with contextlib.suppress(ValueError), contextlib.closing(SqliteStore(directory, read_only=True)) as store:
        done = store.outcomes()
        last = {key: (rows[-1].step, rows[-1].seconds) for key, rows in store.history().items() if key not in done}
        return Look(time.time(), Counter(a.trial for a in store.attempts()), last)
    return Look(time.time(), Counter(), {})


def undisturbed(folder: Path, workload: Path = WORKLOAD) -> dict[str, str]:
    """What trials.csv should hold."""
    started = Started(arguments(folder, workload))
    while started.process.poll() is None:
        time.sleep(0.05)
    said = started.said()
    assert started.close() == 0, said
    return losses(folder)


def kill_a_sweep(folder: Path, expected: dict[str, str], draw: random.Random, tally: Tally, start: str) -> None:
    """Run a sweep with signals in most of its runs, until it is done; what goes wrong is noted in the tally."""
    tally.sweeps += 1
    known: dict[str, float] = {}
    looks: list[Look] = []
    for run in range(MOST_RUNS):
        code, said = _run(folder, draw, tally, start, looks, disturbed=run < DISTURBED_RUNS)
        tally.runs += 1
        tally.codes[code] += 1
        for sign in ("Traceback", "Internal error"):
            if sign in said:
                tally.problems.append(f"traceback: {said[said.index(sign) :][:1500]}")
        no_terminal = code == 2 and start == "app" and NO_TERMINAL in said  # it was gone as the app began
        if code not in (0, 3, 130) and not (
            -65 < code < 0 or no_terminal or (start in ("app", "detached") and code > 128)
        ):
            tally.problems.append(f"exit code {code} of one run as {start}: {said[-1500:]}")
        now = finished(folder)
        tally.problems += [f"lost: trial {key} of {folder}" for key, loss in known.items() if now.get(key) != loss]
        known = now
        if code == 0 and len(now) == len(expected):
            break
    else:
        tally.problems.append(f"hung: {folder} was never done; the last run said {said[-1500:]}")
        return
    with contextlib.closing(SqliteStore(folder, read_only=True)) as store:
        ended = Counter(a.trial for a in store.attempts() if a.status == "finished")
        tally.resumed += _time_lost([*looks, look(folder)], store)
    tally.problems += [f"twice: trial {key} of {folder}" for key, count in ended.items() if count > 1]
    if losses(folder) != expected:
        tally.problems.append(f"other loss: {folder}: {losses(folder)} instead of {expected}")
    if (folder / FOLDER).exists():
        tally.problems.append(f"other loss: {folder} still has checkpoints")


def _time_lost(looks: list[Look], store: SqliteStore) -> list[float]:
    """Seconds of training done again, of each trial that was begun again between two looks."""
    plan = store.plan()
    assert plan is not None
    sizes = {trial.key: trial.size for trial in plan.trials}
    found = []
    for before, after in itertools.pairwise(looks):
        notes = [text for at, _, text in store.notes() if before.time <= at <= after.time]
        for key, (step, seconds) in before.steps.items():
            if after.attempts[key] > before.attempts[key]:
                told = (re.search(rf"width {sizes[key]} goes on from step (\d+)", text) for text in notes)
                at = next((int(match[1]) for match in told if match), 0)
                found.append(max(0.0, (step - at) / step * seconds))
    return found


def _run(
    folder: Path, draw: random.Random, tally: Tally, start: str, looks: list[Look], disturbed: bool
) -> tuple[int, str]:
    _, how = STARTS[start]
    started = Started(arguments(folder, WORKLOAD, how), whole=start == "own interpreter")
    deadline, process, workers = time.monotonic() + MOST_SECONDS, started.process, dict[int, psutil.Process]()
    sent: list[str] = []
    try:
        while disturbed and process.poll() is None and draw.random() < 0.9:
            if draw.random() < TRAINING:
                _wait(started, MOST_SECONDS, lambda: _phase(started.said(), start) != "planning")
            _wait(started, draw.uniform(0.05, FIRST_SECONDS))
            if process.poll() is None:
                workers |= {worker.pid: worker for worker in started.workers()}
                looks.append(look(folder))
                if _disturb(started, draw, tally, start, sent):
                    break
        while process.poll() is None and time.monotonic() < deadline:
            _wait(started, 0.1)
            workers |= {worker.pid: worker for worker in started.workers()}
        said = f"{started.said()}\n(sent: {', '.join(sent) or 'nothing'})"
        if process.poll() is None:
            tally.problems.append(f"hung: {folder} run as {start}: {said[-1500:]}\n{_stacks(process.pid)}")
        else:
            tally.problems += _left(folder, list(workers.values()))
    finally:
        code = started.close()
    return code, said


def _stacks(pid: int) -> str:
    """Where its threads stand, if py-spy is installed here."""
    tool = shutil.which("py-spy", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
    return subprocess.run([tool, "dump", "-p", str(pid)], capture_output=True, text=True).stdout if tool else ""


def _wait(started: Started, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
    deadline = time.monotonic() + seconds
    while started.process.poll() is None and (left := deadline - time.monotonic()) > 0 and not until():
        started.said()  # or a terminal would be full
        time.sleep(min(left, 0.1))


def _left(folder: Path, workers: list[psutil.Process]) -> list[str]:
    """Who goes on after the sweep has ended."""
    _, alive = psutil.wait_procs(workers, timeout=LEFT_SECONDS)
    for worker in alive:
        with contextlib.suppress(psutil.Error):
            worker.kill()
    return [f"left: process {worker.pid} of {folder}" for worker in alive]


def _disturb(started: Started, draw: random.Random, tally: Tally, start: str, sent: list[str]) -> bool:
    """Send one signal, which is added to what was sent; whether the run is expected to end by it."""
    name, target = draw.choice(SIGNALS), draw.choice(TARGETS)
    workers, said = started.workers(), started.said()
    if target == "worker" and not workers:
        return False
    aimed: list[Any] = [started.process] if target != "worker" else []
    if workers and target in ("worker", "both"):
        aimed.append(draw.choice(workers))
    if target == "group":  # all that belongs to the job, as a batch system does it
        aimed += workers
    draw.shuffle(aimed)
    if name == "HUP" and start == "app" and target == "process":
        started.hang_up()
    else:
        for one in aimed:
            with contextlib.suppress(psutil.Error, OSError):
                one.send_signal(getattr(signal, f"SIG{name}"))
    sent.append(f"{name} to {target} while {_phase(said, start)} after {len(said)} characters")
    tally.sent[name, target] += 1
    tally.starts[f"of sweeps run as {start}"] += 1
    tally.phases[f"while {_phase(said, start)}"] += 1
    if name != "STOP":
        return target != "worker"
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline and any(_stands(one.pid) for one in aimed):
        _wait(started, 0.2)
    for one in aimed:
        with contextlib.suppress(psutil.Error, OSError):
            one.send_signal(signal.SIGCONT)
    return False


def _stands(pid: int) -> bool:
    with contextlib.suppress(psutil.Error):
        return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    return False


def _phase(said: str, start: str) -> str:
    if start == "app":
        return "in the app"
    if "sweep done" in said:
        return "writing the files"
    return "training" if re.search(r"on \d workers", said) else "planning"


def drive(number: int, root: Path, expected: dict[str, str], sent: Any, given: argparse.Namespace, said: Any) -> None:
    """Kill one sweep after the other while signals are wanted, beside other processes that do the same."""
    draw, sweeps = random.Random(f"{given.seed} {number}"), 0
    adopt_orphans()
    while sent.value < given.kills and time.monotonic() < given.until:
        folder, tally = root / f"{number}-{sweeps}", Tally()
        starts = given.starts.split(",")
        start = draw.choices(starts, [STARTS[name][0] for name in starts])[0]
        try:
            kill_a_sweep(folder, expected, draw, tally, start)
        except Exception as error:  # noqa: BLE001 - of the benchmark itself
            tally.problems.append(f"benchmark: {type(error).__name__}: {error} at {folder}")
        with sent.get_lock():
            sent.value += tally.kills
        said.put(tally)
        sweeps += 1
    said.put(None)


def kill_many(given: argparse.Namespace) -> Tally:
    """Kill until enough signals were sent, several sweeps at once."""
    context, tally = multiprocessing.get_context("fork"), Tally()
    with tempfile.TemporaryDirectory(dir=given.dir, ignore_cleanup_errors=True) as name:
        root = Path(name)
        warm_up(arguments(root / "warm", WORKLOAD))
        expected = undisturbed(root / "undisturbed")
        sent, said = context.Value("l", 0), context.SimpleQueue()
        drivers = [
            context.Process(target=drive, args=(number, root, expected, sent, given, said))
            for number in range(given.at_once)
        ]
        for driver in drivers:
            driver.start()
        left = len(drivers)
        while left:
            found: Tally | None = said.get()
            left -= found is None
            if found is not None:
                tally.add(found)
                print(f"{tally.kills} signals", *found.problems, sep="\n", file=sys.stderr, flush=True)
    return tally


def main() -> int:
    """Kill until enough were sent; 1 when anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=1e9, help="Begin no sweep after so long.")
    parser.add_argument("--at-once", type=int, default=12, help="Sweeps; they sleep most of the time.")
    parser.add_argument("--starts", default=",".join(STARTS), help="How the sweeps are run.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dir", help="Where the sweeps lie.")
    given = parser.parse_args()
    began = time.monotonic()
    given.until = began + 60 * given.minutes
    tally = kill_many(given)
    print(tally.table())
    print(f"{time.monotonic() - began:.0f} s")
    return int(bool(tally.problems))


if __name__ == "__main__":
    sys.exit(main())
