"""What the command line promises: one clear line and exit code 2 for user errors, and a quick start."""

import json
import re
import subprocess
import sys

import pytest

from flopsfit_tui import __version__, command
from flopsfit_tui.cli import main
from flopsfit_tui.store.sqlite import SqliteStore
from flopsfit_tui.tui import launch


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "gpt", "--no-ui"], "unknown workload 'gpt'; built in are gpt-bytes"),
        (["plan", "--budgets", "3x"], "budget '3x' is not a positive number; write it like 3e12"),
        (["--no-ui", "--budgets", "1e12..1e10:5"], "write 1e10..1e12:5"),
        (["plan", "--sizes", "16,a"], "sizes '16,a' mix numbers and words; write a list like 16,24,32"),
        (["--no-ui", "--out", "/dev/null/x"], "give one that you can write"),
        (["run", "nowhere.py", "--no-ui"], "'nowhere.py' does not exist"),
        (["--no-ui", "--executor", "abacus"], "abacus"),
        (["export", "/nonexistent"], "holds no sweep"),
        (["watch", "/nonexistent", "--no-ui"], "holds no sweep"),
        (["frobnicate"], "No such command 'frobnicate'"),
        (["--budgets", "1e9", "plan"], "--budgets must come after the command: flopsfit-tui plan --budgets ..."),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, sentence, capsys):
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert sentence in err
    assert err.count("\n") == 1
    assert out == ""


@pytest.mark.parametrize("arguments", [[], ["run", "simulated"], ["open"], ["watch"]])
def test_without_a_terminal_the_app_is_one_line_too(arguments, tmp_path, capsys):
    if arguments in (["open"], ["watch"]):
        SqliteStore(tmp_path).close()
        arguments = [*arguments, str(tmp_path)]
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert "the app needs a terminal; without one sweep with --no-ui" in err
    assert err.count("\n") == 1
    assert out == ""


def test_serving_without_its_extra_is_one_line(monkeypatch, capsys):
    for module in ("aiohttp", "textual_serve"):
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, "flopsfit_tui.browser.server", raising=False)
    assert main(["serve"]) == 1
    assert capsys.readouterr().err == "flopsfit-tui: `serve` needs textual-serve: pip install 'flopsfit-tui[web]'\n"


@pytest.mark.parametrize(
    ("arguments", "workload", "starts"),
    [
        ([], "gpt-bytes", False),
        (["launch"], "gpt-bytes", False),
        (["launch", "simulated", "--seeds", "2"], "simulated", False),
        (["launch", "simulated", "--start"], "simulated", True),
        (["run", "simulated"], "simulated", True),
    ],
)
def test_the_app_opens_on_its_start_screen_or_sweeping(arguments, workload, starts, monkeypatch):
    opened = []
    monkeypatch.setattr(launch, "run", lambda app: opened.append(app) or 0)
    assert main(arguments) == 0
    (app,) = opened
    assert app.app_state.options.request.workload == workload
    assert app.app_state.options.request.seeds == (2 if "2" in arguments else 1)
    assert app.starts_at_once is starts


def test_launch_without_the_app_is_refused(capsys):
    assert main(["--no-ui", "launch", "simulated"]) == 2
    assert "flopsfit-tui run simulated --no-ui" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["watch", "--no-ui"], ["--no-ui", "watch"]])
