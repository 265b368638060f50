"""The short form of benchmarks/kills.py: one sweep, killed a few times and resumed until done, loses nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
KILLS = """
import json, random, sys
from pathlib import Path
import kills

root, tally = Path(sys.argv[1]), kills.Tally()
kills.STOP_SECONDS, kills.DISTURBED_RUNS = 2.0, 3
kills.warm_up(kills.arguments(root / "warm", kills.WORKLOAD))
expected = kills.undisturbed(root / "undisturbed")
kills.kill_a_sweep(root / "killed", expected, random.Random(458), tally, "headless")
print(json.dumps([sorted(name for name, _ in tally.sent.elements()), tally.problems]))
"""


@pytest.mark.slow
def test_a_sweep_that_is_killed_again_and_again_loses_nothing(tmp_path):
    """Its processes are forked from one that has torch imported, as most of the benchmark's."""
    command = [sys.executable, "-c", KILLS, str(tmp_path)]
    done = subprocess.run(command, cwd=BENCHMARKS, capture_output=True, text=True, timeout=540, check=False)
    assert done.returncode == 0, done.stderr
    sent, problems = json.loads(done.stdout)
    assert "KILL" in sent
    assert problems == []
