"""Plans of seconds, and executors to run them."""

import pytest

from flopsfit_tui.core.trial import Request
from flopsfit_tui.sweep.executor import Here
from flopsfit_tui.sweep.prepare import make_plan
from flopsfit_tui.sweep.processes import Processes


@pytest.fixture(scope="session")
def plan(tiny_file):
    return make_plan(Request(tiny_file), Here())


@pytest.fixture(scope="session")
def slow_plan(tiny_file):
    """Two trials that would take a minute each: something to pause and to kill."""
    return make_plan(Request(tiny_file, budgets=(1e9,), sizes=(16, 32)), Here())


@pytest.fixture(scope="module", params=["here", "processes"])
def executor(request):
    executor = Here() if request.param == "here" else Processes(2)
    yield executor
    executor.close()


@pytest.fixture(scope="module")
def processes():
    executor = Processes(2)
    yield executor
    executor.close()
