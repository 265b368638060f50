"""A stream that is not UTF-8 gets plain characters, the whole answer and the right exit code."""

import io
import os
import subprocess
import sys

import pytest

from flopsfit_tui.cli import main
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


def is_plain(text):
    return text.isascii() and "> 1e21" in text and "------" in text


def test_an_answer_is_written_plainly_by_a_process(tmp_path):
    (tmp_path / "runs.csv").write_text(RUNS)
    done = run("ascii", "predict", str(tmp_path / "runs.csv"), "1e21")
    assert done.returncode == 0, done.stderr
    assert is_plain(done.stdout.decode("ascii"))


@pytest.mark.parametrize(
    ("encoding", "errors"),
    [("cp1252", "strict"), ("latin-1", "surrogateescape"), ("ascii", "backslashreplace"), ("utf-8", "strict")],
)
def test_an_answer_is_written_plainly_to_a_stream(encoding, errors, tmp_path, monkeypatch):
    (tmp_path / "runs.csv").write_text(RUNS)
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding=encoding, errors=errors))
    assert main(["predict", str(tmp_path / "runs.csv"), "1e21"]) == 0
    text = written.getvalue().decode(encoding)
    assert text.count("→") == (encoding == "utf-8")
    assert is_plain(text) == (encoding != "utf-8")


@pytest.mark.slow
def test_a_sweeps_final_answer_is_not_lost(tiny_file, tmp_path, monkeypatch):
    out, err = io.BytesIO(), io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(out, encoding="cp1252"))
    monkeypatch.setattr("sys.stderr", io.TextIOWrapper(err, encoding="cp1252"))
    assert main(["run", tiny_file, "--no-ui", *SMALL, "--out", str(tmp_path)]) == 0
    assert b"params" in out.getvalue()
    assert b"loss by params N" in err.getvalue()  # the plot, whose dots and star cp1252 has not


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


SMALL = ("--budgets", "2e5,4e5", "--sizes", "4,8,12", "--executor", "thread", "--device", "cpu")


def to_full(*arguments, stream):
    """Run with /dev/full at stdout or stderr: every write fails."""
    command = [sys.executable, "-m", "flopsfit_tui", *arguments]
    with open("/dev/full", "w") as full:
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: full}
        return subprocess.run(command, text=True, check=False, **streams)


full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")


@full
@pytest.mark.slow
def test_a_full_disk_under_the_log_costs_the_log_alone(tmp_path, tiny_file, monkeypatch, capsys):
    with open("/dev/full", "w") as full:
        monkeypatch.setattr("sys.stderr", full)
        assert main(["run", tiny_file, "--no-ui", *SMALL, "--out", str(tmp_path)]) == 0
    assert (tmp_path / "trials.csv").read_text().count("finished") == 6
    assert "params" in capsys.readouterr().out


@full
def test_an_answer_that_is_lost_is_said(tmp_path):
    (tmp_path / "runs.csv").write_text(RUNS)
    done = to_full("predict", str(tmp_path / "runs.csv"), "1e21", stream="stdout")
    assert done.returncode == 1
    assert done.stderr.endswith("flopsfit-tui: stdout does not take the answer (No space left on device)\n")
    assert "Traceback" not in done.stderr


@full
def test_a_refusal_that_is_lost_keeps_its_exit_code(tmp_path):
    assert to_full("fit", str(tmp_path / "none.csv"), stream="stderr").returncode == 2


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
    command = [sys.executable, "-m", "flopsfit_tui", "run", tiny_file, "--no-ui", *SMALL, "--out", str(tmp_path)]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    os.read(ours, 10)
    os.close(ours)
    assert process.wait(120) == 0
    assert (tmp_path / "trials.csv").read_text().count("finished") == 6
