"""What every room's tests share."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
sys.path.insert(0, str(TESTS))  # `import tiny`, here and in the workers


@pytest.fixture(autouse=True)
def own_data_directory(tmp_path_factory, monkeypatch):
    """No test reads or writes the person's own sweeps."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))


@pytest.fixture(scope="session")
def tiny_file():
    """A workload of milliseconds, as a reference that any process can resolve."""
    return str(TESTS / "tiny.py")
