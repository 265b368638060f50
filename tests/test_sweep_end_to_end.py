"""The main job, headless, from the command line to the files: on a tiny plan, in processes of its own.

What a second command does is looked at in this process, which has torch imported already.
"""

import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys

import pytest

from flopsfit_tui.cli import main

PLAN = ("--budgets", "1e6,2e6,4e6,8e6", "--points", "5")


MAIN = """
import sys
from flopsfit_tui.cli import main
code = main(sys.argv[1:])
print("loaded:", sorted({"torch", "textual"} & set(sys.modules)), file=sys.stderr)
sys.exit(code)
"""


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def sweep(tmp_path_factory, tiny_file):
    out = tmp_path_factory.mktemp("sweep")
    command = [sys.executable, "-c", MAIN, "--no-ui", "run", tiny_file, *PLAN, "--workers", "1", "--out", str(out)]
    return out, subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_ends_well_with_the_answer_on_stdout_and_the_story_on_stderr(sweep):
    _, done = sweep
    assert done.returncode == 0, done.stderr
    assert "95 % interval" in done.stdout
    assert "L(N, D) = " in done.stdout
    assert "[20/20]" in done.stderr
    assert "loss by params N, ★ minimum" in done.stderr
    assert "loss by params" not in done.stdout
    assert "trial" not in done.stdout.splitlines()[0]


def test_with_worker_processes_it_loads_neither_torch_nor_textual(sweep):
    assert sweep[1].stderr.endswith("loaded: []\n")


def test_every_trial_spent_its_budget(sweep):
    trials = rows(sweep[0] / "trials.csv")
    columns = (
        "trial,status,budget,size,params,tokens,samples,steps,batch_size,seed,flops,loss,train_loss,seconds,"
        "tokens_per_second,learning_rate,device,error,first_loss,sweep,left_out,mfu"
    )
    assert ",".join(trials[0]) == columns
    assert len(trials) == 20
    for row in trials:
        assert row["status"] == "finished"
        assert abs(float(row["flops"]) - float(row["budget"])) <= float(row["flops"]) / int(row["steps"])
        assert int(row["samples"]) == int(row["steps"]) * int(row["batch_size"])
        assert 0 < float(row["loss"]) < 1.5
        assert float(row["tokens_per_second"]) > 0
        assert float(row["mfu"]) > 0


def test_history_and_optimum_can_be_read_back(sweep):
    history = rows(sweep[0] / "history.csv")
    assert ",".join(history[0]) == "trial,step,tokens,flops,loss,seconds"
    assert len({row["trial"] for row in history}) == 20
    optimum = rows(sweep[0] / "optimum.csv")
    assert ",".join(optimum[0]) == (
        "budget,kind,params,params_low,params_high,tokens,tokens_per_param,loss,loss_low,loss_high,size,method"
    )
    assert [(float(r["budget"]), r["kind"]) for r in optimum] == [
        *((c, "measured") for c in (1e6, 2e6, 4e6, 8e6)), *((c, "extrapolated") for c in (8e7, 8e8))
    ]  # fmt: skip


def test_fit_json_is_json(sweep):
    document = json.loads((sweep[0] / "fit.json").read_text())
    assert document["workload"] == "tiny"
    assert {"law", "parameters", "exponent", "warnings", "optimum", "parabolas"} <= document.keys()


@pytest.mark.slow
def test_running_again_trains_nothing_and_a_larger_plan_only_what_is_new(sweep, tiny_file, capsys):
    out, _ = sweep
    before = attempts(out)
    run = ["run", tiny_file, "--no-ui", "--executor", "thread", "--out", str(out)]
    assert main([*run, *PLAN]) == 0
    assert "20 already finished" in capsys.readouterr().err
    assert attempts(out) == before
    assert main([*run, *PLAN, "--budgets", PLAN[1] + ",3e6"]) == 0
    assert len(attempts(out)) == len(before) + 5


