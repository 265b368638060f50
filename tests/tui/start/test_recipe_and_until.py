"""The start screen plans a check of the recipe, or a sweep whose trials are chosen one by one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.widgets import Input

from flopsfit_tui.tui.result.screen import ResultScreen
from flopsfit_tui.tui.start.screen import StartScreen

BUDGETS = (2e5, 4e5, 8e5, 1.6e6)


async def test_a_key_plans_the_check_of_the_recipe_which_ends_with_what_it_says(open_app, rehearsed, options):
    wide = replace(options, request=replace(options.request, budgets=BUDGETS, points=5))
    async with open_app(wide, size="wide") as app:
        await app.ready()
        assert not app.app_state.plan.checks_recipe
        await app.press("c")
        await app.until(lambda: app.app_state.stage == "ready" and app.app_state.plan.checks_recipe, "the check")
        assert "recipe check: three peak rates at" in app.text("#totals")
        assert "not looked at" in app.text("#ladders")
        assert app.app_state.directory == wide.out / "recipe"
        await app.press("c")
        await app.until(lambda: app.app_state.stage == "ready" and not app.app_state.plan.checks_recipe, "the sweep")
        await app.press("c")
        await app.until(lambda: app.app_state.stage == "ready" and app.app_state.plan.checks_recipe, "the check")
        await app.press("enter")
        await app.ended()
        await app.until(lambda: isinstance(app.app.screen, ResultScreen), "the result")
        assert "recipe check of tiny" in app.text("#table")
        assert "planned loses" in app.text("#table")
        assert not app.app.screen.check_action("copy_python", ())
        assert not app.app.screen.check_action("ask_budget", ())
        await app.press("escape")
        assert "planned" in app.text("#optimum") or "recipe" in app.text("#optimum")
    assert (wide.out / "recipe" / "recipe.json").is_file()
    assert not (wide.out / "sweep.db").exists()


@pytest.mark.slow
async def test_until_a_factor_plans_the_beginning_and_its_marks_show_what_was_proposed(open_app, rehearsed, options):
    wide = replace(options, request=replace(options.request, budgets=BUDGETS, points=5))
    async with open_app(wide, size="wide") as app:
        await app.ready()
        field = app.app.screen.query_one("#field-until", Input)
        assert field.value == "grid"
        field.focus()
        field.value = "often"
        await app.until(lambda: app.app_state.problem, "the sentence")
        assert "neither grid nor a factor above 1" in app.text("#problem")
        field.value = "x3"
        await app.until(lambda: app.app_state.stage == "ready" and app.app_state.plan.goal, "the plan")
        assert app.app_state.plan.goal.factor == 3
        assert "to begin with" in app.text("#totals")
        assert "as chosen" in app.text("#ladders")
        assert isinstance(app.app.screen, StartScreen)
        begun = len(app.app_state.plan.trials)
        await app.press("enter")
        await app.ended()
        assert len(app.state.trials) >= begun
        assert len(app.app_state.plan.added) == len(app.state.trials) - begun
        assert any("no further trial" in entry.text for entry in app.app_state.log)
