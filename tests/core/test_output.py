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
