"""A small sweep on a disk that fails at some of its operations; benchmarks/faults.py tries them all."""

from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.slow
def test_a_sweep_ends_well_or_says_why(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import failing_disk

    found = failing_disk.start(tmp_path, 40)
    if not found:
        pytest.skip("needs a C compiler and /proc")
    assert found["wrong"] == []
    assert found["endings"]["paused and finished"] > 0
    assert found["endings"]["one clear line, finished by the next run"] > 5
