"""Is anything lost when a sweep is killed? Small sweeps get signals at random moments and are resumed until done.

Each sweep has six trials on two workers. KILL, TERM, INT, HUP and STOP go to the sweeping process, to a worker, to both
or to the whole group, also while it plans; what is stopped is let go on after a few seconds. At the end no finished
trial may have been lost or trained twice, nothing may have printed a traceback, and every loss in trials.csv must be
that of a sweep which nobody disturbed, to the last digit.

    python benchmarks/kills.py --kills 1000 [--seed 0] [--minutes 60]
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from flopsfit_tui.store.sqlite import SqliteStore

SIGNALS = ("KILL", "TERM", "INT", "HUP", "STOP")
TARGETS = ("process", "worker", "both", "group")
TINY = Path(__file__).parents[1] / "tests" / "tiny.py"
SIZES, BUDGETS = "16,24,32", "1e7,2e7"
SILENT_SECONDS, CHECKPOINT_SECONDS = 3.0, 0.5
START_SECONDS, MOST_SECONDS = 14.0, 300.0  # of a sweep in which signals come; until one counts as hung


@dataclass
class Tally:
    """What came of all signals."""

    sent: Counter[tuple[str, str]] = field(default_factory=Counter)
    phases: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    sweeps: int = 0
    resumed: int = 0  # trials that went on from a checkpoint
    problems: list[str] = field(default_factory=list)

    @property
    def kills(self) -> int:
        """Signals sent."""
        return sum(self.sent.values())

    def table(self) -> str:
        """Signals by kind and target, then what was lost."""
        head = f"{'':6}" + "".join(f"{target:>9}" for target in TARGETS)
        rows = [f"{s:6}" + "".join(f"{self.sent[s, t]:9}" for t in TARGETS) for s in SIGNALS]
        kinds = Counter(problem.partition(":")[0] for problem in self.problems)
        found = ", ".join(f"{kinds[kind]} {kind}" for kind in ("lost", "twice", "traceback", "other loss", "hung"))
        phases = ", ".join(f"{count} while {phase}" for phase, count in sorted(self.phases.items()))
        last = f"{self.kills} signals ({phases}) over {self.runs} runs of {self.sweeps} sweeps"
        return "\n".join([head, *rows, f"{last}, {self.resumed} trials resumed: {found}", *self.problems])


def command(directory: Path, workload: Path) -> list[str]:
    """A sweep of six trials."""
    options = ["--budgets", BUDGETS, "--sizes", SIZES, "--workers", "2", "--device", "cpu", "--out", str(directory)]
    times = ["--checkpoint-seconds", str(CHECKPOINT_SECONDS), "--silent-after", str(SILENT_SECONDS)]
    return [sys.executable, "-m", "flopsfit_tui", "run", str(workload), "--no-ui", *options, *times]


def losses(directory: Path) -> dict[str, str]:
    """Losses as trials.csv writes them, by key."""
    with open(directory / "trials.csv", newline="") as file:
        return {row["trial"]: row["loss"] for row in csv.DictReader(file)}


def finished(directory: Path) -> dict[str, float]:
    """The losses of finished trials in the store; empty while there is none."""
    if not (directory / "sweep.db").exists():
        return {}
    with contextlib.suppress(Exception):  # it is just being made
        store = SqliteStore(directory, read_only=True)
        try:
            return {key: o.loss for key, o in store.outcomes().items() if o.status == "finished"}
        finally:
            store.close()
    return {}


def undisturbed(folder: Path, workload: Path = TINY) -> dict[str, str]:
    """What trials.csv should hold."""
    subprocess.run(command(folder, workload), check=True, capture_output=True)
    return losses(folder)


def kill_a_sweep(
    folder: Path, expected: dict[str, str], draw: random.Random, tally: Tally, workload: Path = TINY
) -> None:
    """Run a sweep with a signal in most of its runs, until it is done; what goes wrong is noted in the tally."""
    tally.sweeps += 1
    known: dict[str, float] = {}
    for run in range(40):
        code, said = _run(folder, draw, tally, workload, disturbed=run < 12)
        tally.runs += 1
        tally.resumed += said.count("goes on from step")
        if "Traceback" in said:
            tally.problems.append(f"traceback: {said[said.index('Traceback') :][:1500]}")
        now = finished(folder)
        for key, loss in known.items():
            if now.get(key) != loss:
                tally.problems.append(f"lost: trial {key} of {folder}")
        known = now
        if code == 0:
            break
    else:
        tally.problems.append(f"hung: {folder} was never done; the last run said {said[-1500:]}")
        return
    store = SqliteStore(folder, read_only=True)
    ended = Counter(a.trial for a in store.attempts() if a.status == "finished")
    store.close()
    tally.problems += [f"twice: trial {key} of {folder}" for key, count in ended.items() if count > 1]
    if losses(folder) != expected:
        tally.problems.append(f"other loss: {folder}: {losses(folder)} instead of {expected}")
    if (folder / "checkpoints").exists():
        tally.problems.append(f"other loss: {folder} still has checkpoints")


def _run(folder: Path, draw: random.Random, tally: Tally, workload: Path, disturbed: bool) -> tuple[int, str]:
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            command(folder, workload), stdout=subprocess.DEVNULL, stderr=said, start_new_session=True
        )
        deadline = time.monotonic() + MOST_SECONDS
        try:
            while disturbed and process.poll() is None and draw.random() < 0.9:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(draw.uniform(0.8, START_SECONDS if draw.random() < 0.5 else START_SECONDS / 3))
                if process.poll() is None and _disturb(process, draw, tally, _text(said)):
                    break
            while process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.05)
            if process.poll() is None:
                tally.problems.append(f"hung: {folder}: {_text(said)[-1500:]}")
        finally:
            for child in [*_below(process), process]:
                with contextlib.suppress(psutil.Error, OSError):
                    child.kill()
            process.wait()
        return process.returncode, _text(said)


def _text(file: object) -> str:
    assert hasattr(file, "fileno")
    descriptor = file.fileno()
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode(errors="replace")


def _below(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        return psutil.Process(process.pid).children(recursive=True)
    return []


def _disturb(process: subprocess.Popen[bytes], draw: random.Random, tally: Tally, said: str) -> bool:
    """Send one signal; whether the run is expected to end by it."""
    name, target = draw.choice(SIGNALS), draw.choice(TARGETS)
    workers = _below(process)
    if target == "worker" and not workers:
        return False
    aimed: list[psutil.Process | subprocess.Popen[bytes]] = []
    if target in ("process", "both", "group"):
        aimed.append(process)
    if workers and target in ("worker", "both"):
        aimed.append(draw.choice(workers))
    if target == "group":  # all that belongs to the job, as a batch system does it
        aimed += workers
    draw.shuffle(aimed)
    for one in aimed:
        with contextlib.suppress(psutil.Error, OSError):
            one.send_signal(getattr(signal, f"SIG{name}"))
    tally.sent[name, target] += 1
    tally.phases["training" if " trained here" in said or "running" in said or "finished" in said else "planning"] += 1
    if name != "STOP":
        return target != "worker"
    time.sleep(draw.uniform(0.5, 2 * SILENT_SECONDS))
    for one in aimed:
        with contextlib.suppress(psutil.Error, OSError):
            one.send_signal(signal.SIGCONT)
    return False


def main() -> int:
    """Kill until enough were sent; 1 when anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=1e9, help="Stop after so long.")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    draw, tally, began = random.Random(given.seed), Tally(), time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        expected = undisturbed(root / "undisturbed")
        while tally.kills < given.kills and time.monotonic() - began < 60 * given.minutes:
            known = len(tally.problems)
            kill_a_sweep(root / str(tally.sweeps), expected, draw, tally)
            print(f"{tally.kills} signals", *tally.problems[known:], sep="\n", file=sys.stderr, flush=True)
    print(tally.table())
    print(f"{time.monotonic() - began:.0f} s")
    return int(bool(tally.problems))


if __name__ == "__main__":
    sys.exit(main())
