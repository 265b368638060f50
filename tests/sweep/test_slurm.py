"""Trials as jobs of submitit, which stands for Slurm: lost, left, found again, refused; and the files between them."""

import importlib.util
import signal
import sys
from dataclasses import replace

import cloudpickle
import psutil
import pytest

from flopsfit_tui.cli import main
from flopsfit_tui.core.events import Note, TrialEnded, TrialProgress, TrialRequeued, TrialStarted
from flopsfit_tui.core.identity import Identity
from flopsfit_tui.core.job_files import FOLDER, drop_jobs, result_path
from flopsfit_tui.core.trial import Outcome, Request
from flopsfit_tui.store.base import MemoryStore
from flopsfit_tui.sweep.executor import InThread
from flopsfit_tui.sweep.job import Train
from flopsfit_tui.sweep.pickling import pickle_workload
from flopsfit_tui.sweep.prepare import make_plan
from flopsfit_tui.sweep.run import run_sweep
from flopsfit_tui.sweep.slurm.files import Damaged, Heard, Said, read_result, read_sealed, write_result, write_sealed
from flopsfit_tui.sweep.slurm.pack import pack
from flopsfit_tui.sweep.slurm.queue import SlurmQueue
from flopsfit_tui.sweep.slurm.submission import Submission


def losses(events):
    return {e.key: e.outcome.loss for e in events if isinstance(e, TrialEnded)}


@pytest.fixture(scope="module")
def medium(tiny_file):
    """Three trials of seconds, and their losses."""
    plan = make_plan(Request(tiny_file, budgets=(1e8,), sizes=(16, 24, 32)), InThread())
    return plan, losses(run_sweep(plan, tiny_file, InThread(), MemoryStore()))


@pytest.fixture
def make_executor(tmp_path, monkeypatch):
    """Executors that share a queue, as processes that come and go share Slurm."""
    pytest.importorskip("submitit")
    from slurm_here import LocalQueue

    from flopsfit_tui.sweep.slurm import executor as module
    from flopsfit_tui.sweep.slurm.executor import OnSlurm

    monkeypatch.setattr(module, "GONE_SECONDS", 2.0)  # files are there at once
    queue, made = LocalQueue(), []

    def make():
        made.append(OnSlurm(queue, tmp_path / "shared", 2, queue_seconds=0.2))
        return made[-1]

    make.queue = queue
    yield make
    queue.cancel([state.id for state in queue.jobs()])
    for executor in made:
        executor._local.close()
    for _, _, job in queue.started:
        job._process.wait()


def tasks(queue):
    """The processes of jobs that run a pack."""
    return [child for _, _, job in queue.started if job._process.poll() is None for child in children(job)]


def children(job):
    try:
        return psutil.Process(job._process.pid).children()
    except psutil.Error:
        return []


def sweep(plan, tiny_file, executor, directory, store=None):
    return run_sweep(
        plan, tiny_file, executor, store or MemoryStore(), device="cpu", checkpoints=directory, checkpoint_seconds=0.2
    )


@pytest.mark.slurm
@pytest.mark.parametrize("how", ["KILL", "USR2", "TERM"])
def test_a_job_that_is_ended_loses_nothing(how, medium, make_executor, tiny_file, tmp_path):
    plan, wanted = medium
    store, ended, said, sent, requeued = MemoryStore(), [], [], False, 0
    for event in sweep(plan, tiny_file, make_executor(), tmp_path, store):
        if isinstance(event, TrialProgress) and not sent and any((tmp_path / "checkpoints").glob("*.pt")):
            for task in tasks(make_executor.queue):
                for each in [task, *(task.children() if how == "KILL" else ())]:
                    each.send_signal(getattr(signal, f"SIG{how}"))
            sent = True
        ended += [event] if isinstance(event, TrialEnded) else []
        said += [event.message] if isinstance(event, Note) else []
        requeued += isinstance(event, TrialRequeued)
    assert sent
    assert losses(ended) == wanted
    assert len(ended) == len(wanted)
    assert requeued > 0
    assert any("goes on from step" in message for message in said)
    assert any("ended without a result" in message for message in said) == (how == "KILL")  # the rest was in order
    assert [x.status for x in store.attempts()].count("finished") == len(wanted)
    assert not (tmp_path / FOLDER).exists()


