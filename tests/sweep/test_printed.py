"""What a user's code prints is kept, in order, and bounded."""

import io
import os
import sqlite3
import sys
import tempfile

from click.testing import CliRunner

from flopsfit_tui.cli import cli
from flopsfit_tui.sweep import printed as printed_module
from flopsfit_tui.sweep.printed import MOST_LINES, PrintedFile, PrintedLines, kept_output

FILE = """
import sys, argparse
from tiny import make
parser = argparse.ArgumentParser()
parser.add_argument("--rate", default="3")
print("loaded with", sys.argv, parser.parse_args().rate)
workload = make()
"""


def messages(lines):
    return [note.message for note in lines.take()]


def test_lines_wait_for_their_end_and_stop_at_a_limit():
    lines = PrintedLines("worker 1")
    lines.add("one\ntw")
    assert messages(lines) == ["worker 1 printed: one"]
    lines.add("o\r\n\n")
    assert messages(lines) == ["worker 1 printed: two"]
    lines.add("last", ended=True)
    assert messages(lines) == ["worker 1 printed: last"]
    lines.add("x\n" * (2 * MOST_LINES))
    kept = messages(lines)
    assert len(kept) == MOST_LINES - 3 + 1
    assert "no more are kept" in kept[-1]


def test_a_file_is_read_while_it_is_written():
    with tempfile.TemporaryFile() as file:
        printed = PrintedFile(file, "worker 1")
        file.write(b"a\nb")
        file.flush()
        assert [n.message for n in printed.take()] == ["worker 1 printed: a"]
        assert [n.message for n in printed.take(ended=True)] == ["worker 1 printed: b"]


def test_stdout_goes_to_stderr_and_is_kept(monkeypatch, capsys):
    lines, stderr = PrintedLines("here"), io.StringIO()
    monkeypatch.setattr("sys.stderr", stderr)
    with kept_output(lines):
        print("hello")
    assert messages(lines) == ["here printed: hello"]
    assert stderr.getvalue() == "hello\n"
    assert capsys.readouterr().out == ""


def test_a_file_s_prints_are_in_the_store(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(FILE)
    out = tmp_path / "out"
    arguments = [
        "run",
        str(path),
        "--no-ui",
        "--executor",
        "thread",
        "--budgets",
        "1e6",
        "--points",
        "2",
        "--out",
        str(out),
    ]
    done = CliRunner().invoke(cli, arguments, standalone_mode=False, catch_exceptions=False)
    assert done.return_value == 0
    assert "loaded with" not in done.stdout
    (found,) = [m for (m,) in sqlite3.connect(out / "sweep.db").execute("select message from notes") if "loaded" in m]
    assert found == f"here printed: loaded with ['{path}'] 3"


def test_of_a_progress_bar_the_end_is_kept():
    lines = PrintedLines("worker 1")
    for share in range(0, 100, 10):
        lines.add(f"\r{share}%|###")
    lines.add("\r100%|####\n")
    assert messages(lines) == ["worker 1 printed: 100%|####"]


def test_every_trial_may_print_and_a_file_does_not_grow_without_end(monkeypatch):
    monkeypatch.setattr(printed_module, "MOST_BYTES", 1000)
    with tempfile.TemporaryFile() as file:
        printed = PrintedFile(file, "worker 1")
        for trial in range(3):
            printed.begin()
            file.write(b"line of a trial\n" * (MOST_LINES + 5))
            file.flush()
            notes = printed.take()
            assert len(notes) == MOST_LINES + 1, trial
            assert os.fstat(file.fileno()).st_size == 0


def test_what_goes_to_stderr_is_kept_too(monkeypatch):
    lines, stderr = PrintedLines("here"), io.StringIO()
    monkeypatch.setattr("sys.stderr", stderr)
    with kept_output(lines):
        print("odd\x1b[2J", file=sys.stderr)
    assert messages(lines) == ["here printed: odd\x1b[2J"]
    assert "\x1b" not in stderr.getvalue()
