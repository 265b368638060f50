"""Plans of seconds, and executors to run them."""

import tempfile
import warnings
from pathlib import Path

import pytest
from rehearsed import Rehearsed

from flopsfit_tui.core.trial import Request
from flopsfit_tui.sweep.executor import InThread
from flopsfit_tui.sweep.prepare import make_plan
from flopsfit_tui.sweep.processes import Processes

ON_RAY = pytest.param("ray", marks=[pytest.mark.ray, pytest.mark.filterwarnings("ignore")])  # Ray's own warnings
ON_SLURM = pytest.param("slurm", marks=pytest.mark.slurm)


@pytest.fixture(scope="session")
def plan(tiny_file):
    return make_plan(Request(tiny_file), InThread())


@pytest.fixture(scope="session")
def slow_plan(tiny_file):
    """Two trials that would take a minute each: something to pause and to kill."""
    return make_plan(Request(tiny_file, budgets=(1e9,), sizes=(16, 32)), InThread())


@pytest.fixture(scope="session")
def ray_cluster():
    """One Ray for all tests, of one node with one CPU; a test may add others."""
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    ray.init(address=made.address, log_to_driver=False, configure_logging=False, include_dashboard=False)
    yield made
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its processes as it ends
        ray.shutdown()
        made.shutdown()


def make(name):
    if name == "ray":
        from flopsfit_tui.sweep.ray_executor import OnRay

        return OnRay(2, cpus=0.25)
    if name == "slurm":
        pytest.importorskip("submitit")
        from slurm_here import LocalQueue

        from flopsfit_tui.sweep.slurm.executor import OnSlurm

        shared = Path(tempfile.mkdtemp(prefix="flopsfit-slurm-"))
        return OnSlurm(LocalQueue(), shared, 2, queue_seconds=0.5, pack_seconds=300)  # five trials a job
    return {"here": InThread, "processes": lambda: Processes(2), "rehearsed": lambda: Rehearsed(ticks=20)}[name]()


@pytest.fixture(scope="module")
def executors(request):
    """Executors by name, each made once: workers load torch, which takes longer than most tests."""
    made = {}

    def executor(name):
        if name == "ray":
            request.getfixturevalue("ray_cluster")
        if name not in made:
            made[name] = make(name)
        return made[name]

    yield executor
    for each in made.values():
        each.close()


@pytest.fixture(scope="module", params=["here", "processes", "rehearsed", ON_RAY, ON_SLURM])
def executor(request, executors):
    """Everything that keeps the contract of executors, also what stands for one in the app's tests."""
    return executors(request.param)


@pytest.fixture(scope="module", params=["here", "processes", ON_RAY, ON_SLURM])
def trainer(request, executors):
    """The executors that really train."""
    return executors(request.param)


@pytest.fixture(scope="module")
def processes(executors):
    return executors("processes")
