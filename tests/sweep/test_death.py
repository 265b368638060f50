"""Workers never outlive the sweeping process, however it dies."""

import os
import signal
import subprocess
import sys
import time

import pytest

SWEEP = """
import sys
from pathlib import Path
from flopsfit_tui.core.events import TrialProgress
from flopsfit_tui.core.trial import Request
from flopsfit_tui.store.sqlite import SqliteStore
from flopsfit_tui.sweep.prepare import make_plan
from flopsfit_tui.sweep.processes import Processes
from flopsfit_tui.sweep.run import run_sweep
workload, out = sys.argv[1:]
executor = Processes(2)
plan = make_plan(Request(workload, budgets=(1e9,), sizes=(16, 32)), executor)
running = set()
for event in run_sweep(plan, workload, executor, SqliteStore(Path(out)), device="cpu"):
    if isinstance(event, TrialProgress):
        running.add(event.key)
        if len(running) == 2:
            print(*[w.process.pid for w in executor._workers], flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_no_worker_is_left_after_the_sweeping_process_dies(number, tiny_file, tmp_path):
    sweeping = subprocess.Popen(
        [sys.executable, "-c", SWEEP, tiny_file, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    pids = [int(p) for p in sweeping.stdout.readline().split()]
    assert len(pids) == 2
    assert all(map(alive, pids))
    sweeping.send_signal(number)
    sweeping.wait(timeout=60)
    sweeping.stdout.close()
    deadline = time.monotonic() + 60
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(alive, pids))


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as stat:  # an orphan that nobody reaps is dead all the same
        return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
