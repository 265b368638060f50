"""Plans of seconds, and executors to run them."""

import tempfile
from pathlib import Path

import pytest
from rehearsed import Rehearsed

from flopsfit_tui.core.trial import Request
from flopsfit_tui.sweep.executor import InThread
from flopsfit_tui.sweep.prepare import make_plan
from flopsfit_tui.sweep.processes import Processes

ON_RAY = pytest.param("ray", marks=pytest.mark.ray)
ON_SLURM = pytest.param("slurm", marks=pytest.mark.slurm)


@pytest.fixture(scope="session")
def plan(tiny_file):
    return make_plan(Request(tiny_file), InThread())


@pytest.fixture(scope="session")
def slow_plan(tiny_file):
    """Two trials that would take a minute each: something to pause and to kill."""
    return make_plan(Request(tiny_file, budgets=(1e9,), sizes=(16, 32)), InThread())


def make(name):
    if name == "ray":
        pytest.importorskip("ray")
        from flopsfit_tui.sweep.ray_executor import OnRay

        return OnRay(2, cpus=0.25)  # two such executors live at once
    if name == "slurm":
        pytest.importorskip("submitit")
        from slurm_here import LocalQueue

        from flopsfit_tui.sweep.slurm.executor import OnSlurm

        shared = Path(tempfile.mkdtemp(prefix="flopsfit-slurm-"))
        return OnSlurm(LocalQueue(), shared, 2, queue_seconds=0.5, pack_seconds=300)  # five trials a job
    return {"here": InThread, "processes": lambda: Processes(2), "rehearsed": lambda: Rehearsed(ticks=20)}[name]()


@pytest.fixture(scope="module", params=["here", "processes", "rehearsed", ON_RAY, ON_SLURM])
def executor(request):
    """Everything that keeps the contract of executors, also what stands for one in the app's tests."""
    executor = make(request.param)
    yield executor
    executor.close()


@pytest.fixture(scope="module", params=["here", "processes", ON_RAY, ON_SLURM])
def trainer(request):
    """The executors that really train."""
    executor = make(request.param)
    yield executor
    executor.close()


@pytest.fixture(scope="module")
def processes():
    executor = Processes(2)
    yield executor
    executor.close()
