"""Draw the README's screens, by driving the real app through a real sweep: `python screenshots/draw.py DIR`.

DIR is the sweep's directory; what is finished there is not trained again. Needs cairosvg for the PNG files.
Every screen at every size is drawn by `tour.py`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dots import draw_dots, place_characters

from flopsfit_tui.core.options import Options
from flopsfit_tui.core.trial import Request
from flopsfit_tui.core.units import parse_numbers
from flopsfit_tui.tui.app import FlopsfitApp
from flopsfit_tui.tui.settings.config import Config
from flopsfit_tui.tui.widgets.plot_view import PlotView

SHOTS = {  # of the finished sweep: a name, and the keys that lead there from the screen before
    "scaling": ["5", "z"],
    "log": ["z", "7"],
    "trial": ["1", "enter", *["left"] * 12],
    "help": ["escape", "question_mark"],
    "filter": ["escape", "slash", *"d_model>=28"],
    "answer": ["escape", "o", "t", *"1e15"],
}


async def sweep_and_draw(options: Options, to: Path) -> None:
    """The start screen, the middle of a sweep, a question, the optimum."""
    os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp()
    app = FlopsfitApp(options)
    async with app.run_test(size=(140, 42)) as pilot:
        app_state = app.app_state
        await until(pilot, lambda: app_state.stage == "ready")
        await save(app, pilot, to / "start")
        await pilot.press("enter")
        await until(pilot, lambda: app_state.state.phase == "running")
        await until(pilot, lambda: app_state.state.count("pending") <= 4 or app_state.stage == "ended")
        await until(pilot, lambda: all(t.step for t in app_state.state.trials.values() if t.status == "running"))
        await pilot.pause(0.6)
        await save(app, pilot, to / "sweep")
        await until(pilot, lambda: app_state.stage == "ended")
        await pilot.pause(0.5)
        await save(app, pilot, to / "optimum")


async def open_and_draw(
    options: Options, to: Path, size: tuple[int, int], shots: dict[str, list[str]], theme: str = "flopsfit-dark"
) -> None:
    """The finished sweep, another size or theme."""
    os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp()  # no view that was kept
    app = FlopsfitApp(options, reading=options.out, config=Config(theme=theme))
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.app_state.stage == "ended" and app.app_state.fitted is not None)
        for name, keys in shots.items():
            await pilot.press(*keys)
            await pilot.pause(0.7)
            await save(app, pilot, to / name)


async def until(pilot: Any, condition: Callable[[], bool]) -> None:
    """Wait, for as long as it takes to train."""
    while not condition():
        assert not pilot.app.app_state.problem, pilot.app.app_state.problem
        await pilot.pause(0.05)
    await pilot.pause()


async def save(app: FlopsfitApp, pilot: Any, path: Path) -> None:
    """One screen as SVG and PNG, once its plots are drawn."""
    import cairosvg

    await until(pilot, lambda: all(plot.up_to_date for plot in app.screen.query(PlotView) if plot.is_on_screen))

    svg = draw_dots(app.export_screenshot())
    path.with_suffix(".svg").write_text(svg)
    plain = place_characters(svg).replace("Fira Code", "DejaVu Sans Mono")
    cairosvg.svg2png(bytestring=plain.encode(), write_to=str(path.with_suffix(".png")))
    print(path.with_suffix(".svg"), flush=True)


def main() -> None:
    """Sweep, then open what was swept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--budgets", type=lambda text: parse_numbers(text, "budget"))
    parser.add_argument("--workload", default="gpt-bytes")
    parser.add_argument("--to", type=Path, default=Path(__file__).parent, help="where the pictures go")
    arguments = parser.parse_args()
    to = arguments.to
    to.mkdir(parents=True, exist_ok=True)
    options = Options(Request(arguments.workload, arguments.budgets), out=arguments.directory)
    asyncio.run(sweep_and_draw(options, to))
    asyncio.run(open_and_draw(options, to, (80, 24), {"narrow": [], "narrow-optimum": ["o"]}))
    asyncio.run(open_and_draw(options, to, (140, 42), {"light": []}, theme="flopsfit-light"))
    asyncio.run(open_and_draw(options, to, (200, 60), {"large": ["7"]}))
    asyncio.run(open_and_draw(options, to, (140, 42), SHOTS))


if __name__ == "__main__":
    main()
