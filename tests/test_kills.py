"""The short form of benchmarks/kills.py: one sweep, killed a few times and resumed until done, loses nothing."""

import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

pytestmark = pytest.mark.slow


def test_a_sweep_that_is_killed_again_and_again_loses_nothing(tmp_path, monkeypatch):
    import kills

    monkeypatch.setattr(kills, "STOP_SECONDS", 2.0)
    monkeypatch.setattr(kills, "DISTURBED_RUNS", 3)
    tally = kills.Tally()
    expected = kills.undisturbed(tmp_path / "undisturbed")
    kills.kill_a_sweep(tmp_path / "killed", expected, random.Random(3), tally, "own interpreter")
    assert tally.kills > 0
    assert tally.problems == []
