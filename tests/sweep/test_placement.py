"""Workers are spread over the GPUs of a machine."""

import psutil
import pytest

from flopsfit_tui.plan.estimate import Timing
from flopsfit_tui.sweep.placement import (
    MOST,
    VARIABLE,
    default_workers,
    place,
    visible_gpus,
    workers_a_gpu,
)
from flopsfit_tui.sweep.processes import Processes


def spread(gpus, workers, count=1):
    taken = []
    for _ in range(workers):
        taken.append(place(gpus, taken, count))
    return taken


def test_each_worker_has_a_gpu_of_its_own_and_more_are_spread_evenly():
    assert spread("0123", 4) == [("0",), ("1",), ("2",), ("3",)]
    assert spread("01", 5) == [("0",), ("1",), ("0",), ("1",), ("0",)]
    assert spread("0123", 3, 2) == [("0", "1"), ("2", "3"), ("0", "1")]
    assert place("012", [("0",), ("2",)]) == ("1",)  # whose worker was lost
    assert place((), [()]) == ()


def test_fewer_gpus_than_processes_are_refused():
    with pytest.raises(ValueError, match="4 processes a trial need a GPU each, and this machine has 2"):
        Processes(1, gpus=("0", "1"), nproc=4)


def test_visible_gpus_are_those_that_cuda_would_see():
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": "2, GPU-aa,MIG-b"}) == ("2", "GPU-aa", "MIG-b")
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": "1,-1,0"}) == ("1",)
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": ""}) == ()


def test_a_worker_sees_its_gpus_alone():
    executor = Processes(2, gpus=("4", "7"))
    try:
        executor.warm_up()
        seen = [psutil.Process(worker.process.pid).environ()[VARIABLE] for worker in executor._workers]
    finally:
        executor.close()
    assert seen == ["4", "7"]


GB = 1 << 30


def timing(memory, free, device="cuda"):
    return Timing(8, 0.001, 0.1, memory, device, free_bytes=free)


def test_small_trials_share_a_gpu_as_far_as_its_memory_goes():
    assert workers_a_gpu(900_000, GB // 2, 80 * GB) == MOST
    assert workers_a_gpu(900_000, 2 * GB, 24 * GB) == 8  # of 2.6 GB each, in nine tenths
    assert workers_a_gpu(900_000, 30 * GB, 24 * GB) == 1
    assert workers_a_gpu(2_000_000, GB // 2, 80 * GB) == 1


def test_workers_are_one_a_core_or_as_many_as_gpus_take():
    timed = [timing(GB // 2, 80 * GB), timing(2 * GB, 24 * GB)]  # the most memory, the least free
    assert default_workers(64, 2, timed, 900_000) == 16
    assert default_workers(6, 2, timed, 900_000) == 6
    assert default_workers(64, 2, timed, 5_000_000) == 2
    assert default_workers(64, 8, timed, 900_000, nproc=4) == 2
    assert default_workers(64, 2, (), 0) == 2  # until something is timed
    assert default_workers(8, 2, [timing(GB, 0, "cpu")], 900_000) == 8  # a torch that sees no GPU
    assert default_workers(8, 0, (), 0, nproc=4) == 2


@pytest.mark.parametrize(("workers", "wanted"), [(None, 6), (3, 3)])
def test_the_number_that_the_user_gives_stays(workers, wanted, monkeypatch):
    monkeypatch.setattr("flopsfit_tui.sweep.processes.cores", lambda: 6)
    executor = Processes(workers, gpus=("0",))
    assert executor.workers == (workers or 1)
    executor.fit_gpus([timing(GB, 80 * GB)], 900_000)
    assert executor.workers == wanted