def test_a_sweep_is_watched_without_the_app(arguments, tiny_file, tmp_path, capsys):
    assert main(["run", tiny_file, "--no-ui", "--executor", "thread", "--points", "3", "--out", str(tmp_path)]) == 0
    answer = capsys.readouterr().out
    assert main([*arguments, str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert out == answer
    assert err.splitlines()[:2] == ["sweep of 9 trials, 9 ended before", "sweep done"]


def test_sizes_that_the_model_refuses_leave_nothing_half_written(tiny_file, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["run", tiny_file, "--no-ui", "--sizes", "7", "--executor", "thread", "--out", str(out)]) == 2
    assert "the model refuses width=7: width=7 is odd; give an even number" in capsys.readouterr().err
    assert not out.exists()


def test_the_version_and_the_workloads(capsys):
    assert main(["--version"]) == 0
    assert __version__ in capsys.readouterr().out
    assert main(["workloads"]) == 0
    assert re.match(r"gpt-bytes +byte-level GPT", capsys.readouterr().out)


def test_a_plan_names_every_trial_and_the_totals(tiny_file, capsys):
    assert main(["plan", tiny_file, "--executor", "thread", "--points", "3"]) == 0
    out = capsys.readouterr().out
    assert "tiny: 9 trials" in out
    assert len(re.findall(r"^ *[124]e6 +\d+ +0 ", out, re.M)) == 9
    for total in ("compute", "data", "time", "memory"):
        assert re.search(rf"^{total} ", out, re.M)


def test_a_plan_as_json(tiny_file, capsys):
    assert main(["plan", tiny_file, "--executor", "thread", "--points", "3", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert len(document["plan"]["trials"]) == 9
    assert document["estimate"]["total_seconds"] > 0


def test_list_is_empty_then_shows_sweeps(tiny_file, capsys):
    assert main(["list"]) == 0
    assert "no sweeps yet" in capsys.readouterr().out
    assert main(["run", tiny_file, "--no-ui", "--executor", "thread", "--points", "3"]) == 0
    capsys.readouterr()
    assert main(["list"]) == 0
    assert re.search(r"^ +tiny +9 +0 +9 ", capsys.readouterr().out, re.M)
    assert main(["list", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["finished"] == 9


@pytest.mark.parametrize(
    "code",
    [
        "import flopsfit_tui",
        "from flopsfit_tui.cli import main; main(['--help'])",
        "from flopsfit_tui.cli import main; main(['--version'])",
        "from flopsfit_tui.cli import main; main(['workloads'])",
        "from flopsfit_tui.cli import main; main(['run', '--help'])",
        "from flopsfit_tui.cli import main; main(['list'])",
        "from flopsfit_tui.cli import main; main(['config', '--path'])",
        "import flopsfit_tui.fit",
    ],
)
def test_what_is_quick_loads_neither_torch_nor_textual(code):
    check = "; import sys; print({'torch', 'textual', 'ray', 'datasets'} & set(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code + check], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "set()"


def test_the_settings_are_printed_without_torch():
    code = "from flopsfit_tui.cli import main; main(['config']); import sys; assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[keys]" in done.stdout


def test_the_path_of_the_settings_is_all_that_is_asked_for(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert main(["config", "--path"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'flopsfit-tui' / 'config.toml'}\n"


def test_a_table_is_fitted_where_no_file_can_be_locked(tmp_path):
    """As on Windows, which has no fcntl."""
    table = tmp_path / "runs.csv"
    rows = [(n, c / (6 * n)) for c in (1e18, 1e19, 1e20) for n in (c / 1.2e12 * 4.0**k for k in (-1, 0, 1, 2))]
    lines = [f"{n:.6g},{d:.6g},{1.7 + 406 / n**0.34 + 411 / d**0.28:.6f}" for n, d in rows]
    table.write_text("\n".join(["params,tokens,loss", *lines]))
    code = "import sys; sys.modules['fcntl'] = None; from flopsfit_tui.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code, "fit", str(table)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "alpha" in done.stdout or "N^0.34" in done.stdout


def test_without_arguments_the_app_is_opened_as_by_launch(monkeypatch):
    opened = []
    monkeypatch.setattr("flopsfit_tui.tui.launch.run_app", lambda options, *, start=False: opened.append(options) or 0)
    assert command.main([]) == main(["launch"]) == 0
    assert opened[0] == opened[1]


def test_the_shell_completes_without_arguments(monkeypatch, capsys):
    monkeypatch.setenv(command.COMPLETES, "bash_source")
    with pytest.raises(SystemExit, match="0"):
        command.main([])
    assert "_FLOPSFIT_TUI_COMPLETE=bash_complete" in capsys.readouterr().out
