"""The start screen says what is planned, what it waits for, and what its fields understand."""

from dataclasses import replace

import pytest
from textual.widgets import Input, OptionList

from flopsfit_tui.core.trial import Request
from flopsfit_tui.core.units import parse_numbers
from flopsfit_tui.tui.recent.find import find_recent
from flopsfit_tui.tui.start.plan_text import waiting_text
from flopsfit_tui.tui.sweep.screen import SweepScreen
from flopsfit_tui.tui.widgets.footer import Footer


async def test_the_plan_is_that_of_the_marked_workload(open_app, rehearsed, options):
    async with open_app(replace(options, request=Request("simulated"), out=None), size=(100, 34)) as app:
        await app.ready()
        assert "d_model" in app.text("#ladders")
        await app.press("up")  # gpt-tinystories
        assert app.text("#ladders") == "enter plans gpt-tinystories: it downloads 100 MB when first used"
        assert app.text("#totals") == ""
        assert "enter Plan " in app.app.screen.query_one(Footer).render().plain
        await app.press("down")
        assert "d_model" in app.text("#ladders")
        assert "enter Start " in app.app.screen.query_one(Footer).render().plain
        app.app_state.stage = "planning"
        assert "measuring the sizes of simulated… " in waiting_text(app.app_state)


async def test_fields_hold_text_and_say_their_syntax_and_keys(open_app, rehearsed, options):
    async with open_app(options, size=(100, 34)) as app:
        await app.ready()
        sizes = app.app.screen.query_one("#field-sizes", Input)
        assert sizes.value == "auto"
        assert app.app.screen.query_one("#field-seeds", Input).value == "1"
        sizes.focus()
        await app.pilot.pause()
        assert "16,24,32 at every budget" in app.text("#syntax")
        footer = app.app.screen.query_one(Footer).render().plain
        assert "enter Start" in footer
        assert "esc Leave field" in footer
        budgets = app.app.screen.query_one("#field-budgets", Input)
        budgets.focus()
        with budgets.prevent(Input.Changed):
            budgets.value = ",".join(f"{i}e5" for i in range(1, 30))
        await app.press("escape")
        line = next(line for line in app.picture() if line.startswith("  budgets"))
        assert "budgets  1e5,2e5," in line  # its beginning, and that there is more
        assert "…" in line
        assert isinstance(app.app.focused, OptionList)
        assert app.app_state.options.request == options.request


def test_ten_thousands_of_budgets_are_refused():
    with pytest.raises(ValueError, match="50000 budgets are too many to plan; at most 1000"):
        parse_numbers("1e10..1e12:50000", "budget")


async def test_the_plan_says_what_share_of_the_machine_it_will_use(open_app, rehearsed, options):
    async with open_app(options, size=(120, 34)) as app:
        await app.ready()
        assert "MFU" not in app.text("#ladders") + app.text("#totals")  # the peak was not measured
        cost = app.app_state.estimate
        shares = {trial.key: 0.1 + trial.params * 1e-7 for trial in app.app_state.plan.trials}
        app.app_state.estimate = replace(cost, mfu=shares)
        app.app.screen.redraw()
        await app.pilot.pause()
        assert app.text("#ladders").splitlines()[0].endswith("MFU")
        assert app.text("#ladders").splitlines()[1].endswith("%")
        assert "MFU 10.0" in app.text("#totals")
        app.app_state.plan = replace(app.app_state.plan, notes=("a note of several words, in a window of any size",))
        for width in range(1, 60):  # columns
            await app.pilot.resize_terminal(width, 12)
            app.app.screen.draw()


async def test_s_in_earlier_sweeps_resumes_at_once(open_app, rehearsed, own_directories):
    from flopsfit_tui.core.options import Options

    rehearsed.ends = 3
    async with open_app(Options(Request("simulated"))) as app:
        await app.ready()
        await app.press("s")
        await app.until(lambda: app.state.count("finished") == 3, "three finished")
        await app.press("x", "y")
        await app.until(lambda: app.app_state.stage == "ended", "the stop")
    found = []
    find_recent(found.append)
    assert found
    rehearsed.ends = 1000
    async with open_app(Options(Request("simulated", seeds=2))) as app:
        await app.ready()
        await app.press("r")
        await app.pilot.pause(0.3)
        await app.press("s")
        await app.until(lambda: app.state.phase == "done", "the rest")
        assert isinstance(app.app.screen_stack[-1], SweepScreen) or len(app.app.screen_stack) > 1
        assert app.state.count("finished") == 35
