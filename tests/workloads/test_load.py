"""A fault in a user's file is one sentence with its line."""

import sys

import pytest

from flopsfit_tui.cli import main
from flopsfit_tui.workloads import resolve


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\ndef f(:\n", "mine.py, line 2: SyntaxError: invalid syntax"),
        ("x = 1\n\n  y = 2\n", "mine.py, line 3: IndentationError: unexpected indent"),
        ("x = 1\nprint(nowhere)\n", "mine.py, line 2: NameError: name 'nowhere' is not defined"),
        ("def f():\n    raise KeyError('a')\nf()\n", "mine.py, line 2: KeyError: 'a'"),
        ("import sys\nsys.exit(3)\n", "mine.py, line 2 ends Python (SystemExit: 3) when it is loaded"),
        ("import argparse\np = argparse.ArgumentParser()\np.add_argument('a')\np.parse_args()\n", "line 4 ends Python"),
        ("def workload():\n    return 1 / 0\n", "ZeroDivisionError: division by zero"),
        ("raise RuntimeError('two\\nlines')\n", "mine.py, line 1: RuntimeError: two lines"),
    ],
)
def test_a_fault_in_a_file_is_one_sentence_with_its_line(text, said, tmp_path):
    path, before = tmp_path / "mine.py", list(sys.argv)
    path.write_text(text)
    with pytest.raises(ValueError, match="mine.py") as error:
        resolve(str(path))
    assert said in str(error.value)
    assert sys.argv == before


def test_a_syntax_error_ends_the_command_with_2(tmp_path, capsys):
    (tmp_path / "mine.py").write_text("x = (\n")
    assert main(["plan", str(tmp_path / "mine.py"), "--executor", "thread"]) == 2
    captured = capsys.readouterr()
    first, *frame = captured.err.splitlines()
    assert "mine.py, line 1: SyntaxError" in first
    assert [line.strip() for line in frame[1:]] == ["x = (", "^"]
    assert "mine.py, line 1: SyntaxError: '(' was never closed" in captured.err
