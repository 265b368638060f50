"""A small sweep on a disk that fails at some of its operations; benchmarks/faults.py tries them all."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.slow
def test_a_sweep_ends_well_or_says_why(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import failing_disk

    shared = "/dev/shm" if Path("/dev/shm").is_dir() else None  # a real disk's fsync takes most of the time
    with TemporaryDirectory(dir=shared) as folder:
        found = failing_disk.start(Path(folder), 40)
    if not found:
        pytest.skip("needs a C compiler and /proc")
    assert found["wrong"] == []
    assert found["endings"]["paused and finished"] > 0
    assert found["endings"]["one clear line, finished by the next run"] > 5
