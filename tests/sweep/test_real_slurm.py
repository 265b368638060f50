"""Trials as jobs of a real Slurm on this machine; skipped where Debian's slurm-wlm is not installed."""

import os
import subprocess

import pytest
import slurm_cluster

from flopsfit_tui.core.events import Note, TrialEnded, TrialProgress, TrialRequeued
from flopsfit_tui.core.job_files import FOLDER
from flopsfit_tui.core.options import Options
from flopsfit_tui.core.trial import Request
from flopsfit_tui.store.base import MemoryStore
from flopsfit_tui.sweep.executor import InThread
from flopsfit_tui.sweep.prepare import make_executor, make_plan
from flopsfit_tui.sweep.run import run_sweep

pytestmark = pytest.mark.slurm


@pytest.fixture
def slurm(monkeypatch, tmp_path):
    pytest.importorskip("submitit")
    if missing := slurm_cluster.missing():
        pytest.skip(f"{', '.join(missing)} not installed")
    with slurm_cluster.slurm() as environment:
        for name, value in {**environment, "XDG_DATA_HOME": str(tmp_path / "data")}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("PATH", os.environ["PATH"] + ":/usr/sbin")
        yield


def test_a_job_at_its_time_limit_saves_a_checkpoint_and_is_requeued(slurm, tiny_file, tmp_path):
    plan = make_plan(Request(tiny_file, budgets=(1e8,), sizes=(16, 24, 32)), InThread())
    wanted = {
        e.key: e.outcome.loss
        for e in run_sweep(plan, tiny_file, InThread(), MemoryStore())
        if isinstance(e, TrialEnded)
    }
    store, ended, said, sent, requeued = MemoryStore(), [], [], False, 0
    executor = make_executor(Options(Request(tiny_file), executor="slurm", workers=1, slurm=(("mem", "100"),)))
    for event in run_sweep(
        plan, tiny_file, executor, store, device="cpu", checkpoints=tmp_path, checkpoint_seconds=0.2
    ):
        if isinstance(event, TrialProgress) and not sent and any((tmp_path / "checkpoints").glob("*.pt")):
            ids = subprocess.run(
                ["squeue", "-h", "-r", "-t", "R", "-o", "%i"], capture_output=True, text=True, check=True
            )
            subprocess.run(["scancel", "--signal=USR2", *ids.stdout.split()], check=True)  # as Slurm does at the limit
            sent = True
        ended += [event] if isinstance(event, TrialEnded) else []
        said += [event.message] if isinstance(event, Note) else []
        requeued += isinstance(event, TrialRequeued)
    executor.close()
    assert sent
    assert {e.key: e.outcome.loss for e in ended} == wanted
    assert len(ended) == len(wanted)
    assert requeued > 0
    assert any("goes on from step" in message for message in said)
    assert {x.worker.partition(" on ")[0] for x in store.attempts()} == {"slurm 1"}  # one job, requeued
    assert not (tmp_path / FOLDER).exists()
