"""A stream that is not UTF-8 gets plain characters, the whole answer and the right exit code."""

import os
import subprocess
import sys

import pytest

from flopsfit_tui.core.output import plain_character

RUNS = "N,D,loss\n" + "".join(
    f"{n},{c / 6 / n},{1.7 + 406 / n**0.34 + 411 / (c / 6 / n) ** 0.28}\n"
    for c in (1e18, 1e19, 1e20)
    for n in (3e7, 1e8, 3e8, 1e9, 3e9)
)


def run(encoding, *arguments):
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    command = [sys.executable, "-m", "flopsfit_tui", *arguments]
    return subprocess.run(command, capture_output=True, env=environment, check=False)


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "ascii", "ascii:strict"])
def test_an_answer_is_written_plainly(encoding, tmp_path):
    (tmp_path / "runs.csv").write_text(RUNS)
    done = run(encoding, "predict", str(tmp_path / "runs.csv"), "1e21")
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode("ascii")
    assert "> 1e21" in text
    assert "------" in text
    assert run("utf-8", "predict", str(tmp_path / "runs.csv"), "1e21").stdout.decode("utf-8").count("→") == 1


@pytest.mark.slow
def test_a_sweeps_final_answer_is_not_lost(tiny_file, tmp_path):
    done = run("cp1252", "run", tiny_file, "--no-ui", "--executor", "thread", "--points", "3", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert b"params" in done.stdout
    assert b"Traceback" not in done.stderr


def test_a_plot_and_a_refusal_keep_their_exit_codes(tmp_path):
    (tmp_path / "runs.csv").write_text(RUNS)
    assert run("ascii", "plot", str(tmp_path / "runs.csv")).returncode == 0
    refused = run("ascii", "fit", str(tmp_path / "r\u00e9sum\u00e9 \u2192.csv"))
    assert refused.returncode == 2
    assert refused.stderr.isascii()


@pytest.mark.parametrize(
    ("character", "plain"), [("→", ">"), ("é", "e"), ("⁶", "6"), ("⣿", "."), ("█", "#"), ("好", "?")]
)
def test_what_stands_for_a_character(character, plain):
    assert plain_character(character) == plain


def to_full(*arguments, out=None, err=None):
    """Run with /dev/full at stdout or stderr: every write fails."""
    with open("/dev/full", "w") as full:
        streams = {"stdout": full if out else subprocess.PIPE, "stderr": full if err else subprocess.PIPE}
        return subprocess.run([sys.executable, "-m", "flopsfit_tui", *arguments], text=True, check=False, **streams)


full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")


@full
@pytest.mark.slow
def test_a_full_disk_under_the_log_costs_the_log_alone(tmp_path, tiny_file):
    small = ("--budgets", "2e5,4e5", "--sizes", "4,8,12", "--executor", "thread", "--device", "cpu")
    done = to_full("run", tiny_file, "--no-ui", *small, "--out", str(tmp_path), err=True)
    assert done.returncode == 0
    assert (tmp_path / "trials.csv").read_text().count("finished") == 6
    assert "params" in done.stdout


@full
def test_an_answer_that_is_lost_is_said(tmp_path):
    (tmp_path / "runs.csv").write_text(RUNS)
    done = to_full("predict", str(tmp_path / "runs.csv"), "1e21", out=True)
    assert done.returncode == 1
    assert done.stderr.endswith("flopsfit-tui: stdout does not take the answer (No space left on device)\n")
    assert "Traceback" not in done.stderr


def test_a_reader_that_has_gone_ends_nothing_with_a_traceback(tmp_path):
    (tmp_path / "runs.csv").write_text(RUNS)
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as gone:
        command = [sys.executable, "-m", "flopsfit_tui", "predict", str(tmp_path / "runs.csv"), "1e21"]
        done = subprocess.run(command, stdout=gone, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert "Error" not in done.stderr


@pytest.mark.slow
def test_a_terminal_that_is_gone_ends_no_sweep(tmp_path, tiny_file):
    ours, theirs = os.openpty()
    small = ("--budgets", "2e5,4e5", "--sizes", "4,8,12", "--executor", "thread", "--device", "cpu")
    command = [sys.executable, "-m", "flopsfit_tui", "run", tiny_file, "--no-ui", *small, "--out", str(tmp_path)]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    os.read(ours, 10)
    os.close(ours)
    assert process.wait(120) == 0
    assert (tmp_path / "trials.csv").read_text().count("finished") == 6
