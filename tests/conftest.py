"""What every room's tests share."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
sys.path.insert(0, str(TESTS))  # `import tiny`, here and in the workers


@pytest.fixture(autouse=True)
def own_directories(tmp_path_factory, monkeypatch):
    """No test reads or writes the user's own sweeps, settings and views."""
    for kind in ("DATA", "CONFIG", "STATE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path_factory.mktemp(kind.lower())))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))


@pytest.fixture(scope="session")
def tiny_file():
    """A workload of milliseconds, as a reference that any process can resolve."""
    return str(TESTS / "tiny.py")
