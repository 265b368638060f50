"""Every key that mends a sweep while it runs, on a real one: tiny, but trained by worker processes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flopsfit_tui.core.trial import Request
from flopsfit_tui.store.sqlite import SqliteStore
from flopsfit_tui.tui.sweep.point_table import PointTable
from flopsfit_tui.tui.sweep.screen import SweepScreen
from flopsfit_tui.tui.sweep.trial_table import TrialTable
from flopsfit_tui.tui.trial.screen import TrialScreen
from flopsfit_tui.tui.widgets.confirm_dialog import ConfirmDialog
from flopsfit_tui.tui.widgets.prompt import Prompt


async def at(app, budget, size):
    """Put the cursor of the points on a point."""
    table = app.app.screen.query_one(PointTable)
    table.cursor_column = app.app_state.plan.budgets.index(budget)
    table.cursor = table._sizes.index(size)
    await app.pilot.pause()
    assert [now.trial.point for now in table.selected()][:1] == [(budget, size)]


def status(app, budget, size, seed=0):
    return next(
        now.status for now in app.state.trials.values() if (*now.trial.point, now.trial.seed) == (budget, size, seed)
    )


@pytest.mark.slow
async def test_a_sweep_is_mended_by_keys_while_worker_processes_train(open_app, options, tiny_file):
    request = Request(tiny_file, budgets=(2e7, 4e7), sizes=(16, 20, 24, 28))
    real = replace(options, request=request, executor="processes", workers=1)
    async with open_app(real, size="wide") as app:
        await app.ready()
        await app.press("s")
        await app.until(lambda: app.state.count("running") == 1 and app.state.count("pending") == 7, "one running")
        # pause holds, and commands are heard meanwhile
        await app.press("p")
        await app.until(lambda: app.state.phase == "paused", "the pause")
        last = [now.trial for now in app.state.trials.values() if now.status == "pending"][-1]
        await at(app, *last.point)
        await app.press("d")
        await app.until(lambda: status(app, *last.point) == "skipped", "the skip")
        # move to the front
        pending = [now.trial for now in app.state.trials.values() if now.status == "pending"][-1]
        await at(app, *pending.point)
        await app.press("f", "plus")
        await app.until(lambda: app.state.workers == 2, "another worker")
        await app.press("p")
        await app.until(lambda: status(app, *pending.point) in ("running", "finished"), "the one moved to the front")
        assert app.state.count("pending") >= 3
        # one worker less
        await app.press("minus")
        await app.until(lambda: app.state.workers == 1, "one worker less")
        await app.press("plus")
        # the skipped one again, and a point with another seed
        await at(app, *last.point)
        await app.press("r")
        await app.until(lambda: status(app, *last.point) in ("pending", "running", "finished"), "the retry")
        await app.press("n")
        await app.until(lambda: len(app.state.trials) == 9, "another seed")
        # skip a running one
        await app.until(lambda: app.state.count("running"), "one running")
        running = next(now.trial for now in app.state.trials.values() if now.status == "running")
        await at(app, *running.point)
        await app.press("enter")
        if isinstance(app.app.screen, TrialScreen):
            await app.press("d", "escape")
        await app.press("x")
        assert isinstance(app.app.screen, ConfirmDialog)
        await app.press("y")
        await app.until(lambda: app.app_state.stage == "ended", "the stop")
        kept = app.state.count("finished")
        await app.press("s")
        await app.until(lambda: app.state.phase == "done", "the end")
        assert app.state.count("finished") >= max(kept, 7)
        assert len(app.state.trials) == 9
    store = SqliteStore(real.out, read_only=True)
    plan = store.plan()
    assert len(plan.added) == 1
    assert {t.seed for t in plan.trials if t.point == last.point} == {0, 1}
    assert len({a.trial for a in store.attempts() if a.status == "finished"}) >= 7


@pytest.mark.slow
async def test_worker_processes_train_what_keys_ask_for_and_are_gone_afterwards(open_app, options, tiny_file):
    request = Request(tiny_file, budgets=(2e6, 4e6, 8e6), sizes=(90, 100, 110, 120, 130))  # all larger than the best
    async with open_app(replace(options, request=request, executor="processes", workers=2), size="wide") as app:
        await app.ready()
        workers = [worker.process for worker in app.app.session.sweeper.executor._workers]
        assert len(workers) == 2
        await app.press("s")
        await app.ended()
        assert app.state.count("finished") == 15
        await app.until(lambda: all(worker.poll() is not None for worker in workers), "the workers' end")
        await app.press("escape")
        await app.until(lambda: "[b adds" in app.text("#warning"), "the warning of an edge")
        await app.press("b")
        await app.until(lambda: len(app.state.trials) > 15 and app.state.phase == "done", "the new points")
        assert all(app.state.trials[key].status == "finished" for key in app.app_state.plan.added)
        assert all(t.size < 90 for t in app.app_state.plan.trials if t.key in app.app_state.plan.added)
        if not isinstance(app.app.screen, SweepScreen):
            await app.press("escape")
        await app.press("t", "ctrl+u", *"3e8", "enter")
        await app.until(
            lambda: app.app_state.target == 3e8 and any(r.budget == 3e8 for r in app.app_state.analysis.optimum), "3e8"
        )
        await app.press("q")
    assert app.app.return_value == 0


@pytest.mark.slow
async def test_a_trial_that_failed_in_a_worker_is_trained_again_by_a_key(open_app, options, tiny_file):
    request = Request(f"{tiny_file}:broken", budgets=(4e5, 8e5), sizes=(8, 12, 20))  # raises at 8
    broken = replace(options, request=request, executor="processes", workers=1)
    async with open_app(broken, size="wide") as app:
        await app.ready()
        await app.press("s")
        await app.ended()
        if not isinstance(app.app.screen, SweepScreen):
            await app.press("escape")
        assert app.state.count("failed") == 2
        failed = next(now.trial for now in app.state.trials.values() if now.status == "failed")
        await at(app, *failed.point)
        await app.press("r")
        await app.until(lambda: app.state.phase == "running", "the retry")
        await app.until(lambda: app.state.phase == "done", "the end")
    store = SqliteStore(broken.out, read_only=True)
    assert sum(attempt.trial == failed.key for attempt in store.attempts()) == 2
    store.close()


async def test_a_target_is_asked_for_and_answered(open_app, rehearsed, options):
    even = replace(options.request, sizes=(4, 8, 12, 20, 28))
    async with open_app(replace(options, request=even), start=True) as app:
        await app.ended()
        await app.press("escape")
        assert isinstance(app.app.screen, SweepScreen)
        assert "8e6 FLOPs" in app.text("#optimum")
        await app.press("t")
        assert app.app.screen.query_one(Prompt).open
        await app.press("ctrl+u", *"3e")
        assert "not a positive number" in app.text("#prompt-problem")
        await app.press("enter")
        assert app.app.screen.query_one(Prompt).open
        await app.press("8", "enter")
        await app.until(lambda: app.app_state.optimum() and "3e8 FLOPs" in app.text("#optimum"), "the other target")
        assert any(row.budget == 3e8 for row in app.app_state.analysis.optimum)
        await app.press("e")
        await app.until(lambda: not app.app.session.exporting, "the files", seconds=60)
    assert "300000000.0,extrapolated" in (options.out / "optimum.csv").read_text()


async def test_the_bracketing_point_joins_the_plan_and_is_trained(open_app, rehearsed, options):
    low = replace(options.request, sizes=(28, 36, 44, 52, 60))  # all larger than the best
    async with open_app(replace(options, request=low), start=True) as app:
        await app.ended()
        await app.press("escape")
        assert any("Add a size near" in w.message for w in app.app_state.analysis.warnings)
        assert "[b adds that point]" in app.text("#warning")
        planned = len(app.state.trials)
        await app.press("b")
        await app.until(lambda: len(app.state.trials) > planned and app.state.phase == "done", "the new points")
        added = [t for t in app.app_state.plan.trials if t.key in app.app_state.plan.added]
        assert added
        assert all(t.size < 28 for t in added)
        assert all(app.state.trials[t.key].status == "finished" for t in added)


async def test_a_failed_trial_is_trained_again_by_a_key(open_app, rehearsed, options):
    rehearsed.fails = (8,)
    wide = replace(options.request, sizes=(4, 8, 12, 20, 28))
    async with open_app(replace(options, request=wide), start=True) as app:
        await app.ended()
        await app.press("escape")
        assert "3 trials failed" in app.text("#warning")
        rehearsed.fails = ()
        await at(app, 4e5, 8)
        await app.press("r")
        await app.until(lambda: status(app, 4e5, 8) == "finished" and app.state.phase == "done", "the retry")
        assert app.state.count("failed") == 0  # going on trains everything that is missing


async def test_keys_that_would_do_nothing_are_not_obeyed(open_app, rehearsed, options):
    rehearsed.ends = 2
    async with open_app(options, start=True) as app:
        await app.until(lambda: app.state.count("finished") == 2, "two finished")
        finished = next(now.trial for now in app.state.trials.values() if now.status == "finished")
        await at(app, *finished.point)
        screen = app.app.screen
        assert not screen.check_action("skip", ())
        assert not screen.check_action("retry", ())
        assert not screen.check_action("first", ())
        assert screen.check_action("seed", ())
        await app.press("d", "r", "f")
        await app.pilot.pause(0.2)
        assert app.state.count("finished") == 2
        assert app.state.count("skipped") == 0


async def test_trials_are_sorted_and_filtered(open_app, rehearsed, options):
    rehearsed.fails = (8,)
    wide = replace(options.request, sizes=(4, 8, 12, 20, 28))
    async with open_app(replace(options, request=wide), start=True) as app:
        await app.ended()
        await app.press("escape", "2")
        table = app.app.screen.query_one(TrialTable)

        def rows():
            return [table.trial(i) for i in range(table.row_count)]

        assert table.row_count == 15
        while table.sorted_by != "loss":
            await app.press("greater_than_sign")
        losses = [now.outcome.loss for now in rows() if now.status == "finished"]
        assert losses == sorted(losses)
        assert [now.status for now in rows()][-3:] == ["failed"] * 3
        await app.press("v")
        losses = [now.outcome.loss for now in rows() if now.status == "finished"]
        assert losses == sorted(losses, reverse=True)
        assert [now.status for now in rows()][-3:] == ["failed"] * 3
        assert any("loss↓" in line for line in app.picture())
        await app.press("slash", *"failed")
        assert table.row_count == 3
        await app.press("space", *"budget>=4e5", "enter")
        assert table.row_count == 2
        assert any("Trials: failed budget>=4e5" in line for line in app.picture())
        await app.press("slash", "ctrl+u", *"colour=3")
        assert "cannot be compared" in app.text("#prompt-problem")
        await app.press("enter")
        assert app.app.screen.query_one(Prompt).open
        await app.press("escape")
        assert table.row_count == 2
        await app.press("slash", "ctrl+u", "enter")
        assert table.row_count == 15
        await app.pilot.click(TrialTable, offset=(14, 0))
        assert table.sorted_by == "budget"


async def test_every_key_is_in_the_command_palette_and_does_the_same(open_app, rehearsed, options):
    rehearsed.ends = 2
    async with open_app(options, start=True) as app:
        await app.until(lambda: app.state.count("finished") == 2, "two finished")
        commands = {command.title: command for command in app.app.get_system_commands(app.app.screen)}
        assert {"Pause", "Stop", "New seed", "Target", "Filter trials", "One worker more"} <= set(commands)
        assert "Resume" not in commands
        assert "Retry" not in commands
        await commands["Pause"].callback()
        await app.until(lambda: app.state.phase == "paused", "the pause")
        await app.press("ctrl+p", *"residuals", "enter")
        await app.until(lambda: app.app.screen._panels.plot == "residuals", "the residuals")


async def test_a_click_elsewhere_or_another_question_closes_the_line_to_type_in(open_app, rehearsed, options):
    rehearsed.ends = 2
    async with open_app(options, start=True) as app:
        await app.until(lambda: app.state.count("finished") == 2, "two finished")
        await app.press("slash", *"failed")
        table, prompt = app.app.screen.query_one(TrialTable), app.app.screen.query_one(Prompt)
        assert prompt.open
        assert table.row_count == 0
        await app.press("tab")  # does not leave the line
        assert prompt.open
        await app.pilot.click(TrialTable, offset=(14, 4))
        await app.until(lambda: not prompt.open, "the end of the question")
        assert app.app.focused is table
        assert table.row_count > 2
        await app.press("slash", *"failed")
        app.app.screen.action_target()
        assert table.filter == ""
        await app.press("ctrl+u", *"1e9", "enter")
        await app.until(lambda: app.app_state.target == 1e9, "the target")
        assert not prompt.open
