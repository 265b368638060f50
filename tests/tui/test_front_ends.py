"""One sweep, three front ends: what one of them adds to it, the others run, fit and export."""

from __future__ import annotations

import csv
import json
import shutil

import pytest
import tiny

import flopsfit_tui as ff
from flopsfit_tui.core.options import Options
from flopsfit_tui.core.trial import Request
from flopsfit_tui.headless import run_headless
from flopsfit_tui.store.sqlite import SqliteStore
from flopsfit_tui.tui import launch
from flopsfit_tui.tui.app import FlopsfitApp
from flopsfit_tui.tui.widgets.confirm_dialog import ConfirmDialog
from flopsfit_tui.workloads.mock import mock

PLAN = {"budgets": (1e6, 2e6, 4e6), "sizes": (4, 8, 16, 24, 32)}


def find(directory, **changes):
    return ff.find_optimal(
        tiny.Net, "width", mode="mock", compute_budgets=PLAN["budgets"], sizes=PLAN["sizes"], output_dir=directory,
        **changes,
    )  # fmt: skip


def options(directory, **changes):
    """The same sweep as the app and the command line ask for it."""
    workload = mock(name="Net", model_cls=tiny.Net, model_size_param="width", model_kwargs={})
    return Options(Request(workload, **PLAN), out=directory, executor="thread", **changes)


@pytest.fixture(scope="module")
def grown_once(tmp_path_factory):
    """Where the sweep lies that all copy."""
    return tmp_path_factory.mktemp("grown") / "sweep"


@pytest.fixture
async def grown(grown_once, tmp_path, open_app):
    """Fifteen trials by find_optimal, a sixteenth by a key in the app."""
    if not grown_once.exists():
        await grow(grown_once, open_app)
    return shutil.copytree(grown_once, tmp_path / "sweep")


async def grow(directory, open_app):
    assert len(find(directory).trials) == 15
    async with open_app(options(directory)) as app:
        await app.ready()
        await app.press("enter")
        await app.ended()
        await app.press("escape", "n")
        await app.until(lambda: len(app.state.trials) == 16 and app.state.phase == "done", "the new seed")
        await app.until(lambda: app.app_state.stage == "ended" and not app.app.session.exporting, "the files")
    assert len(SqliteStore(directory, read_only=True).outcomes()) == 16
    holds_sixteen(directory)
    for name in ("trials.csv", "fit.json"):
        (directory / name).unlink()


def holds_sixteen(directory):
    with (directory / "trials.csv").open(newline="") as file:
        assert [row["status"] for row in csv.DictReader(file)] == ["finished"] * 16
    assert json.loads((directory / "fit.json").read_text())["points"] == 16


async def test_find_optimal_keeps_a_trial_that_was_added_in_the_app(grown, capsys):
    result = find(grown, resume=True)
    assert len(result.trials) == len(result.plan.trials) == result.fit.points == 16
    assert "16 trials, 16 already finished" in capsys.readouterr().err
    holds_sixteen(grown)


async def test_a_run_without_the_app_keeps_it_too(grown, capsys):
    assert run_headless(options(grown), "json") == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["points"] == 16
    assert "16 trials, 16 already finished" in err
    holds_sixteen(grown)


async def test_the_app_opened_again_keeps_it_too(grown, open_app):
    async with open_app(options(grown), start=True) as app:
        await app.ended()
        assert len(app.state.trials) == app.app_state.analysis.fit.points == 16
        await app.until(lambda: not app.app.session.exporting, "the files")
    holds_sixteen(grown)


@pytest.mark.slow
def test_find_optimal_in_the_app_gives_what_the_store_holds(tmp_path, monkeypatch):
    """With ui=True, a trial being added while the app is open."""

    async def add_a_seed(pilot):
        app = pilot.app

        async def until(condition):
            while not condition():
                await pilot.pause(0.02)

        await until(lambda: app.app_state.stage == "ended" and app.app_state.exported)
        await pilot.press("escape", "n")
        await until(lambda: len(app.app_state.state.trials) == 16 and app.app_state.state.phase == "done")
        await until(lambda: app.app_state.stage == "ended" and not app.session.exporting)
        await pilot.press("q")

    monkeypatch.setattr(
        launch, "run", lambda app: FlopsfitApp.run(app, headless=True, size=(120, 40), auto_pilot=add_a_seed)
    )
    result = find(tmp_path, ui=True)
    assert len(result.trials) == result.fit.points == 16
    holds_sixteen(tmp_path)
    again = find(tmp_path, ui=False)
    assert len(again.trials) == again.fit.points == 16


def test_a_sweep_without_the_app_starts_with_its_estimate(tmp_path, capfd):
    """Also where stderr is a file, as here."""
    find(tmp_path)
    lines = capfd.readouterr().err.splitlines()
    (estimate,) = [i for i, line in enumerate(lines) if line.startswith("Net: 15 trials, 3.5e7 FLOPs, about ")]
    assert "on 1 worker" in lines[estimate]
    assert not any(line.startswith("[") for line in lines[:estimate])
    assert sum(line.startswith("[") for line in lines[estimate:]) == 15
    assert lines.count("sweep done") == 1  # followed by warnings alone


async def test_the_app_asks_before_it_reuses_a_sweep_that_differs(tmp_path, open_app):
    find(tmp_path, model_kwargs={"nan_at": 2})
    async with open_app(options(tmp_path)) as app:
        await app.until(lambda: isinstance(app.app.screen, ConfirmDialog), "the question")
        assert "model_kwargs has changed" in app.text("#detail")
        await app.press("y")
        await app.until(lambda: app.app_state.stage == "ready", "the plan")
        assert len(app.app_state.planned.kept) == 15
    async with open_app(options(tmp_path)) as app:  # nothing has been run, so nothing has been recorded
        await app.until(lambda: isinstance(app.app.screen, ConfirmDialog), "the question")
        await app.press("n")
        assert app.app_state.stage == "refused"
        assert "--resume-anyway" in app.app_state.problem
