"""A small sweep on a disk that fails at some of its operations; benchmarks/faults.py tries them all."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.slow
def test_a_sweep_ends_well_or_says_why(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    from fault_injection import build, preloaded

    library = build(tmp_path)
    if library is None:
        pytest.skip("needs a C compiler and /proc")
    command = [sys.executable, str(BENCHMARKS / "failing_disk.py"), str(tmp_path), "9"]
    ran = subprocess.run(command, env=preloaded(library), capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert found["wrong"] == []
    assert found["endings"]["paused and finished"] > 5
    assert found["endings"]["one clear line, finished by the next run"] > 5
