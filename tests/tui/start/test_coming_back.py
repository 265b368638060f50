"""The start screen after a sweep: its keys are keys again, and its title says what is true now."""

from __future__ import annotations

from textual.widgets import Input, OptionList

from flopsfit_tui.tui.start.screen import StartScreen
from flopsfit_tui.tui.widgets.footer import Footer


async def test_a_sweep_that_was_started_in_a_field_is_come_back_from(open_app, rehearsed, options):
    async with open_app(options, size=(120, 40)) as app:
        await app.ready()
        app.app.screen.query_one("#field-seeds", Input).focus()
        await app.press("enter")
        await app.until(lambda: app.app_state.stage == "ended", "the end")
        await app.press("escape", "escape")
        assert isinstance(app.app.screen, StartScreen)
        assert isinstance(app.app.focused, OptionList)
        assert app.text("#title").rstrip().endswith("✓ done")


async def test_cancelling_is_offered_only_while_there_is_something_to_cancel(open_app, rehearsed, options):
    async with open_app(options, size=(120, 40)) as app:
        await app.ready()
        assert "Cancel planning" not in app.app.screen.query_one(Footer).render().plain
