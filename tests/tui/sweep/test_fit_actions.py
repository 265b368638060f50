"""Keys for the fit: a proposal with its price and promise, and trials kept out of it with a reason."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rehearsed import Rehearsed

from flopsfit_tui.core.trial import Request
from flopsfit_tui.report.files.read_runs import read_runs
from flopsfit_tui.report.files.sweeps import read_sweep
from flopsfit_tui.store.sqlite import SqliteStore
from flopsfit_tui.sweep.prepare import make_plan
from flopsfit_tui.sweep.run import run_sweep
from flopsfit_tui.tui.help import HelpScreen
from flopsfit_tui.tui.sweep.point_table import PointTable
from flopsfit_tui.tui.theme import NOT_FITTED, PROPOSED
from flopsfit_tui.tui.widgets.confirm_dialog import ConfirmDialog
from flopsfit_tui.tui.widgets.prompt import Prompt

BUDGETS = (2e5, 4e5, 8e5, 1.6e6)


async def swept(app):
    await app.ready()
    await app.press("enter")
    await app.ended()
    await app.until(lambda: app.app_state.fitted is not None and not app.app.session._fitting, "the fit")
    if len(app.app.screen_stack) > 2:  # the result
        await app.press("escape")


def table_text(app):
    table = app.app.screen.query_one(PointTable)
    return "\n".join("".join(segment.text for segment in table.render_line(y)) for y in range(table.size.height))


@pytest.mark.slow
async def test_a_proposal_has_a_price_and_a_promise_and_is_marked(open_app, rehearsed, options):
    wide = replace(options, request=replace(options.request, budgets=BUDGETS, points=5))
    async with open_app(wide, size="wide") as app:
        await swept(app)
        trials = len(app.state.trials)
        await app.press("m")
        await app.until(lambda: isinstance(app.app.screen, ConfirmDialog), "the proposal")
        said = app.text("#detail")
        assert said.startswith("width ")
        assert "interval x" in said
        assert " -> x" in said
        assert " s, " in said
        choice = app.app_state.proposal
        assert any(PROPOSED in line for line in app.picture())
        await app.press("n")
        assert app.app_state.proposal is None
        assert PROPOSED not in table_text(app)
        assert len(app.state.trials) == trials
        await app.press("m")
        await app.until(lambda: isinstance(app.app.screen, ConfirmDialog), "the proposal again")
        assert app.app_state.proposal == choice  # the same store gives the same
        await app.press("n", "m", "question_mark")  # the help lies over the table when the answer comes, or before
        await app.until(lambda: app.app_state.proposal, "the proposal below the help")
        if isinstance(app.app.screen, HelpScreen):
            await app.press("escape")
        await app.until(lambda: isinstance(app.app.screen, ConfirmDialog), "the question after the help")
        await app.press("y")
        await app.until(lambda: len(app.state.trials) == trials + 1, "the trial")
        await app.ended()
        added = app.state.trials[app.app_state.plan.added[0]]
        assert added.trial.point == (choice.budget, choice.size.size)


@pytest.mark.slow
async def test_a_point_is_left_out_with_a_reason_and_put_back(open_app, rehearsed, options):
    wide = replace(options, request=replace(options.request, budgets=BUDGETS, points=5))
    async with open_app(wide, size="wide") as app:
        await swept(app)
        points = app.app_state.analysis.fit.points
        (now,) = app.app.screen.selected()
        await app.press("D")
        assert app.app.screen.query_one(Prompt).open
        await app.press(*"jumped", "enter")
        await app.until(lambda: app.app_state.analysis.fit.points == points - 1, "the fit without it")
        assert NOT_FITTED in table_text(app)
        assert app.app_state.not_fitted() == {now.trial.key: "jumped"}
        await app.until(lambda: not app.app.session.exporting, "the files")
        assert read_runs(wide.out).left_out[0].reason == "left out by hand: jumped"
        assert "left out by hand: jumped" in (wide.out / "trials.csv").read_text()
        assert any("left out of the fit" in entry.text for entry in app.app_state.log)
        await app.press("enter")
        assert "not fitted: jumped" in app.text("#facts")
        await app.press("escape")
        await app.press("D")
        await app.until(lambda: app.app_state.analysis.fit.points == points, "the fit with it")
        assert NOT_FITTED not in table_text(app)
    assert read_sweep(wide.out).plan.left_out == ()


async def test_while_a_sweep_runs_a_point_is_left_out_by_the_sweep_itself(open_app, rehearsed, options):
    rehearsed.ends = 6
    async with open_app(options, size="wide") as app:
        await app.ready()
        await app.press("enter")
        await app.until(lambda: app.state.count("finished") == 6, "six trials")
        table = app.app.screen.query_one(PointTable)
        done = next(now for now in app.state.trials.values() if now.status == "finished")
        table.cursor_column = app.app_state.plan.budgets.index(done.trial.budget)
        table.user_scrolled, table.cursor = True, table._sizes.index(done.trial.size)
        await app.press("D", "enter")
        await app.until(lambda: app.app_state.plan.left_out, "the change")
        assert app.app_state.plan.left_out == ((done.trial.key, ""),)
        rehearsed.ends = 100
        await app.ended()
    assert read_sweep(options.out).plan.left_out == ((done.trial.key, ""),)


async def test_a_sweep_that_is_only_read_is_told_what_would_be_next_and_what_it_leaves_out(
    open_app, rehearsed, options, tiny_file
):
    store = SqliteStore(options.out)
    request = Request(tiny_file, budgets=BUDGETS, points=5)
    list(run_sweep(make_plan(request, Rehearsed()), tiny_file, Rehearsed(), store))
    store.close()
    async with open_app(options, size="wide", reading=options.out) as app:
        await app.until(lambda: app.app_state.stage == "ended" and app.app_state.fitted, "the sweep")
        await app.press("m")
        await app.until(
            lambda: any(n.message.startswith("next: width ") for n in app.app._notifications), "the proposal"
        )
        await app.press("D", "enter")
        await app.until(lambda: app.app_state.plan.left_out, "the change")
        await app.until(lambda: app.app_state.exported and not app.app.session.exporting, "the files")
    assert len(read_sweep(options.out).analysis.left_out) == 1


async def test_points_trained_at_several_rates_show_the_one_that_is_fitted(open_app, rehearsed, options):
    each = replace(options, request=replace(options.request, rates=(0.5, 1.0, 2.0)))
    async with open_app(each, size="wide") as app:
        await swept(app)
        assert len(app.state.trials) == 27
        assert app.app_state.analysis.fit.excluded.size == 9
        fitted = [now for key, now in app.state.trials.items() if key not in app.app_state.not_fitted()]
        assert len(fitted) == 9
        for now in fitted:
            assert f"{now.outcome.loss:.3f}" in table_text(app)
        await app.press("2")
        await app.drawn()
        assert any(NOT_FITTED in line for line in app.picture())
