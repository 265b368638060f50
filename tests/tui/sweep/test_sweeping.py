"""The main job in the app: plan, start by a key, watch, and read the optimum."""

from __future__ import annotations

import csv
import os
from dataclasses import replace

import pytest

from flopsfit_tui.store.sqlite import SqliteStore
from flopsfit_tui.tui.result.screen import ResultScreen
from flopsfit_tui.tui.start.screen import StartScreen
from flopsfit_tui.tui.sweep.point_table import PointTable
from flopsfit_tui.tui.sweep.screen import SweepScreen
from flopsfit_tui.tui.sweep.trial_table import TrialTable
from flopsfit_tui.tui.trial.screen import TrialScreen
from flopsfit_tui.tui.widgets.confirm_dialog import ConfirmDialog
from flopsfit_tui.tui.widgets.text_dialog import TextDialog


async def test_start_screen_shows_the_plan_and_what_it_costs(open_app, rehearsed, options):
    async with open_app(options) as app:
        assert isinstance(app.app.screen, StartScreen)
        await app.ready()
        ladders, totals = app.text("#ladders"), app.text("#totals")
        assert "2e5" in ladders
        assert "8e5" in ladders
        assert "width" in ladders
        assert "9 trials" in totals
        assert "images" in totals
        assert "about" in totals
        assert str(options.out.name) in totals


async def test_a_key_starts_the_sweep_and_it_ends_with_the_optimum(open_app, options):
    async with open_app(replace(options, executor="thread")) as app:
        await app.ready()
        await app.press("enter")
        assert not isinstance(app.app.screen, StartScreen)
        await app.ended()
        assert isinstance(app.app.screen, ResultScreen)
        assert "compute-optimal at 8e6" in app.text("#headline")
        assert "N_opt" in app.text("#law") or "no law" in app.text("#law")
        await app.press("escape")
        assert any("★" in line for line in app.picture())
        await app.press("2")
        table = app.app.screen.query_one(TrialTable)
        assert table.row_count == 9
        assert any("finished" in line for line in app.picture())
        assert " 100%" in app.text("#progress")
        assert "9/9 trials" in app.text("#progress")
    assert app.app.return_value is None
    with (options.out / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows] == ["finished"] * 9


async def test_run_starts_at_once_and_closes_itself_when_asked(open_app, rehearsed, options):
    async with open_app(replace(options, exit_when_done=True), start=True) as app:
        assert isinstance(app.app.screen, SweepScreen)
        await app.until(lambda: app.app._exit, "the app's own end")
    assert app.app.return_value == 0
    assert SqliteStore(options.out, read_only=True).outcomes()


async def test_pause_holds_and_resume_goes_on(open_app, rehearsed, options):
    rehearsed.ends = 3
    async with open_app(options, start=True) as app:
        await app.until(lambda: app.state.count("finished") == 3, "three finished trials")
        await app.press("p")
        await app.until(lambda: app.state.phase == "paused", "the pause")
        assert "paused" in app.text("#title")
        version = app.state.version
        await app.pilot.pause(0.3)
        assert app.state.version == version
        await app.press("p")
        await app.until(lambda: app.state.phase == "running" and app.state.version > version + 3, "progress")


async def test_stop_keeps_what_is_finished_and_start_goes_on(open_app, rehearsed, options):
    rehearsed.ends = 2
    async with open_app(options, start=True) as app:
        await app.until(lambda: app.state.count("finished") == 2, "two finished trials")
        await app.press("x")
        assert isinstance(app.app.screen, ConfirmDialog)
        await app.press("y")
        await app.until(lambda: app.state.phase == "stopped", "the stop")
        await app.ended()
        assert app.state.count("finished") == 2
        assert app.state.count("running") == 0
        rehearsed.ends = 100
        await app.press("s")
        await app.until(lambda: app.state.phase == "done", "the end")
    store = SqliteStore(options.out, read_only=True)
    finished = [attempt.trial for attempt in store.attempts() if attempt.status == "finished"]
    assert len(finished) == len(set(finished)) == 9


async def test_quit_asks_while_a_sweep_runs(open_app, rehearsed, options):
    rehearsed.ends = 3
    async with open_app(options, start=True) as app:
        await app.until(lambda: app.state.count("running"), "a running trial")
        await app.press("q")
        assert isinstance(app.app.screen, ConfirmDialog)
        await app.press("n")
        assert isinstance(app.app.screen, SweepScreen)
        assert app.app_state.busy
        await app.press("q", "y")
        await app.until(lambda: app.app._exit, "the end")
    assert app.app.return_value == 130


