"""What costs FLOPs can be taken back, and a key that does nothing says why."""

from dataclasses import replace

import pytest

from flopsfit_tui.core.control import AddTrial, RunNext, SetWorkers, Skip
from flopsfit_tui.core.state import SweepState
from flopsfit_tui.tui.help import HelpScreen, help_lines
from flopsfit_tui.tui.session import undo
from flopsfit_tui.tui.session.undo import UNDO_SECONDS, undo_of
from flopsfit_tui.tui.trial.screen import TrialScreen
from flopsfit_tui.tui.widgets.confirm_dialog import ConfirmDialog
from flopsfit_tui.tui.widgets.footer import Footer


@pytest.fixture
def patient(monkeypatch):
    """Undoing is possible for as long as a slow machine takes."""
    monkeypatch.setattr(undo, "UNDO_SECONDS", 1e6)


async def running(app, rehearsed):
    await app.until(lambda: app.state.count("running") == 2, "two trials")


async def test_a_skip_a_seed_and_a_worker_are_taken_back(open_app, rehearsed, options, patient):
    rehearsed.ends = 0
    async with open_app(options, start=True, size="wide") as app:
        await running(app, rehearsed)
        await app.press("2", "G")
        key = app.app.screen.selected()[0].trial.key
        await app.press("d")
        await app.until(lambda: app.state.trials[key].status == "skipped", "the skip")
        await app.press("u")
        await app.until(lambda: app.state.trials[key].status == "pending", "the undo")
        await app.press("n")
        await app.until(lambda: len(app.state.trials) == 10, "the seed")
        (added,) = [now for key, now in app.state.trials.items() if key in app.state.plan.added]
        await app.press("u")
        await app.until(lambda: added.status == "skipped" or app.state.trials[added.trial.key].status == "skipped", "")
        await app.press("plus")
        await app.until(lambda: app.state.workers == 3, "a worker")
        await app.press("u")
        await app.until(lambda: app.state.workers == 2, "one less")
        assert not app.app_state.can_undo


async def test_what_was_asked_on_the_trial_screen_is_taken_back_there(open_app, rehearsed, options, patient):
    rehearsed.ends = 0
    async with open_app(options, start=True) as app:
        await running(app, rehearsed)
        await app.press("2", "G", "enter")
        key = app.app.screen.selected()[0].trial.key
        assert isinstance(app.app.screen, TrialScreen)
        assert "Undo" not in app.app.screen.query_one(Footer).render().plain
        await app.press("d")
        assert any("undoes it" in notice.message for notice in app.app._notifications)
        await app.until(lambda: app.state.trials[key].status == "skipped", "the skip")
        assert "Undo" in app.app.screen.query_one(Footer).render().plain
        await app.press("u")
        await app.until(lambda: app.state.trials[key].status == "pending", "the undo")
        assert "Undo" not in app.app.screen.query_one(Footer).render().plain


def test_only_what_costs_is_remembered_and_not_for_long():
    assert undo_of([RunNext("a")], SweepState()) is None
    asked = undo_of([Skip("a"), SetWorkers(3), AddTrial(1.0)], SweepState())
    assert asked.possible
    assert not replace(asked, at=asked.at - UNDO_SECONDS).possible


@pytest.mark.slow
async def test_bracketing_points_are_taken_back_and_what_is_trained_is_not(open_app, rehearsed, options, patient):
    rehearsed.ends = 100
    narrow = replace(options, request=replace(options.request, sizes=(4, 6, 8)))  # whose minima lie at an edge
    async with open_app(narrow, start=True, size="wide") as app:
        await app.ended()
        await app.press("escape")
        planned, rehearsed.ends = len(app.state.trials), 0
        await app.press("b")
        await app.until(lambda: len(app.state.trials) > planned, "the points")
        asked = len(app.app_state.undo.commands)
        await app.until(lambda: len(app.state.trials) == planned + asked, "all of them")
        added = [key for key in app.state.trials if key in app.state.plan.added]
        await app.press("u")
        await app.until(lambda: {app.state.trials[key].status for key in added} == {"skipped"}, "the undo")
        await app.until(lambda: app.app_state.stage == "ended", "the end")
        rehearsed.ends = 100
        await app.press("escape", "2", "G", "n")
        await app.until(lambda: len(app.state.trials) == planned + asked + 1, "another seed")
        await app.until(lambda: app.app_state.stage == "ended", "its end")
        assert app.app_state.can_undo
        assert app.app.session.undo() == "too late to undo: it has been trained already"
        assert not app.app_state.can_undo


async def test_a_key_that_does_nothing_says_why(open_app, rehearsed, options):
    rehearsed.ends = 0
    async with open_app(options, start=True) as app:
        await running(app, rehearsed)
        await app.press("s", "u")
        said = [notice.message for notice in app.app._notifications]
        assert "Start: the sweep is running" in said
        assert any(message.startswith("Undo: nothing was done") for message in said)


async def test_help_has_every_key_and_is_searched(open_app, rehearsed, options):
    rehearsed.ends = 0
    async with open_app(options, start=True, size=(40, 12)) as app:
        await running(app, rehearsed)
        lines = {line.does: line for line in help_lines(app.app, app.app.screen)}
        assert lines["Resume"].reason == "the sweep is not paused"
        assert lines["Pause"].reason == ""
        assert lines["Sort by the next column"].reason == "in the panel Trials"
        await app.press("f1")
        assert isinstance(app.app.screen, HelpScreen)
        await app.press("slash", *"bracket")
        text = "\n".join(app.picture())
        assert "Add bracketing" in text
        assert "Pause" not in text
        await app.press("escape", "escape")
        assert not isinstance(app.app.screen, HelpScreen)


async def test_the_footer_uses_the_width_it_has(open_app, rehearsed, options):
    rehearsed.ends = 0
    async with open_app(options, start=True) as app:
        await running(app, rehearsed)
        narrow = app.app.screen.query_one(Footer).render().plain
        assert "Maximise" not in narrow
        await app.pilot.resize_terminal(100, 30)
        assert "t Target" in app.app.screen.query_one(Footer).render().plain
        await app.pilot.resize_terminal(200, 50)
        await app.press("3")
        assert "] Zoom in" in app.app.screen.query_one(Footer).render().plain
        await app.press("1")
        assert "] Zoom in" not in app.app.screen.query_one(Footer).render().plain
        await app.press("2")
        wide = app.app.screen.query_one(Footer).render().plain
        assert "Sort by the next column" in wide
        assert len(wide) > 150


async def test_quitting_says_what_running_trials_lose(open_app, rehearsed, options):
    rehearsed.ends = 1
    async with open_app(options, start=True) as app:
        await app.until(lambda: app.state.count("finished") == 1 and app.state.count("running") == 2, "one finished")
        await app.press("q")
        assert isinstance(app.app.screen, ConfirmDialog)
        detail = app.text("#detail")
        assert "1 finished trial is kept" in detail
        assert "2 running trials write checkpoints and go on from them" in detail
        await app.press("n")