def test_export_writes_the_same_files_elsewhere(sweep, tmp_path, capsys, pictures):
    out, _ = sweep
    assert main(["export", str(out)]) == 0
    capsys.readouterr()
    assert main(["export", str(out), "--to", str(tmp_path / "there")]) == 0
    said = capsys.readouterr().out
    for name in ("trials.csv", "history.csv", "optimum.csv", "fit.json"):
        assert (tmp_path / "there" / name).read_bytes() == (out / name).read_bytes()
        assert str(tmp_path / "there" / name) in said
    assert (tmp_path / "there" / "isoflop.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_failed_trials_give_exit_code_3_and_their_tracebacks(tiny_file, tmp_path, capsys):
    options = ["--sizes", "8,12,16,20,24", "--budgets", "1e6,2e6", "--executor", "thread", "--out", str(tmp_path)]
    assert main(["run", tiny_file + ":broken", "--no-ui", *options]) == 3
    trials = rows(tmp_path / "trials.csv")
    assert sorted(r["size"] for r in trials if r["status"] == "failed") == ["16", "16", "8", "8"]
    assert all("Traceback" in r["error"] for r in trials if r["status"] == "failed")
    assert "! left_out: 4 trials that ended are not fitted" in capsys.readouterr().out


@pytest.mark.slow
def test_json_on_stdout(tiny_file, tmp_path, capfd):
    options = ["--executor", "thread", "--points", "3", "--format", "json", "--target", "1e9", "--out", str(tmp_path)]
    assert main(["run", tiny_file, "--no-ui", *options]) == 0
    document = json.loads(capfd.readouterr().out)
    assert {"optimum", "law", "warnings"} <= document.keys()


def interrupted(tiny_file, directory):
    """Arguments of a sweep whose first trial ends long before its last."""
    options = ["--budgets", "1e6,2e7", "--sizes", "8,16,32", "--workers", "1", "--out", str(directory)]
    return ["run", tiny_file, "--no-ui", *options]


def goes_on(arguments, directory):
    """The same sweep again trains what is missing."""
    assert main([*arguments, "--executor", "thread"]) == 0
    finished = [trial for trial, status in attempts(directory) if status == "finished"]
    assert len(finished) == len(set(finished)) == 6


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_keeps_what_is_finished_and_the_same_command_goes_on(number, tiny_file, tmp_path):
    arguments = interrupted(tiny_file, tmp_path)
    command = [sys.executable, "-m", "flopsfit_tui", *arguments]
    sweeping = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=hear_interrupts
    )
    for line in sweeping.stderr:
        if line.startswith("["):
            sweeping.send_signal(number)
            break
    _, errors = sweeping.communicate(timeout=60)
    assert sweeping.returncode == 130
    assert "go on with: flopsfit-tui run " in errors
    done = [r for r in rows(tmp_path / "trials.csv") if r["status"] == "finished"]
    assert 1 <= len(done) < 6
    goes_on(arguments, tmp_path)


def hear_interrupts():
    """A shell starts what runs in its background with control-C ignored, and tests may run there."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_interrupt_while_planning_ends_at_once_and_writes_nothing(tiny_file, tmp_path):
    command = [sys.executable, "-m", "flopsfit_tui", "run", tiny_file, "--no-ui", "--out", str(tmp_path / "out")]
    planning = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=hear_interrupts)
    assert planning.stderr.readline().startswith("planning")
    planning.send_signal(signal.SIGINT)
    _, errors = planning.communicate(timeout=60)
    assert planning.returncode == 130
    assert "interrupted" in errors
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_after_sigkill_the_same_command_goes_on(tiny_file, tmp_path):
    arguments = interrupted(tiny_file, tmp_path)
    command = [sys.executable, "-m", "flopsfit_tui", *arguments]
    sweeping = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    for line in sweeping.stderr:
        if line.startswith("["):
            sweeping.kill()
            break
    sweeping.communicate()
    goes_on(arguments, tmp_path)
    assert os.path.exists(tmp_path / "optimum.csv")


def attempts(directory):
    with sqlite3.connect(directory / "sweep.db") as database:
        return database.execute("select trial, status from attempts order by id").fetchall()
