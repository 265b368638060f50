"""Draw every screen at every size in both themes, to be looked at: `python screenshots/tour.py DIR [--only NAME...]`.

The sweeps are made up (`tests/tui/staged.py`), so that every state is there at once and nothing is trained. DIR gets a
PNG a screen, size and theme, and contact sheets of each size. Needs cairosvg and Pillow.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from dots import draw_dots, place_characters
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "tui"))

from staged import STAGES, follow_stage, plan
from waiting import plots_drawn

from flopsfit_tui.cli import main as command_line
from flopsfit_tui.conduct import PlannedSweep, PreparedSweep
from flopsfit_tui.core.options import Options
from flopsfit_tui.core.trial import Outcome, Request
from flopsfit_tui.plan.estimate import Estimate
from flopsfit_tui.report.answer.analysis import OptimumRow
from flopsfit_tui.tui.app import FlopsfitApp
from flopsfit_tui.tui.recent import screen as recent_screen
from flopsfit_tui.tui.recent.compare import CompareScreen
from flopsfit_tui.tui.recent.find import Recent
from flopsfit_tui.tui.session import follow_thread, session
from flopsfit_tui.tui.session.messages import Estimated, Linked, Planned, Rejected
from flopsfit_tui.tui.settings.config import Config

SIZES = ((40, 12), (60, 15), (80, 24), (120, 40), (200, 60))
THEMES = ("flopsfit-dark", "flopsfit-light")
CELL = 8  # pixels a column in the pictures
SHEET = 1950, 1550  # pixels of a contact sheet: what can be read at once
DIRECTORY = Path("/home/me/.local/share/flopsfit-tui/sweeps/gpt-bytes-1f2e3d")
SYNTAX = """mine.py, line 9: SyntaxError: '(' was never closed
    return nn.Sequential(nn.Linear(64, width), nn.ReLU()
                        ^"""
RAISES = """mine.py, line 4: ModuleNotFoundError: No module named 'einops'
  File "/home/me/mine.py", line 4, in <module>
    from einops import rearrange"""
FAILED = ["2", "exclamation_mark", "enter"]


@dataclass(frozen=True)
class Shot:
    """A state of a sweep, and the keys that lead to a screen from there; `set_up` changes the app before them."""

    stage: str
    keys: Sequence[str] = ()
    set_up: Callable[[FlopsfitApp], object] = lambda _app: None


def _watched(app: FlopsfitApp) -> None:
    app.app_state.reading = True
    app.session.apply(Linked(True, ""))


def _read_only(app: FlopsfitApp) -> None:
    app.app_state.reading = app.app_state.read_only = True
    app.app_state.no_control = "it was opened with --read-only"


def _broken(app: FlopsfitApp) -> None:
    app.app_state.traceback = "".join(f'  File "module_{i}.py", line {i}, in work\n' for i in range(30)) + "OSError: no"
    app._changed(app.session, "broke")


def _compared(app: FlopsfitApp) -> None:
    app.push_screen(CompareScreen(sorted(Path(os.environ["TOUR_SWEEPS"]).iterdir())))


def _rejected(**what: Any) -> Callable[[FlopsfitApp], None]:
    def rejected(app: FlopsfitApp) -> None:
        app.app_state.reset(app.app_state.options)
        app.session.apply(Rejected(app.app_state.options, **what))

    return rejected


SHOTS = {
    "start": Shot("start"),
    "start-field": Shot("start", ["tab"]),
    "start-refused": Shot("start", ["tab", *"1e10..x"]),
    "start-huge": Shot("start", ["tab", *"1e10..1e12:50000"]),
    "start-typed": Shot("start", ["tab", *"1e10,2e10,3e10,4e10,5e10,6e10,7e10,8e10,9e10,1e11", "escape"]),
    "start-syntax": Shot("start", set_up=_rejected(sentence=SYNTAX)),
    "start-raises": Shot("start", set_up=_rejected(sentence=RAISES)),
    "start-planning": Shot("planning"),
    "start-pricing": Shot("pricing"),
    "start-other": Shot("start", ["down", "down"]),
    "start-help": Shot("start", ["f1"]),
    "start-question": Shot(
        "start",
        set_up=_rejected(
            sentence="the sweep in ~/sweeps/a differs: the learning rate was 0.016, and is 0.02", earlier_differs=True
        ),
    ),
    "start-watch": Shot(
        "start",
        set_up=_rejected(
            sentence="process 4711 on node-17 sweeps in ~/sweeps/a since 3 min; a sweep has one writer",
            runs_in=DIRECTORY,
        ),
    ),
    "recent": Shot("start", ["r"]),
    "recent-marked": Shot("start", ["r", "space", "space"]),
    "recent-delete": Shot("start", ["r", "d"]),
    "compare": Shot("done", set_up=_compared),
    "empty": Shot("empty"),
    "points": Shot("running"),
    "trials": Shot("running", ["2"]),
    "isoflop": Shot("running", ["3"]),
    "loss": Shot("running", ["4"]),
    "scaling": Shot("running", ["5"]),
    "residuals": Shot("running", ["6"]),
    "log": Shot("failures", ["7"]),
    "almost": Shot("almost"),
    "repeated": Shot("repeated", ["2"]),
    "isoflop-read": Shot("done", ["3", *["right_parenthesis"] * 4]),
    "loss-read": Shot("done", ["4", *["right_parenthesis"] * 9]),
    "scaling-read": Shot("done", ["5", *["right_parenthesis"] * 3]),
    "residuals-read": Shot("done", ["6", *["right_parenthesis"] * 3]),
    "scaling-axes": Shot("done", ["5", "z", "a", "a"]),
    "isoflop-done": Shot("done", ["3", "z", "right_parenthesis", "right_parenthesis"]),
    "scaling-done": Shot("done", ["5", "z"]),
    "failures": Shot("failures", ["2", "exclamation_mark"]),
    "watched": Shot("running", set_up=_watched),
    "read-only": Shot("running", set_up=_read_only),
    "many": Shot("many"),
    "hostile": Shot("hostile", ["2"]),
    "trial-running": Shot("running", ["2", "R", "enter", "left", "left"]),
    "trial-finished": Shot("running", ["enter"]),
    "trial-failed": Shot("failures", FAILED),
    "trial-printed": Shot("repeated", ["2", *["exclamation_mark"] * 4, "enter", "pagedown"]),
    "trial-whole": Shot("failures", [*FAILED, "v"]),
    "question-quit": Shot("running", ["q"]),
    "question-stop": Shot("running", ["x"]),
    "question-propose": Shot("done", ["m"]),
    "prompt-filter": Shot("failures", ["slash", *"failed bud>1"]),
    "prompt-filter-wrong": Shot("failures", ["slash", *"fialed"]),
    "prompt-target": Shot("done", ["t"]),
    "prompt-leave-out": Shot("done", ["D"]),
    "prompt-find": Shot("failures", ["7", "slash", *"CUDA"]),
    "help": Shot("running", ["question_mark"]),
    "help-searched": Shot("running", ["question_mark", "slash", *"trial"]),
    "help-of-trial": Shot("running", ["enter", "question_mark"]),
    "palette": Shot("running", ["ctrl+p"]),
    "palette-searched": Shot("running", ["ctrl+p", *"trial"]),
    "warnings": Shot("failures", ["w"]),
    "broken": Shot("running", set_up=_broken),
    "warnings-repeated": Shot("repeated", ["w"]),
    "notice-why": Shot("running", ["2", "G", "r"]),
    "notice": Shot("running", ["2", "G", "n"]),
    "result": Shot("done", ["o"]),
    "result-early": Shot("running", ["o"]),
    "result-asked": Shot("done", ["o", "t", *"1e15"]),
    "result-wrong": Shot("done", ["o", "t", *"many"]),
}


def _open_start(stage: str) -> Callable[[session.Session], None]:
    made, before = plan(), {}
    if stage == "start":
        before = {trial.key: Outcome("finished") for trial in made.trials[:4]}
    mfu = {trial.key: 0.06 + trial.size / 200 for trial in made.trials}
    cost = Estimate({trial.key: 266 / 16 for trial in made.trials}, 299.0, 2**30, 2, "cpu", mfu)

    def opened(session: session.Session) -> None:
        options = session.app_state.options
        if stage != "planning":
            session.apply(Planned(options, PlannedSweep(made, DIRECTORY, before)))
        if stage == "start":
            session.apply(Estimated(options, PreparedSweep(made, DIRECTORY, before, cost)))

    return opened


def _find_recent(report: Callable[[Recent], object]) -> None:
    made = plan()
    best = OptimumRow(2.4e12, "extrapolated", 194e3, 185e3, 203e3, 2e6, 10, 1.9, 1.8, 2.0, 68, "law")
    for name, finished, failed, running in (("a", 35, 0, None), ("b", 12, 0, 77), ("c", 30, 5, None)):
        report(Recent(DIRECTORY / name, made, finished, failed, time.time() - 4000 * finished, running, best))


async def draw(name: str, size: tuple[int, int], theme: str) -> Image.Image:
    """One screen, once everything on it is drawn."""
    shot = SHOTS[name]
    os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp()  # no view that was kept
    at_start = shot.stage not in STAGES
    reading = None if at_start else DIRECTORY
    with (
        patch.object(session.Session, "open", _open_start(shot.stage))
        if at_start
        else patch.object(follow_thread, "follow_sweep", follow_stage(shot.stage)),
        patch.object(session.Session, "export", lambda _session: None),
        patch.object(recent_screen, "find_recent", _find_recent),
    ):
        app = FlopsfitApp(Options(Request("gpt-bytes"), out=DIRECTORY), reading=reading, config=Config(theme=theme))
        async with app.run_test(size=size, notifications=True) as pilot:
            if not at_start:
                fitted = lambda: app.app_state.fitted or shot.stage == "empty"  # noqa: E731
                while app.app_state.plan is None or not fitted() or app.session._fitting:
                    await pilot.pause(0.02)
                app.app_state.reading = False  # with the keys of a sweep that runs here
                app.screen.redraw()
                await pilot.pause()
            shot.set_up(app)
            await pilot.pause()
            if isinstance(app.screen, CompareScreen):
                while "B/A" not in str(app.screen.query_one("#compare-text").content):
                    await pilot.pause(0.05)
            await pilot.press(*shot.keys)
            await pilot.pause(0.6 if at_start and shot.keys else 0.3)
            try:
                await plots_drawn(app, pilot, 8)
            except AssertionError:
                print(f"{name} at {size[0]}x{size[1]}: a plot was never drawn")
            if not name.startswith(("notice", "question")):
                app.clear_notifications()
                await pilot.pause(0.1)
            return picture(app.export_screenshot(), size)


def picture(svg: str, size: tuple[int, int]) -> Image.Image:
    """What is on the screen, without Textual's window around it."""
    import cairosvg

    plain = place_characters(draw_dots(svg)).replace("Fira Code", "DejaVu Sans Mono")
    whole = cairosvg.svg2png(bytestring=plain.encode(), output_width=round(CELL * (size[0] + 18 / 12.2)))
    image = Image.open(io.BytesIO(whole)).convert("RGB")
    scale = CELL / 12.2
    left, top = round(9 * scale), round(41 * scale)
    return image.crop((left, top, left + CELL * size[0], top + round(24.4 * scale * size[1])))


def sheets(directory: Path, size: tuple[int, int], theme: str, names: Sequence[str]) -> None:
    """Pictures of one size beside each other, in the order of the names."""
    images = [Image.open(directory / file_name(name, size, theme)) for name in names]
    width, height = images[0].size
    columns = max(1, SHEET[0] // (width + 8))
    rows = max(1, SHEET[1] // (height + 8))
    for number, first in enumerate(range(0, len(images), columns * rows)):
        some = images[first : first + columns * rows]
        used = -(-len(some) // columns)
        sheet = Image.new("RGB", (columns * (width + 8), used * (height + 8)), "#7f3fbf")
        for i, image in enumerate(some):
            sheet.paste(image, (i % columns * (width + 8) + 4, i // columns * (height + 8) + 4))
        sheet.save(directory / f"sheet-{size[0]}x{size[1]}-{theme[9:]}-{number}.png")


def file_name(name: str, size: tuple[int, int], theme: str) -> str:
    return f"{name}-{size[0]}x{size[1]}-{theme[9:]}.png"


def main() -> None:
    """Draw what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--only", nargs="*", default=list(SHOTS), choices=list(SHOTS), metavar="NAME")
    parser.add_argument("--sizes", nargs="*", default=["x".join(map(str, size)) for size in SIZES])
    parser.add_argument("--themes", nargs="*", default=list(THEMES))
    arguments = parser.parse_args()
    arguments.directory.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp())
    os.environ["TOUR_SWEEPS"] = str(scratch / "sweeps")
    if "compare" in arguments.only:
        for letter, count in (("a", 4), ("b", 5)):
            command = ["run", "simulated", "--no-ui", "--executor", "thread", "--budgets", f"1e18..1e20:{count}"]
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                command_line([*command, "--out", str(scratch / "sweeps" / letter)])
    for text in arguments.sizes:
        across, down = map(int, text.split("x"))
        for theme in arguments.themes:
            for name in arguments.only:
                image = asyncio.run(draw(name, (across, down), theme))
                image.save(arguments.directory / file_name(name, (across, down), theme))
            sheets(arguments.directory, (across, down), theme, arguments.only)
            print(text, theme, flush=True)


if __name__ == "__main__":
    main()
