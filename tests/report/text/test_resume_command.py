"""The command that goes on asks for the same plan in the same directory."""

from pathlib import Path

from click.testing import CliRunner

from flopsfit_tui import cli as cli_module
from flopsfit_tui.core.options import Options
from flopsfit_tui.core.trial import Request
from flopsfit_tui.report.text.resume_command import resume_command


def test_it_gives_the_same_options_again(monkeypatch):
    import shlex

    options = Options(
        Request("my file.py", (1e10, 3.3e11), (16, 24), None, 2), Path("a dir"), "thread", workers=3, device="cpu"
    )
    words = shlex.split(resume_command(options, Path("a dir")))
    seen = []
    monkeypatch.setattr(cli_module, "_run", lambda workload, **given: seen.append((workload, given)) or 0)
    CliRunner().invoke(cli_module.cli, words[1:], standalone_mode=False, catch_exceptions=False)
    ((workload, given),) = seen
    assert workload == "my file.py"
    assert (given["budgets"], given["sizes"], given["seeds"]) == ((1e10, 3.3e11), (16, 24), 2)
    assert (given["out"], given["executor"], given["workers"], given["device"]) == (Path("a dir"), "thread", 3, "cpu")


def test_a_script_s_own_objects_are_not_a_command():
    assert "output_dir='out'" in resume_command(Options(Request(object())), Path("out"))