@pytest.mark.slurm
def test_a_sweeping_process_that_comes_back_finds_its_jobs(medium, make_executor, tiny_file, tmp_path):
    plan, wanted = medium
    first, store = make_executor(), MemoryStore()
    away = sweep(plan, tiny_file, first, tmp_path, store)
    for event in away:
        if isinstance(event, TrialProgress):
            break
    first.cancel_all = lambda: None  # it is killed, and cancels nothing
    away.close()
    ended = [e for e in sweep(plan, tiny_file, make_executor(), tmp_path, store) if isinstance(e, TrialEnded)]
    assert losses(ended) == wanted
    assert len(ended) == len(wanted)
    assert len(make_executor.queue.started) == 1  # nothing was submitted again
    assert not (tmp_path / FOLDER).exists()


@pytest.mark.slurm
def test_results_that_came_while_nobody_swept_are_taken(medium, make_executor, tiny_file, tmp_path):
    plan, wanted = medium
    for key, loss in wanted.items():
        write_result(tmp_path, key, Outcome("finished", loss=loss), "slurm 7 on far")
    damaged = result_path(tmp_path, plan.trials[0].key)
    damaged.write_text(damaged.read_text().replace("far", "fax"))
    store = MemoryStore()
    assert losses(sweep(plan, tiny_file, make_executor(), tmp_path, store)) == wanted
    workers = {x.trial: x.worker for x in store.attempts()}
    assert workers.pop(plan.trials[0].key) != "slurm 7 on far"
    assert set(workers.values()) == {"slurm 7 on far"}
    assert any("is damaged; the trial is trained again" in note.message for note in store.notes)


@pytest.mark.slurm
@pytest.mark.parametrize("everything", [False, True])
def test_a_result_after_a_cancel_has_its_start_said_again(everything, plan, make_executor, tiny_file):
    executor, trial = make_executor(), plan.trials[0]
    job = Train(tiny_file, trial, plan.recipe, "cpu")
    executor.start(job)
    executor._say(trial.key, TrialStarted(trial.key, "slurm 7"))
    if everything:
        executor.cancel_all()
    else:
        executor.cancel(trial.key)
    write_result(executor._directory(job), trial.key, Outcome("finished", loss=2.0), "slurm 7")  # it ended all the same
    executor._events.clear()
    executor.start(job)
    assert [type(event) for event in executor._events] == [TrialStarted, TrialEnded]


