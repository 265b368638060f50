"""What every room's tests share."""

from __future__ import annotations

import itertools
import os
import signal
import sys
from pathlib import Path

import pytest

from flopsfit_tui.report.files import export
from flopsfit_tui.tui.session import short_threads

TESTS = Path(__file__).parent
NUMBERS = itertools.count()
WITHOUT_MATPLOTLIB = str(TESTS / "without_matplotlib")
LIBRARIES = {"MPLCONFIGDIR": "matplotlib", "HF_HOME": "huggingface"}
DRAWN_HERE, DRAWN_BY_A_CHILD = export.draw_pictures, short_threads.draw_plots
sys.path.insert(0, str(TESTS))  # `import tiny`, here and in the workers
for heard, default in {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}.items():
    if signal.getsignal(heard) is signal.SIG_IGN:  # by nohup or a script's `&`; what tests start would ignore it too
        signal.signal(heard, default)


@pytest.fixture(scope="session")
def cache_home(tmp_path_factory):
    """A cache that begins empty, and is the same for all tests of a process."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_directories(tmp_path_factory, cache_home, monkeypatch):
    """No test reads or writes the user's own sweeps, settings and views."""
    own = tmp_path_factory.getbasetemp() / "own" / str(next(NUMBERS))  # mktemp would look through all there are
    for name in ("DATA_HOME", "CONFIG_HOME", "STATE_HOME", "RUNTIME_DIR"):
        folder = own / name.partition("_")[0].lower()
        folder.mkdir(parents=True, mode=0o700)
        monkeypatch.setenv(f"XDG_{name}", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache_home))
    for name, folder in LIBRARIES.items():  # which keep fonts and data sets there
        if name not in os.environ:
            monkeypatch.setenv(name, str(Path.home() / ".cache" / folder))


def written(directory, _targets, _control):
    """What draw_plots gives where nothing is drawn."""
    return sorted(path for path in directory.iterdir() if path.suffix in (".csv", ".json", ".txt", ".md", ".html")), ""


@pytest.fixture(autouse=True, scope="session")
def no_pictures():
    """Sweeps draw no PNG, as where matplotlib is not installed: drawing takes longer than all else of a short one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "draw_pictures", lambda *_: ({}, ""))
        patch.setattr(short_threads, "draw_plots", written)
        patch.setenv("PYTHONPATH", WITHOUT_MATPLOTLIB, prepend=os.pathsep)  # of processes that are started
        yield


@pytest.fixture
def pictures():
    """In this test they do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.environ["PYTHONPATH"].removeprefix(WITHOUT_MATPLOTLIB).removeprefix(os.pathsep))
        patch.setattr(export, "draw_pictures", DRAWN_HERE)
        patch.setattr(short_threads, "draw_plots", DRAWN_BY_A_CHILD)
        yield


@pytest.fixture(scope="session")
def tiny_file():
    """A workload of milliseconds, as a reference that any process can resolve."""
    return str(TESTS / "tiny.py")
