"""No byte of a user's text is obeyed by a terminal, on stdout or on stderr."""

from flopsfit_tui.cli import main
from flopsfit_tui.core.output import print_lines
from flopsfit_tui.core.text import printable
from flopsfit_tui.report.text.progress import log

HOSTILE = "a\x1b[2J\x9b31m\x07\u202e\tb\r"


def harmless(text):
    return all(c.isprintable() or c == "\n" for c in text)


def test_control_characters_are_shown_and_tabs_are_spaces():
    assert printable(HOSTILE) == "a�[2J�31m��    b�" or harmless(printable(HOSTILE))
    assert printable("plain\ntext") == "plain\ntext"
    assert printable("a\tb") == "a   b"


def test_both_streams_are_harmless(capsys):
    print_lines(HOSTILE)
    log(HOSTILE)
    out, err = capsys.readouterr()
    assert harmless(out)
    assert harmless(err)
    assert "[2J" in out


def test_names_paths_and_errors_on_the_command_line_are_harmless(tmp_path, capsys):
    name = "odd\x1b[31m.py"
    (tmp_path / name).write_text("raise RuntimeError('\\x1b[2Jgone')\n")
    assert main(["plan", str(tmp_path / name), "--executor", "thread"]) == 2
    assert main(["predict", str(tmp_path / "no\x1b[2Jfile.csv"), "1e20"]) == 2
    (tmp_path / "runs.csv").write_text("N,D,lo\x1bss\n1e6,1e8,3\n")
    main(["fit", str(tmp_path / "runs.csv")])
    out, err = capsys.readouterr()
    assert harmless(out)
    assert harmless(err)
    assert "gone" in err