@pytest.mark.slurm
def test_a_node_with_other_code_is_refused_in_one_sentence(make_executor, tiny_file, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("from tiny import *\nfrom tiny import make\n\ndef workload():\n    return make()\n")
    plan = make_plan(Request(str(file), budgets=(1e6,), sizes=(8,)), InThread())
    other = replace(plan, content=Identity({"dataset": "of another version"}))
    store = MemoryStore()
    list(sweep(other, str(file), make_executor(), tmp_path, store))
    (outcome,) = store.outcomes().values()
    assert outcome.status == "failed"
    assert "has other code or data than the sweep (dataset has changed" in outcome.error
    assert "give every node the same" in outcome.error
    assert "\n" not in outcome.error


@pytest.mark.slurm
def test_a_pickled_workload_lies_beside_its_jobs(make_executor, tiny_file, tmp_path):
    workload, module = imported(tiny_file)
    cloudpickle.register_pickle_by_value(module)
    packed = pickle_workload(workload)
    made = make_plan(Request(packed, budgets=(2e5,), sizes=(4, 8)), make_executor())
    found = losses(sweep(made, packed, make_executor(), tmp_path))
    assert len(found) == 2
    assert all(loss > 0 for loss in found.values())


def imported(file):
    spec = importlib.util.spec_from_file_location("tiny_elsewhere", file)
    module = importlib.util.module_from_spec(spec)
    sys.modules["tiny_elsewhere"] = module
    spec.loader.exec_module(module)
    return module.workload(), module


def test_trials_are_packed_by_predicted_seconds(plan, tiny_file):
    def job(seconds):
        return Train(tiny_file, plan.trials[0], plan.recipe, "cpu", seconds=seconds)

    packs = pack([job(s) for s in (700, 300, 250, 100, 60, 40, 10)], most_seconds=600)
    assert [[j.seconds for j in jobs] for jobs in packs] == [[700], [300, 250], [100, 60, 40, 10]]
    assert len(pack([job(None)] * 9, most_seconds=300)) == 2  # not timed: taken for a minute


def test_a_sealed_file_is_whole_or_damaged(tmp_path):
    path = tmp_path / "a.json"
    assert read_sealed(path) is None
    write_sealed(path, {"x": 1.1, "y": None})
    assert read_sealed(path) == {"x": 1.1, "y": None}
    text = path.read_text()
    for damaged in (text[: len(text) // 2], text.replace("1.1", "1.2"), "", "[]", "3"):
        path.write_text(damaged)
        with pytest.raises(Damaged):
            read_sealed(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(Damaged):
        read_sealed(path)
    (tmp_path / "b.json").write_text(text)  # under another's name
    with pytest.raises(Damaged):
        read_sealed(tmp_path / "b.json")
    assert [p.name for p in tmp_path.iterdir() if p.name.endswith(".part")] == []


def test_a_result_is_of_its_trial(tmp_path):
    outcome = Outcome("finished", 3, 4, 5, 6.0, 1.5, float("nan"), 2.0, 0.1, "cpu")
    write_result(tmp_path, "0123456789ab", outcome, "slurm 1 on a")
    found, worker = read_result(tmp_path, "0123456789ab")
    assert str(found) == str(outcome)  # nan is not itself
    assert worker == "slurm 1 on a"
    assert read_result(tmp_path, "ffffffffffff") is None


def test_a_line_that_was_cut_off_spoils_no_other(tmp_path):
    path = tmp_path / "0.said"
    heard = Heard(path)
    assert heard.take() == []
    with Said(path) as said:
        said.write("begun", worker="a")
    with open(path, "a") as file:
        file.write('{"kind": "Trial')
    assert [line["kind"] for line in heard.take()] == ["begun"]
    with Said(path) as said:
        said.write_event(TrialProgress("k", 1, 2, 3.0, 0.5, 0.1))
    assert [line["kind"] for line in heard.take()] == ["TrialProgress"]
    assert heard.take() == []


def test_submissions_are_found_again_and_deleted_with_the_sweep(tmp_path):
    made = Submission.new(tmp_path, [["a", "b"], ["c"]])
    (found,) = Submission.found(tmp_path)
    assert [job.keys for job in found.jobs] == [["a", "b"], ["c"]]
    assert found.folder == made.folder
    (tmp_path / FOLDER / "mine.txt").write_text("the user's")
    drop_jobs(tmp_path)
    assert [p.name for p in (tmp_path / FOLDER).iterdir()] == ["mine.txt"]


def test_options_of_slurm(capsys, monkeypatch):
    assert main(["plan", "simulated", "--slurm", "partition=gpu"]) == 2
    assert "--slurm needs --executor slurm" in capsys.readouterr().err
    assert main(["plan", "simulated", "--executor", "slurm", "--slurm", "=3"]) == 2
    assert "give KEY=VALUE, an option of sbatch" in capsys.readouterr().err
    with pytest.raises(ValueError, match="--slurm array is set by the executor itself"):
        SlurmQueue({"array": "1-3"})
    with pytest.raises(ValueError, match="give USR2@SECONDS"):
        SlurmQueue({"signal": "USR1@60"})
    monkeypatch.setenv("PATH", "")
    assert main(["plan", "simulated", "--executor", "slurm"]) == 2
    said = capsys.readouterr().err
    assert "needs sbatch, which this machine has not" in said or "needs submitit" in said
