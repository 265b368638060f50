"""Small sweeps on a disk that fails: every n-th operation, every kind of fault. faults.py runs it under the library."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from fault_injection import OPERATIONS, arm, build, disarm, preloaded

from flopsfit_tui.conduct import PreparedSweep, Sweep, prepare
from flopsfit_tui.core.events import Note, SweepEnded
from flopsfit_tui.core.options import Options
from flopsfit_tui.core.trial import Request
from flopsfit_tui.store.check import check_sweep
from flopsfit_tui.store.sqlite import SqliteStore
from flopsfit_tui.sweep import keeping
from flopsfit_tui.sweep.executor import InThread
from flopsfit_tui.workloads import simulated

SECONDS = 300  # that a sweep may take before it counts as hung
MANY = 40  # operations that fail in a row where the fault lasts
EVERY = 7  # n-th operation at which a lasting fault is tried


def prepare_small(out: Path) -> tuple[Options, PreparedSweep]:
    """Three simulated trials that take no time, too few for a fit, which would."""
    simulated.PACE = 0.0
    keeping.FIRST_SECONDS, keeping.MOST_SECONDS, keeping.HOLD_SECONDS = 0.01, 0.02, 0.01
    request = Request("simulated", budgets=(6e18,), points=3)
    options = Options(request, out=out, executor="thread")
    return options, prepare(options, InThread())


def run_once(options: Options, prepared: PreparedSweep) -> dict[str, Any]:
    """Run the sweep in this process; what was said, and how it ended."""
    said: list[str] = []
    try:
        ended = None
        for event in Sweep(prepared, options, InThread(), plots=False):
            if isinstance(event, Note) and event.level == "error":
                said.append(event.message)
            if isinstance(event, SweepEnded):
                ended = event
        problem = ended.problem if ended else "did not end"
        return {"said": said, "problem": problem, "traceback": ""}
    except ValueError as error:
        return {"said": said, "problem": str(error) or "?", "traceback": ""}
    except BaseException:  # noqa: BLE001 - what is counted
        return {"said": said, "problem": "traceback", "traceback": traceback.format_exc()}


def in_child(work: Any) -> dict[str, Any]:
    """Do something in a process forked from this one; its answer, or that it hung or died."""
    with tempfile.TemporaryFile() as answer:
        child = os.fork()
        if child == 0:
            signal.alarm(SECONDS)
            result = json.dumps(work()).encode()
            answer.write(result)
            answer.flush()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        answer.seek(0)
        text = answer.read()
    if status != 0 or not text:
        return {"said": [], "problem": "died", "traceback": f"hung or died: status {status}"}
    found: dict[str, Any] = json.loads(text)
    return found


def losses(directory: Path) -> dict[str, str]:
    """The loss of every trial in trials.csv, as it is written there."""
    with (directory / "trials.csv").open(newline="") as file:
        return {row["trial"]: row["loss"] for row in csv.DictReader(file)}


def try_fault(
    options: Options, prepared: PreparedSweep, reference: dict[str, str], operation: str, n: int, times: int, fault: str
) -> tuple[str, str]:
    """Run with a fault, look at what is on disk, run again without: the kind of ending, and what is wrong with it."""
    out = prepared.directory
    shutil.rmtree(out, ignore_errors=True)

    def failing() -> dict[str, Any]:
        arm(out, operation, n, times, fault)
        found = run_once(options, prepared)
        disarm()
        return found

    first = in_child(failing)
    ending = "paused and finished" if first["said"] and not first["problem"] else "finished"
    if first["problem"]:
        ending = "one clear line, finished by the next run"
    if first["traceback"] or "\n" in first["problem"]:
        return "traceback", first["traceback"] or first["problem"]
    try:
        with closing(SqliteStore(out, read_only=True)) as store:
            damage, found = store.damage(everything=True), store.outcomes()
            plan = store.plan()
    except ValueError:
        damage, found, plan = [], {}, None
    wrong = [key for key, outcome in found.items() if repr(outcome.loss) != reference[key]]
    if damage or wrong:
        return "wrong", f"{damage} {wrong}"
    if not first["problem"] and (plan is None or len(found) != len(reference)):
        return "wrong", "said nothing, and outcomes are missing"
    second = in_child(lambda: run_once(options, prepared))
    if second["problem"]:
        return "wrong", f"the next run fails: {second['problem']} {second['traceback']}"
    if losses(out) != reference or check_sweep(out).damage:
        return "wrong", f"after the next run: {check_sweep(out).damage}"
    return ending, ""


def start(folder: Path, every: int, at_once: int = 1) -> dict[str, Any]:
    """All faults at every `every`-th operation of each kind, in so many processes; empty without a C compiler.

    How often each ending came, and what went wrong. Raises RuntimeError where a process failed.
    """
    if (library := build(folder)) is None:
        return {}
    running = []
    for number in range(at_once):
        (below := folder / str(number)).mkdir()
        command = [sys.executable, __file__, str(below), str(every), ",".join(OPERATIONS[number::at_once])]
        running.append(subprocess.Popen(command, env=preloaded(library), stdout=subprocess.PIPE, text=True))
    endings: Counter[str] = Counter()
    wrong: list[str] = []
    for process in running:
        said, _ = process.communicate()
        if process.returncode:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        found = json.loads(said)
        endings.update(found["endings"])
        wrong += found["wrong"]
    return {"endings": endings, "wrong": wrong}


def main(folder: Path, every: int, operations: list[str]) -> dict[str, Any]:
    """All faults at every `every`-th operation; how often each ending came, and what went wrong."""
    options, prepared = prepare_small(folder / "sweep")
    clean = run_once(options, prepared)  # here, so that no child has to import what a sweep imports as it goes
    assert not clean["problem"], clean
    reference = losses(prepared.directory)
    endings: Counter[str] = Counter()
    wrong = []
    for operation in operations:
        shutil.rmtree(prepared.directory)

        def counting(operation: str = operation) -> dict[str, Any]:
            arm(prepared.directory, operation, 1 << 40, 0, "EIO")
            run_once(options, prepared)
            return {"problem": "", "seen": disarm()}

        total = in_child(counting)["seen"]
        faults = ("ENOSPC", "EIO", "EROFS", *(("short",) if operation == "write" else ()))
        cases = [(n, 1, fault) for n in range(1, total + 1, every) for fault in faults]
        cases += [(n, MANY, fault) for n in range(1, total + 1, every * EVERY) for fault in faults]
        for n, times, fault in cases:
            ending, why = try_fault(options, prepared, reference, operation, n, times, fault)
            endings[ending] += 1
            if why:
                wrong.append(f"{fault} at {operation} {n} ({times} times): {ending}: {why}")
        endings[f"operations: {operation}"] = total
    return {"endings": endings, "wrong": wrong}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3].split(","))))
