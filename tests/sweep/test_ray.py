"""Trials on a Ray cluster of two nodes, one of which is killed; and nodes that are not like the sweep's."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from flopsfit_tui.cli import main
from flopsfit_tui.core.events import Note, TrialEnded, TrialProgress
from flopsfit_tui.core.identity import Identity
from flopsfit_tui.core.options import Options
from flopsfit_tui.core.trial import Request
from flopsfit_tui.core.workload import Workload
from flopsfit_tui.store.base import MemoryStore
from flopsfit_tui.sweep.executor import InThread
from flopsfit_tui.sweep.pickling import pickle_workload
from flopsfit_tui.sweep.prepare import make_executor, make_plan
from flopsfit_tui.sweep.run import run_sweep
from flopsfit_tui.sweep.surroundings import Surroundings

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("ignore")]  # Ray's own, of its processes as they end


@pytest.fixture(scope="module")
def on_ray(ray_cluster, tiny_file):
    """One worker."""
    executor = make_executor(Options(Request(tiny_file), executor="ray", ray_address=ray_cluster.address))
    yield executor
    executor.close()


def losses(events):
    return {e.key: e.outcome.loss for e in events if isinstance(e, TrialEnded)}


def test_a_pickled_workload_travels_in_the_object_store(on_ray, tiny_file, monkeypatch):
    import importlib.util

    spec = importlib.util.spec_from_file_location("tiny_here", tiny_file)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "tiny_here", module)
    spec.loader.exec_module(module)
    import cloudpickle

    cloudpickle.register_pickle_by_value(module)
    workload = module.workload()
    assert isinstance(workload, Workload)
    packed = pickle_workload(workload)
    plan = make_plan(Request(packed, budgets=(2e5,), sizes=(4, 8)), on_ray)
    found = losses(run_sweep(plan, packed, on_ray, MemoryStore()))
    assert len(found) == 2
    assert all(loss > 0 for loss in found.values())


def test_what_a_trial_leaves_in_its_process_is_put_back_or_the_worker_replaced(on_ray, tiny_file):
    plan = make_plan(Request(tiny_file, budgets=(1e6,), sizes=(8, 12)), InThread())
    wanted = losses(run_sweep(plan, tiny_file, InThread(), MemoryStore()))
    for kind, says in (("double_precision", "changed torch's default dtype"), ("a_thread", "was replaced after its")):
        store = MemoryStore()
        list(
            run_sweep(
                replace(plan, content=Identity()),
                f"{Path(__file__).parents[1] / 'misbehaving.py'}:with_{kind}",
                on_ray,
                store,
            )
        )
        assert any(says in note.message for note in store.notes)
        assert losses(run_sweep(plan, tiny_file, on_ray, MemoryStore())) == wanted


def test_a_node_with_other_code_or_versions_is_refused_in_one_sentence(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("workload = 1\n")
    here = Surroundings.here(f"{file}:workload")
    assert here.difference() == ""
    file.write_text("workload = 2\n")
    assert "another version of" in here.difference()
    file.unlink()
    assert "has no" in here.difference()
    other = Surroundings({**here.versions, "torch": "1.0"}, "", "")
    assert "where the sweep's has 1.0; install the same on every node" in other.difference()


def test_a_sweep_on_a_node_with_other_data_fails_with_one_sentence(on_ray, tiny_file):
    plan = make_plan(Request(tiny_file, budgets=(1e6,), sizes=(8,)), InThread())
    store = MemoryStore()
    list(run_sweep(replace(plan, content=Identity({"dataset": "of another version"})), tiny_file, on_ray, store))
    (outcome,) = store.outcomes().values()
    assert outcome.status == "failed"
    assert "has other code or data than the sweep (dataset has changed" in outcome.error
    assert "\n" not in outcome.error


def test_options_of_ray_need_ray(capsys):
    assert main(["plan", "simulated", "--cpus-per-trial", "2"]) == 2
    assert "need --executor ray" in capsys.readouterr().err


def test_a_node_killed_in_mid_sweep_loses_nothing(ray_cluster, on_ray, tiny_file):
    on_ray.close()  # its worker fills the first node
    second = ray_cluster.add_node(num_cpus=1)
    plan = make_plan(Request(tiny_file, budgets=(4e7,), sizes=(8, 12, 16, 20)), InThread())
    wanted = losses(run_sweep(plan, tiny_file, InThread(), MemoryStore()))
    executor = make_executor(Options(Request(tiny_file), executor="ray", ray_address=ray_cluster.address))
    assert executor.workers == 2
    ended, said, training, killed = [], [], set(), False
    for event in run_sweep(plan, tiny_file, executor, MemoryStore()):
        if isinstance(event, TrialProgress):
            training.add(event.key)
        if len(training) == 2 and not killed:  # one on each node
            ray_cluster.remove_node(second, allow_graceful=False)
            killed = True
        ended += [event.key] if isinstance(event, TrialEnded) else []
        said += [event.message] if isinstance(event, Note) else []
        if isinstance(event, TrialEnded):
            assert event.outcome.loss == wanted[event.key], event.outcome.error
    executor.close()
    assert sorted(ended) == sorted(wanted)  # each once
    assert any("was lost; its node may be gone" in message for message in said)
