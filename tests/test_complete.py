"""A shell completes workloads, sweeps, commands and options."""

from click.shell_completion import BashComplete

from flopsfit_tui.cli import cli, main


def completed(monkeypatch, *words):
    monkeypatch.setenv("COMP_WORDS", " ".join(["flopsfit-tui", *words]))
    monkeypatch.setenv("COMP_CWORD", str(len(words)))
    complete = BashComplete(cli, {}, "flopsfit-tui", "_FLOPSFIT_TUI_COMPLETE")
    arguments, begun = complete.get_completion_args()
    return {item.value for item in complete.get_completions(arguments, begun)}


def test_words_are_completed(monkeypatch, tmp_path, own_directories):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("")
    assert main(["run", "simulated", "--no-ui", "--executor", "thread", "--points", "3", "--out", "sweep-here"]) in (
        0,
        3,
    )
    assert completed(monkeypatch, "comp") == {"compare"}
    assert completed(monkeypatch, "run", "vit") == {"vit-textures", "vit-cifar10"}
    assert completed(monkeypatch, "run", "mi") == {"mine.py"}
    assert "--budgets" in completed(monkeypatch, "run", "gpt-bytes", "--b")
    assert completed(monkeypatch, "open", "sweep") == {"sweep-here"}
    assert completed(monkeypatch, "compare", "sweep-here", "sweep") == {"sweep-here"}
