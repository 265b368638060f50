"""`flopsfit-tui plot`: every kind of a sweep and of a CSV, as plain text in a pipe; a sentence where there is none."""

from __future__ import annotations

import csv

import pytest
from made_sweep import law, make_plan, outcomes

from flopsfit_tui.cli import main
from flopsfit_tui.core.events import TrialEnded, TrialProgress, TrialStarted
from flopsfit_tui.store.sqlite import SqliteStore

KINDS = {
    "isoflop": "★ minimum",
    "law": "the law",
    "scaling": "tokens D",
    "residuals": "loss above the law",
    "loss": "training loss",
}


@pytest.fixture
def sweep(tmp_path):
    """A finished sweep's directory."""
    plan = make_plan(points=6)
    store = SqliteStore(tmp_path / "sweep")
    store.begin(plan)
    for trial in plan.trials:
        store.record(TrialStarted(trial.key, "w"))
        for step in (10, 50, 100):
            flops, tokens = trial.flops * step // 100, trial.tokens * step // 100
            store.record(TrialProgress(trial.key, step, tokens, flops, 9 / step**0.1, step))
        store.record(TrialEnded(trial.key, outcomes(plan)[trial.key]))
    store.close()
    return tmp_path / "sweep"


@pytest.fixture
def runs(tmp_path):
    """A CSV with the same runs."""
    with (tmp_path / "runs.csv").open("w") as file:
        writer = csv.writer(file)
        writer.writerow(["N", "D", "loss"])
        for i, trial in enumerate(make_plan(points=6).trials):
            wobble = 1 + 1e-3 * (-1) ** (i % 3)
            writer.writerow([trial.params, trial.tokens, wobble * law(trial.params, trial.tokens)])
    return tmp_path / "runs.csv"


def printed(capsys, *arguments):
    assert main(["plot", *map(str, arguments)]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    return out.splitlines()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_a_sweep(kind, sweep, capsys):
    lines = printed(capsys, sweep, kind, "--width", "90", "--height", "18")
    assert len(lines) == 18
    assert max(map(len, lines)) <= 90
    assert KINDS[kind] in lines[0]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "loss"])
def test_every_kind_of_a_csv(kind, runs, capsys):
    lines = printed(capsys, runs, kind)
    assert len(lines) == 30
    assert KINDS[kind] in lines[0]
    assert "1e16" in "".join(lines)


def test_a_sweep_and_its_runs_have_the_same_isoflop_curves(sweep, runs, capsys):
    ours, theirs = printed(capsys, sweep, "--width", "90"), printed(capsys, runs, "--width", "90")
    for mark in "●■▲":
        assert sum(line.count(mark) for line in ours) == sum(line.count(mark) for line in theirs) >= 1 + 4


def test_bad_input_is_one_sentence_and_exit_code_2(runs, tmp_path, capsys):
    (tmp_path / "few.csv").write_text("N,D,loss\n1e6,2e7,3\n")
    for arguments, said in (
        ([tmp_path / "nowhere"], "cannot be read"),
        ([tmp_path], "a sweep's directory"),
        ([runs, "loss"], "no training curves"),
        ([runs, "pie"], "pie"),
        ([runs, "--width", "3"], "24"),
        ([tmp_path / "few.csv", "law"], "give no law"),
        ([tmp_path / "few.csv", "residuals"], "once there is a law"),
        ([tmp_path / "few.csv", "scaling"], "once two budgets"),
    ):
        assert main(["plot", *map(str, arguments)]) == 2, arguments
        error = capsys.readouterr().err
        assert said in error
        assert len(error.splitlines()) == 1
