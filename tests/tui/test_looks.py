"""Every screen at three sizes and in both themes; `pytest --snapshot-update` once the diff has been looked at."""

from __future__ import annotations

from pathlib import Path

import pytest
from staged import follow_stage, plan
from textual.widgets import Input
from waiting import plots_drawn

from flopsfit_tui.conduct import PlannedSweep, PreparedSweep
from flopsfit_tui.core.options import Options
from flopsfit_tui.core.state import SweepState
from flopsfit_tui.core.trial import Outcome, Request
from flopsfit_tui.plan.estimate import Estimate
from flopsfit_tui.report.answer.analysis import OptimumRow
from flopsfit_tui.tui.app import FlopsfitApp
from flopsfit_tui.tui.recent import screen as recent_screen
from flopsfit_tui.tui.recent.find import Recent
from flopsfit_tui.tui.session import follow_thread, session
from flopsfit_tui.tui.session.messages import Estimated, Planned
from flopsfit_tui.tui.settings.config import Config

SIZES = [(80, 24), (120, 40), (200, 60)]
THEMES = ["flopsfit-dark", "flopsfit-light"]
SCREENS = {  # a stage of a sweep, keys
    "points": ("running", []),
    "trials": ("running", ["2"]),
    "log": ("failures", ["7"]),
    "failures": ("failures", ["2", "greater_than_sign"]),
    "empty": ("empty", []),
    "many": ("many", []),
    "isoflop": ("done", ["3", "z"]),
    "scaling": ("done", ["5", "z"]),
    "loss": ("running", ["4", "z"]),
    "trial": ("running", ["enter", "right", "left", "left", "left"]),
    "error": ("failures", ["2", "down", "down", "down", "enter"]),
    "result": ("done", ["o"]),
    "help": ("running", ["question_mark"]),
    "warnings": ("failures", ["w"]),
    "filter": ("failures", ["slash", *"failed bud>1"]),
    "hostile": ("hostile", []),
}
WHOLE = ("points", "failures", "result")  # at every size in both themes; the others in one theme a size
ONE_THEME = {(80, 24): "flopsfit-dark", (120, 40): "flopsfit-light", (200, 60): "flopsfit-dark"}


def cases():
    for name in SCREENS:
        for size in SIZES:
            for theme in THEMES if name in WHOLE else [ONE_THEME[size]]:
                daily = name in WHOLE and (size, theme) == ((80, 24), "flopsfit-dark")
                slow = () if daily else pytest.mark.slow
                yield pytest.param(name, size, theme, marks=slow, id=f"{name}-{size[0]}x{size[1]}-{theme[9:]}")


@pytest.mark.parametrize(("name", "size", "theme"), cases())
def test_looks(name, size, theme, snap_compare, monkeypatch):
    stage, keys = SCREENS[name]
    monkeypatch.setenv("HOME", "/nowhere")
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setattr(SweepState, "running_seconds", property(lambda state: 754.0))
    monkeypatch.setattr(follow_thread, "follow_sweep", follow_stage(stage))
    monkeypatch.setattr(session.Session, "export", lambda session: None)
    monkeypatch.setattr("flopsfit_tui.report.text.log.time.time", lambda: 1.7e9)
    directory = Path("/nowhere/sweeps/made-up")
    app = FlopsfitApp(Options(Request("gpt-bytes"), out=directory), reading=directory, config=Config(theme=theme))

    async def before(pilot):
        for _ in range(200):
            app_state = app.app_state
            fitted = app_state.fitted is not None or stage == "empty"
            if app_state.plan is not None and fitted and not app.session._fitting:
                break
            await pilot.pause(0.02)
        app.app_state.reading = False  # with the keys of a sweep that runs here
        app.screen.redraw()
        await pilot.pause()
        await pilot.press(*keys)
        for field in app.screen.query(Input):
            field.cursor_blink = False
        await pilot.pause(0.1)
        app.clear_notifications()
        await plots_drawn(app, pilot)

    assert snap_compare(app, terminal_size=size, run_before=before)
    assert app.return_code in (0, None), "the app broke"


def start_cases():
    for size in SIZES:
        for theme in THEMES:
            slow = () if (size, theme) == ((80, 24), "flopsfit-dark") else pytest.mark.slow
            yield pytest.param(size, theme, marks=slow, id=f"{size[0]}x{size[1]}-{theme[9:]}")


@pytest.mark.parametrize(("size", "theme"), start_cases())
@pytest.mark.parametrize("keys", [[], ["tab", *"1e10..x"], ["r"]], ids=["start", "refused", "recent"])
def test_looks_of_the_start(keys, size, theme, snap_compare, monkeypatch, tmp_path):
    made, directory = plan(), Path("/nowhere/sweeps/made-up")
    options = Options(Request("gpt-bytes"), out=directory)

    def opened(session):
        before = {trial.key: Outcome("finished") for trial in made.trials[:4]}
        cost = Estimate({trial.key: 266 / 16 for trial in made.trials}, 299.0, 2**30, 2, "cpu")
        session.apply(Planned(options, PlannedSweep(made, directory, before)))
        session.apply(Estimated(options, PreparedSweep(made, directory, before, cost)))

    def found(report):
        best = OptimumRow(2.4e12, "extrapolated", 194e3, 185e3, 203e3, 2e6, 10, 1.9, 1.8, 2.0, 68, "law")
        for name, finished, failed, running in (("a", 35, 0, None), ("b", 12, 0, 77), ("c", 30, 5, None)):
            report(Recent(directory / name, made, finished, failed, 1.7e9 - 4000 * finished, running, best))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/nowhere")
    monkeypatch.setattr(session.Session, "open", opened)
    monkeypatch.setattr(recent_screen, "find_recent", found)
    monkeypatch.setattr("flopsfit_tui.report.text.log.time.time", lambda: 1.7e9)
    app = FlopsfitApp(options, config=Config(theme=theme))

    async def before(pilot):
        await pilot.pause(0.1)
        await pilot.press(*keys)
        await pilot.pause(0.6)  # a field is read when the typing pauses
        await plots_drawn(app, pilot)
        for field in app.screen.query(Input):
            field.cursor_blink = False

    assert snap_compare(app, terminal_size=size, run_before=before)
    assert app.return_code in (0, None), "the app broke"
