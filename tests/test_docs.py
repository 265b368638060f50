"""The pages of docs/ are true: columns and keys of files, commands and options, the README's code."""

import re
import sys
from pathlib import Path

import pytest
from click import Context

from flopsfit_tui.cli import cli
from flopsfit_tui.report.files.csv_rows import HISTORY, OPTIMUM, TRIALS

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "report"))


def section(page, title):
    """The text under a heading of a page."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.split(r"^## ", text.split(f"## {title}\n")[1], flags=re.M)[0]


def named(text):
    """What the first cells of a table's rows name."""
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


@pytest.mark.parametrize(("file", "columns"), [("trials", TRIALS), ("history", HISTORY), ("optimum", OPTIMUM)])
def test_every_column_is_described_in_order(file, columns):
    assert named(section("files.md", f"{file}.csv")) == list(columns)


def test_every_key_of_fit_json_is_described():
    from made_sweep import make_plan, outcomes

    from flopsfit_tui.report.answer.analysis import analyse
    from flopsfit_tui.report.answer.sweep_runs import sweep_runs
    from flopsfit_tui.report.files.document import answer_document

    plan = make_plan()
    assert named(section("files.md", "fit.json")) == list(answer_document(analyse(sweep_runs(plan, outcomes(plan)))))


INTRODUCTION = """# The command line

Results go to stdout and nothing else does; progress goes to stderr. Exit codes: 0 done, 1 failed, 2 usage, 3 finished
but some trials failed, 130 interrupted (everything finished is kept). The output is the same for a terminal and a pipe;
`NO_COLOR` is honoured. Options come after the command. This page is what each command's `--help` says.
"""


def cli_page():
    """docs/cli.md as it should be."""
    names = ["-h", "--help"]  # as on the command line
    context = Context(cli, info_name="flopsfit-tui", terminal_width=100, max_content_width=100, help_option_names=names)
    parts = [INTRODUCTION, f"```text\n{cli.get_help(context)}\n```\n"]
    for name in sorted(cli.list_commands(context)):
        command = cli.get_command(context, name)
        inner = Context(command, info_name=name, parent=context, terminal_width=100, max_content_width=100)
        said = command.get_help(inner)
        parts.append(f"## {name}\n\n```text\n{said}\n```\n")
    return "\n".join(parts)


def test_every_command_is_described():
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert page.split() == cli_page().split(), (
        "a command has changed: `python tests/test_docs.py` writes docs/cli.md again"
    )


def blocks(page, language):
    """The code blocks of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), flags=re.M | re.S)


def test_the_python_of_the_readme_runs(tmp_path, monkeypatch):
    """As written, with losses that are drawn in place of trained, and a model and data of somebody's own."""
    from functools import partial

    import torch
    from torch.utils.data import TensorDataset

    import flopsfit_tui as ff

    def make_vit(embed_dim):
        return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(48, embed_dim), torch.nn.Linear(embed_dim, 10))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ff, "find_optimal", partial(ff.find_optimal, mode="mock"))
    names = {
        "make_vit": make_vit,
        "dataset": TensorDataset(torch.randn(64, 3, 4, 4), torch.randint(0, 10, (64,))),
        "loss_fn": torch.nn.functional.cross_entropy,
    }
    for block in blocks("README.md", "python"):
        exec(block, names)
    assert names["result"].predict(1e21).optimal_params > 0
    assert names["workload"].name == "my-vit"


def test_the_settings_on_the_page_of_the_app_are_accepted(own_directories):
    from flopsfit_tui.tui.app import FlopsfitApp
    from flopsfit_tui.tui.settings.config import config_path
    from flopsfit_tui.tui.settings.load import load_config

    (block,) = blocks("docs/app.md", "toml")
    config_path().parent.mkdir(parents=True, exist_ok=True)
    config_path().write_text(block, encoding="utf-8")
    config = load_config(FlopsfitApp)
    assert config.theme == "flopsfit-light"
    assert config.keys == {"pause": "f5", "stop": "ctrl+x"}


def test_the_commands_of_the_readme_exist():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```\n(flopsfit-tui .*?)^```", readme, flags=re.M | re.S)
    said = {line.split()[1] for line in block.splitlines()} - {"the", "--no-ui"}
    assert said == set(cli.list_commands(Context(cli)))


if __name__ == "__main__":
    (ROOT / "docs" / "cli.md").write_text(cli_page(), encoding="utf-8")
