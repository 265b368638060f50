"""Is anything lost on a cluster that loses nodes and jobs? Sweeps on Ray and on Slurm, disturbed at random, until done.

Ray: two nodes of this machine, one of which is killed in mid-sweep. Slurm: a real one of one node on this machine
(tests/slurm_cluster.py), whose jobs are requeued, signalled as at their time limit, cancelled and killed, while the
sweeping process is killed too and stays away for a while. Each sweep has six trials on two workers. At the end no
finished trial may have been lost or trained twice, and every loss in trials.csv must be that of a sweep by
`--executor processes` which nobody disturbed, to the last digit.

    python benchmarks/cluster_kills.py ray|slurm [--sweeps 10] [--seed 0]
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import kills

from flopsfit_tui.store.sqlite import SqliteStore

BUDGETS, SIZES = "3e5,6e5", "4,6,8"  # of kills.py's workload: trials of seconds that hardly need the processor
RAY_NODE = """
import sys, ray
from ray.cluster_utils import Cluster
made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
second = made.add_node(num_cpus=1)
print(made.address, flush=True)
sys.stdin.readline()
made.remove_node(second, allow_graceful=False)
print("killed", flush=True)
sys.stdin.readline()
made.shutdown()
"""


def command(directory: Path, *more: str) -> list[str]:
    """A sweep of six trials."""
    options = ["--budgets", BUDGETS, "--sizes", SIZES, "--workers", "2", "--device", "cpu", "--out", str(directory)]
    return [
        *(sys.executable, "-m", "flopsfit_tui", "run", str(kills.WORKLOAD), "--no-ui", "--checkpoint-seconds", "0.5"),
        *options,
        *more,
    ]


def problems_of(directory: Path, expected: dict[str, str]) -> list[str]:
    """What is wrong with a sweep that is done."""
    store = SqliteStore(directory, read_only=True)
    ended = Counter(a.trial for a in store.attempts() if a.status == "finished")
    store.close()
    found = [f"twice: trial {key} of {directory}" for key, count in ended.items() if count > 1]
    found += [f"lost: trial {key} of {directory}" for key in expected if not ended[key]]
    if kills.losses(directory) != expected:
        found.append(f"other loss: {kills.losses(directory)} instead of {expected}")
    if (directory / "checkpoints").exists() or (directory / "slurm").exists():
        found.append(f"left over: {sorted(path.name for path in directory.iterdir())}")
    return found


def on_ray(folder: Path, draw: random.Random, tally: Counter[str]) -> None:
    """One sweep on two nodes, one of which is killed when trials have begun."""
    nodes = subprocess.Popen([sys.executable, "-c", RAY_NODE], stdin=-1, stdout=-1, stderr=-3, text=True)
    assert nodes.stdin is not None
    assert nodes.stdout is not None
    with nodes.stdin, nodes.stdout:
        address = nodes.stdout.readline().strip()
        with open(folder.with_suffix(".log"), "w+") as said:
            more = ("--executor", "ray", "--ray-address", address)
            sweep = subprocess.Popen(command(folder, *more), stdout=subprocess.DEVNULL, stderr=said)
            while sweep.poll() is None and not (folder / "sweep.db").exists():
                time.sleep(0.1)
            with contextlib.suppress(subprocess.TimeoutExpired):
                sweep.wait(draw.uniform(3, 12))
            print(file=nodes.stdin, flush=True)
            tally["nodes killed in mid-sweep"] += nodes.stdout.readline().strip() == "killed" and sweep.poll() is None
            tally["exit codes not 0"] += sweep.wait() != 0
            said.seek(0)
            tally["trials lost with their node, and trained again"] += said.read().count("is trained again")
        print(file=nodes.stdin, flush=True)
        nodes.wait()


def on_slurm(folder: Path, draw: random.Random, tally: Counter[str]) -> None:
    """One sweep in jobs that are disturbed, by a process that is killed and stays away for a while, until done."""
    runs = 0
    while runs < 20:
        runs += 1
        last = runs > 3
        with open(folder.with_suffix(".log"), "a") as said:
            sweep = subprocess.Popen(command(folder, "--executor", "slurm"), stdout=subprocess.DEVNULL, stderr=said)
            away = math.inf
            while sweep.poll() is None:
                time.sleep(draw.uniform(2, 6))
                if last or not any(folder.glob("slurm/flopsfit-*/*.said")):  # no job of its own has begun
                    continue
                away = min(away, time.monotonic() + draw.uniform(5, 20))
                disturb(draw, tally)
                if time.monotonic() > away:
                    sweep.kill()
                    sweep.wait()
                    tally["sweeping process killed"] += 1
            if sweep.returncode == 0:
                return
        for _ in range(draw.randrange(3)):  # nobody sweeps
            time.sleep(draw.uniform(1, 4))
            disturb(draw, tally, " while nobody sweeps")
        tally["jobs there when it came back"] += len(queue("PD,R"))


def queue(states: str) -> list[str]:
    """Jobs in these states."""
    said = subprocess.run(["squeue", "-h", "-r", "-t", states, "-o", "%i"], capture_output=True, text=True).stdout
    return said.split()


def disturb(draw: random.Random, tally: Counter[str], when: str = "") -> None:
    """Do something to a job that runs."""
    jobs = queue("R")
    if not jobs:
        return
    job, how = draw.choice(jobs), draw.choice(["requeue", "requeue", "time limit", "time limit", "cancel", "kill"])
    if how == "kill":  # the whole job, at once, without Slurm's doing
        named = subprocess.run(["scontrol", "show", "job", job, "-o"], capture_output=True, text=True).stdout
        raw = next((word.partition("=")[2] for word in named.split() if word.startswith("JobId=")), "")
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                there = process.environ()  # of this Slurm alone: another on this machine may have such a job too
                if raw and (there.get("SLURM_JOB_ID"), there.get("SLURM_CONF")) == (raw, os.environ["SLURM_CONF"]):
                    process.kill()
    else:
        commands = {
            "requeue": ["scontrol", "requeue", job],
            "time limit": ["scancel", "--signal=USR2", job],
            "cancel": ["scancel", job],
        }
        subprocess.run(commands[how], capture_output=True, check=False)
    tally[f"{how}{when}"] += 1


def main() -> int:
    """Disturb sweeps; 1 when anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("cluster", choices=["ray", "slurm"])
    parser.add_argument("--sweeps", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    draw, tally, problems, began = random.Random(given.seed), Counter[str](), list[str](), time.monotonic()
    with contextlib.ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kills-")))
        os.environ["XDG_DATA_HOME"] = str(root / "data")
        if given.cluster == "slurm":
            from slurm_cluster import slurm

            os.environ.update(stack.enter_context(slurm()))
        subprocess.run(command(root / "undisturbed"), check=True, capture_output=True)
        expected = kills.losses(root / "undisturbed")
        for number in range(given.sweeps):
            (on_ray if given.cluster == "ray" else on_slurm)(root / str(number), draw, tally)
            found = problems_of(root / str(number), expected)
            problems += found
            print(f"sweep {number + 1} of {given.sweeps}: {dict(tally)}", *found, sep="\n", file=sys.stderr, flush=True)
    kinds = Counter(problem.partition(":")[0] for problem in problems)
    print(*(f"{count:4} {what}" for what, count in sorted(tally.items())), sep="\n")
    found_text = ", ".join(f"{kinds[kind]} {kind}" for kind in ("lost", "twice", "other loss", "left over"))
    print(f"{given.sweeps} sweeps of {len(expected)} trials on {given.cluster}: {found_text}")
    print(*problems, sep="\n")
    print(f"{time.monotonic() - began:.0f} s")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
