"""The answer's own screen: another budget at once, Python to copy, the paths."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
from textual.widgets import Input

from flopsfit_tui.fit import fit_law
from flopsfit_tui.report.plots.palette import DARK
from flopsfit_tui.tui.result.screen import ResultScreen
from flopsfit_tui.tui.result.text import law_lines
from flopsfit_tui.tui.sweep.screen import SweepScreen
from flopsfit_tui.tui.widgets.footer import Footer


async def test_another_budget_is_answered_as_it_is_typed(open_app, rehearsed, options):
    even = replace(options.request, sizes=(4, 8, 12, 20, 28))
    async with open_app(replace(options, request=even), start=True, size="wide") as app:
        await app.ended()
        assert isinstance(app.app.screen, ResultScreen)
        assert "compute_budget = 8e+06" in app.text("#python")
        await app.press("t", *"3x")
        assert "not a positive number" in app.text("#asked-answer")
        await app.press("backspace", *"e9")
        assert "params" in app.text("#asked-answer")
        assert "compute_budget = 3e+09" in app.text("#python")
        copied = []
        app.app.copy_to_clipboard = copied.append
        await app.press("escape", "y")
        assert "compute_budget = 3e+09" in copied[0]
        await app.press("t")
        footer = app.app.screen.query_one(Footer).render().plain
        assert "enter Make it the target" in footer
        assert "esc Leave field" in footer
        await app.press("enter")
        assert not isinstance(app.app.screen.focused, Input)
        await app.until(lambda: app.app_state.optimum() is not None and app.app_state.target == 3e9, "the other target")
        await app.until(lambda: "3e9" in app.text("#headline"), "the headline")
        await app.until(lambda: not app.app.session.exporting, "the files", seconds=60)
        assert "report.md" in app.text("#files")
        assert str(options.out.name) in app.text("#files")
        await app.press("escape")
        assert isinstance(app.app.screen, SweepScreen)


async def test_news_for_a_screen_that_is_going_is_lost_on_it(open_app, rehearsed, options):
    async with open_app(options, start=True) as app:
        await app.ended()
        screen = app.app.screen
        assert isinstance(screen, ResultScreen)
        app.app.pop_screen()
        while screen.children or screen.is_attached:  # its widgets go one by one, before it does
            screen.redraw()
            await asyncio.sleep(0)
        assert isinstance(app.app.screen, SweepScreen)


async def test_a_screenshot_lies_beside_the_sweeps_files(open_app, rehearsed, options):
    async with open_app(options, start=True) as app:
        await app.ended()
        app.app.action_screenshot()
        await app.until(lambda: list(options.out.glob("*.svg")), "the picture")
        await app.until(lambda: "</svg>" in next(options.out.glob("*.svg")).read_text(), "its end")


async def test_a_narrow_terminal_shows_the_whole_answer_at_another_budget(open_app, rehearsed, options):
    even = replace(options.request, sizes=(4, 8, 12, 20, 28))
    async with open_app(replace(options, request=even), start=True) as app:
        await app.ended()
        await app.press("t", *"3e9")
        await app.until(lambda: "loss" in app.text("#asked-answer"), "the answer")
        await app.pilot.pause()
        place = app.app.screen.query_one("#asked-answer").region
        drawn = [line[place.x : place.right] for line in app.picture()[place.y : place.bottom]]
        assert " ".join(" ".join(drawn).split()) == " ".join(app.text("#asked-answer").split())


def test_the_form_that_losses_are_taken_from_is_said():
    N, C = np.meshgrid(np.geomspace(1e7, 1e9, 7), np.geomspace(1e18, 1e20, 4))
    D = C / (6 * N)
    L = 1.7 + 400 / N**0.34 + 410 / D**0.28
    fits = [fit_law(N.ravel(), D.ravel(), L.ravel(), form=form) for form in ("joint", "additive")]
    plan = SimpleNamespace(bayes_loss=None)
    second, law = (str(law_lines(plan, SimpleNamespace(fit=fit, power_laws=None), DARK)) for fit in fits)
    assert f"g = {fits[0].joint.g.value:.3f}" in second
    assert "by the form whose terms do not add" in second
    assert "do not add" not in law