@pytest.mark.parametrize("key", ["q", "x"])
async def test_a_question_about_a_sweep_goes_when_the_sweep_ends(open_app, rehearsed, options, key):
    rehearsed.ends = 3
    async with open_app(options, start=True) as app:
        await app.until(lambda: app.state.count("running"), "a running trial")
        await app.press(key)
        assert isinstance(app.app.screen, ConfirmDialog)
        rehearsed.ends = 100
        await app.until(lambda: isinstance(app.app.screen, ResultScreen), "the result, with nothing over it")
        await app.press("q")
        await app.until(lambda: app.app._exit, "the end")


async def test_the_same_plan_in_the_same_directory_is_resumed(open_app, rehearsed, options):
    async with open_app(replace(options, exit_when_done=True), start=True) as app:
        await app.until(lambda: app.app._exit, "the first run's end")
    async with open_app(options) as app:
        await app.ready()
        assert "already finished" in app.text("#totals")
        await app.press("enter")
        await app.until(lambda: app.app_state.optimum() is not None, "the stored optimum")
    assert len(SqliteStore(options.out, read_only=True).attempts()) == 9


async def test_failed_trials_are_counted_and_show_their_traceback(open_app, rehearsed, options):
    rehearsed.fails = (8,)
    wide = replace(options.request, sizes=(4, 8, 12, 20, 28))
    async with open_app(replace(options, request=wide), start=True) as app:
        await app.ended()
        assert app.state.count("failed") == 3
        await app.press("escape")
        assert "3 failed" in app.text("#title")
        await app.press("2")
        table = app.app.screen.query_one(TrialTable)
        table.cursor = next(i for i in range(table.row_count) if table.trial(i).status == "failed")
        await app.press("enter")
        assert isinstance(app.app.screen, TrialScreen)
        assert "RuntimeError: size 8 is broken" in app.text("#error")
        await app.press("escape", "w")
        assert isinstance(app.app.screen, TextDialog)
        await app.press("escape", "q")
    assert app.app.return_value == 3


async def test_export_writes_the_files_while_the_sweep_stands(open_app, rehearsed, options, pictures):
    rehearsed.ends = 3
    async with open_app(options, start=True) as app:
        await app.until(lambda: app.state.count("finished") == 3, "three finished trials")
        await app.press("p")
        await app.until(lambda: app.state.phase == "paused", "the pause")
        await app.press("e")
        await app.until(lambda: app.app_state.exported, "the files")
        assert {path.name for path in app.app_state.exported} >= {"trials.csv", "optimum.csv", "fit.json"}
        assert all(path.exists() for path in app.app_state.exported)
        assert os.access(options.out / "history.csv", os.R_OK)
        await app.until(lambda: not app.app.session.exporting, "the plots")
        assert {path.name for path in app.app_state.exported} >= {"trials.csv", "isoflop.png", "loss_curves.png"}
        assert (options.out / "isoflop.png").read_bytes().startswith(b"\x89PNG")


async def test_the_points_are_a_table_of_cells_with_the_best_of_each_budget(open_app, rehearsed, options):
    even = replace(options.request, sizes=(4, 8, 12, 20, 28))
    async with open_app(replace(options, request=even), start=True) as app:
        await app.ended()
        await app.press("escape")
        table = app.app.screen.query_one(PointTable)
        lines = app.picture()
        assert sum(line.count("★") for line in lines if "FLOPs" not in line) == 3
        assert "● 2e5" in lines[2]
        await app.press("right", "right", "right", "down")
        assert [now.trial.point for now in table.selected()] == [(8e5, 8)]
        await app.press("enter")
        assert "8e5" in app.text("#facts")


async def test_many_budgets_move_with_the_cursor(open_app, rehearsed, options):
    rehearsed.ends = 3
    many = replace(options.request, budgets=tuple(2e5 * 1.2**i for i in range(12)), sizes=(4, 8))
    async with open_app(replace(options, request=many)) as app:
        await app.ready()
        await app.press("enter")
        await app.until(lambda: app.state.trials, "the trials")
        table = app.app.screen.query_one(PointTable)
        await app.press(*["right"] * 13)
        assert table.cursor_column == 11
        assert table.columns[-1].name == "11"
        await app.press(*["left"] * 13)
        assert table.columns[1].name == "0"
