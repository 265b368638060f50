"""Workers are spread over the GPUs of a machine."""

import psutil
import pytest

from flopsfit_tui.sweep.placement import VARIABLE, place, visible_gpus
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
