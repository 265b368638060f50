"""What goes wrong is a sentence on the screen, and the app goes on."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from flopsfit_tui import conduct
from flopsfit_tui.core.trial import Request
from flopsfit_tui.store.sqlite import SqliteStore
from flopsfit_tui.tui.start.screen import StartScreen
from flopsfit_tui.tui.sweep.screen import SweepScreen
from flopsfit_tui.tui.widgets.confirm_dialog import ConfirmDialog
from flopsfit_tui.tui.widgets.text_dialog import TextDialog


@pytest.mark.parametrize(
    ("request_of", "words"),
    [
        (lambda tiny: Request("no-such-workload"), "unknown workload 'no-such-workload'"),
        (lambda tiny: Request(tiny, budgets=(10.0,)), "does not pay for one batch"),
        (lambda tiny: Request(tiny, sizes=(7,)), "width=7 is odd"),
    ],
)
async def test_a_plan_that_cannot_be_made_is_one_sentence(open_app, rehearsed, options, tiny_file, request_of, words):
    async with open_app(replace(options, request=request_of(tiny_file)), start=True) as app:
        await app.until(lambda: app.app_state.problem, "the refusal")
        assert isinstance(app.app.screen, StartScreen)
        assert words in app.text("#problem")
        assert "\n" not in app.app_state.problem
        await app.press("q")
    assert app.app.return_value == 2
    assert not options.out.exists()


async def test_a_directory_that_cannot_be_made_is_refused_before_planning(open_app, rehearsed, options, tmp_path):
    (tmp_path / "file").write_text("")
    async with open_app(replace(options, out=tmp_path / "file" / "sweep")) as app:
        await app.ready()
        assert "cannot be used" in app.text("#problem")
        await app.press("enter")
        assert isinstance(app.app.screen, StartScreen)


async def test_a_directory_in_which_another_sweeps_is_refused(open_app, rehearsed, options):
    holder = SqliteStore(options.out)
    try:
        async with open_app(options, start=True) as app:
            await app.until(lambda: isinstance(app.app.screen, ConfirmDialog), "the offer to watch")
            assert "is sweeping in" in app.text("#detail")
            await app.press("n")
            assert isinstance(app.app.screen, StartScreen)
            assert "is sweeping in" in app.text("#problem")
    finally:
        holder.close()


async def test_a_broken_promise_of_our_own_shows_its_traceback(open_app, rehearsed, options, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("the sweep thread broke [bold]here[/]")

    monkeypatch.setattr(conduct, "run_sweep", broken)
    async with open_app(options, start=True) as app:
        await app.until(lambda: isinstance(app.app.screen, TextDialog), "the traceback")
        await app.until(lambda: "the sweep thread broke [bold]here[/]" in "\n".join(app.picture()), "its last line")
        await app.press("escape")
        assert isinstance(app.app.screen, SweepScreen)
        assert "[bold]here[/]" in app.text("#warning")


async def test_names_with_markup_and_escapes_are_shown_as_text(open_app, rehearsed, options, tmp_path, tiny_file):
    source = Path(tiny_file).read_text().replace('"tiny"', '"[red]t\U0001f600\\x1b[31m[/red] " + "x" * 300')
    (tmp_path / "odd [b]name.py").write_text(source)
    odd = replace(options, request=Request(str(tmp_path / "odd [b]name.py")), out=tmp_path / "[link]out[/]")
    async with open_app(odd, start=True) as app:
        await app.until(lambda: app.app_state.stage == "ended", "the end")
        lines = app.picture()
        assert "[red]t" in lines[0]
        assert "\x1b" not in "".join(lines)


async def test_every_size_draws(open_app, rehearsed, options):
    async with open_app(options, start=True) as app:
        await app.ended()
        await app.press("escape")
        for size in [(24, 6), (200, 60), (109, 33), (80, 24)]:
            await app.pilot.resize_terminal(*size)
            for key in ("1", "2", "3", "z", "L", "o", "escape"):
                await app.press(key)
                assert len(app.picture()) == size[1]
                assert not any("cannot be drawn" in line for line in app.picture())
        assert app.state.count("finished") == 9


@pytest.mark.slow
async def test_a_running_sweep_is_resized_at_any_moment(open_app, rehearsed, options):
    rehearsed.ends = 3
    async with open_app(options, start=True) as app:
        await app.until(lambda: app.state.count("finished") == 3, "three finished trials")
        for key in [*"1273", "right_square_bracket", "1", "enter", "escape", "o", "escape", "slash", "escape"]:
            for size in ((40, 10), (120, 40)):
                await app.pilot.resize_terminal(*size)
                assert len(app.picture()) == size[1]
            await app.press(key)
        assert app.app_state.busy
        rehearsed.ends = 100
        await app.until(lambda: app.state.phase == "done", "the end")
        assert app.state.count("finished") == 9


FIRST_PAINT = """
import asyncio, sys
from flopsfit_tui.core.options import Options
from flopsfit_tui.core.trial import Request
from flopsfit_tui.tui.app import FlopsfitApp

loaded = []

class Painted(FlopsfitApp):
    def _display(self, screen, renderable):
        super()._display(screen, renderable)
        if screen is self.screen and not loaded:
            heavy = {"torch", "scipy", "plotext", "matplotlib", "numpy", "click", "multiprocessing"}
            own = [name for name in sys.modules if name.startswith("flopsfit_tui")]
            loaded.append((heavy & set(sys.modules), own[60:]))  # it takes 56: a screen more would take a dozen

async def paint():
    async with Painted(Options(Request("simulated"))).run_test(size=(120, 40)):
        pass

asyncio.run(paint())
sys.exit(str(loaded) if loaded != [(set(), [])] else 0)
"""


def test_the_first_paint_loads_neither_torch_nor_numpy_nor_what_only_other_screens_need(pictures):
    done = subprocess.run([sys.executable, "-X", "importtime", "-c", FIRST_PAINT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "textual.screen" in done.stderr
