"""A sweep that another process runs, controlled in the app: each key acts there, and the others are told who acted."""

import threading
from contextlib import closing

import pytest
from rehearsed import Rehearsed

from flopsfit_tui.conduct import Sweep, prepare
from flopsfit_tui.core.control import Control, Pause, RunNext, SetTarget, SetWorkers
from flopsfit_tui.core.events import CommandGiven
from flopsfit_tui.store.sqlite import SqliteStore
from flopsfit_tui.sweep.control_client import ControlClient
from flopsfit_tui.tui.widgets.confirm_dialog import ConfirmDialog


@pytest.fixture
def elsewhere(options):
    """A sweep that another terminal started: it ends four trials, one of them failed, and goes on for ever."""
    executor, control = Rehearsed(), Control()
    executor.ends = 4
    prepared = prepare(options, executor)
    executor.fails = (prepared.plan.trials[-1].size,)

    def sweep():
        with closing(executor):
            for _ in Sweep(prepared, options, executor, control, plots=False):
                pass

    thread = threading.Thread(target=sweep)
    thread.start()
    yield executor
    control.stop()
    thread.join()


def notices(app):
    return [notification.message for notification in app.app._notifications]


async def connected(app):
    await app.until(lambda: app.app_state.controlled and app.state.phase == "running", "the connection")
    await app.until(lambda: app.state.count("finished") + app.state.count("failed") == 4, "the first trials")


async def test_every_key_acts_on_the_sweep_that_runs_elsewhere(open_app, options, elsewhere):
    async with open_app(options, reading=options.out) as app:
        await connected(app)
        assert "read-only" not in app.text("#title")
        await app.press("2")  # the trials
        await app.press("p")
        await app.until(lambda: app.state.phase == "paused", "the pause")
        assert elsewhere.held
        await app.press("p")
        await app.until(lambda: app.state.phase == "running", "the end of the pause")

        await app.press("plus")
        await app.until(lambda: app.state.workers == 3, "a third worker")
        assert elsewhere.workers == 3
        await app.press("u")
        await app.until(lambda: app.state.workers == 2, "the third worker taken back")

        key = select(app, "pending")
        await app.press("f")
        await app.until(lambda: RunNext(key) in commands(options), "the trial's turn")
        key = select(app, "pending")
        await app.press("d")
        await app.until(lambda: app.state.trials[key].status == "skipped", "the skipped trial")
        await app.press("u")
        await app.until(lambda: app.state.trials[key].status in ("pending", "running"), "the trial again")

        failed = select(app, "failed")
        await app.press("r")
        await app.until(lambda: app.state.trials[failed].status in ("pending", "running"), "the failed trial again")

        count = len(app.state.trials)
        await app.press("n")
        await app.until(lambda: len(app.state.trials) == count + 1, "another seed")
        await app.press("t", *"1e9", "enter")
        await app.until(lambda: SetTarget(1e9) in commands(options), "the target in the store")
        assert app.app_state.target == 1e9

        await app.press("x")
        await app.until(lambda: isinstance(app.app.screen, ConfirmDialog), "the question")
        await app.press("y")
        await app.until(lambda: app.state.phase == "stopped", "the end")
        await app.until(lambda: not app.app_state.controlled, "the end of the connection")
        assert "read-only" in app.text("#title")


def select(app, status):
    """Put the cursor on the first trial in a status; its key."""
    table = app.app.screen.query_one("#trials")
    assert table.go_to(status)
    (now,) = table.selected()
    assert now.status == status
    return now.trial.key


def commands(options):
    """What the store holds of the commands that terminals gave."""
    store = SqliteStore(options.out, read_only=True)
    found = [row.event.command for row in store.stored_events() if isinstance(row.event, CommandGiven)]
    store.close()
    return found


async def test_a_terminal_says_which_other_one_acted(open_app, options, elsewhere):
    async with open_app(options, reading=options.out) as app:
        await connected(app)
        other = ControlClient(options.out)
        other.by = "ada@box pts/7"
        assert other.connect()
        other.send(SetWorkers(5))
        await app.until(lambda: "ada@box pts/7: 5 workers" in notices(app), "word of the other terminal")
        other.send(Pause())
        await app.until(lambda: app.state.phase == "paused", "the other's pause")
        assert "ada@box pts/7: pause" in notices(app)
        await app.press("7")
        await app.until(lambda: any("ada@box pts/7: pause" in line for line in app.picture()), "the log's line")
        before = len(notices(app))
        await app.press("p")
        await app.until(lambda: app.state.phase == "running", "the end of the pause")
        assert len(notices(app)) == before  # of what was done here nobody needs to be told here
        other.close()


async def test_a_second_terminal_that_only_reads_can_do_nothing(open_app, options, elsewhere):
    async with open_app(options, reading=options.out, read_only=True) as app:
        await app.until(lambda: app.state.phase == "running", "the sweep")
        assert "read-only" in app.text("#title")
        await app.press("p")
        await app.until(lambda: any("--read-only" in notice for notice in notices(app)), "the reason")
        assert not elsewhere.held
        assert not app.app_state.commandable


@pytest.mark.slow
async def test_a_sweep_that_is_resumed_is_followed_and_controlled_again(open_app, options, elsewhere):
    async with open_app(options, reading=options.out) as app:
        await connected(app)
        await app.press("x", "y")
        await app.until(lambda: app.state.phase == "stopped", "the end")
        again, control = Rehearsed(), Control()
        prepared = prepare(options, again)
        again.ends = 0
        thread = threading.Thread(target=lambda: list(Sweep(prepared, options, again, control, plots=False)))
        thread.start()
        try:
            await app.until(lambda: app.app_state.controlled and app.state.phase == "running", "the sweep again")
            await app.press("p")
            await app.until(lambda: app.state.phase == "paused", "its pause")
        finally:
            control.stop()
            thread.join()
