"""In a window of 40 x 12 everything can be read and reached."""

from dataclasses import replace

from textual.widgets import Button

from flopsfit_tui.core.trial import Request
from flopsfit_tui.tui.start.screen import StartScreen

SMALL = (40, 12)


async def test_a_sweep_in_a_small_window(open_app, rehearsed, options):
    rehearsed.ends = 8
    async with open_app(options, start=True, size=SMALL) as app:
        await app.until(lambda: app.state.count("finished") == 8 and app.state.count("running"), "eight trials")
        await app.until(lambda: app.app_state.fitted and len(app.app_state.fitted.isoflop) == 3, "the fit")
        for panel, name in enumerate(("Points", "Trials", "IsoFLOP", "Loss", "Scaling", "Residuals", "Log"), start=1):
            await app.press(str(panel))
            await app.until(lambda: not any("too small" in line for line in app.picture()), "room for the panel")
            first, *_ = app.picture()
            assert f"{panel} {name}" in first
            assert "7" in first
            assert "▶" in first  # what goes on, in the place of the title
        await app.press("2", "home", "enter")
        lines = app.picture()
        assert any("training loss" in line for line in lines)
        assert any("┤" in line or "└" in line for line in lines)  # the curve, without scrolling
        await app.press("pagedown")
        assert any("batch" in line for line in app.picture())
        await app.press("escape", "q")
        for button in app.app.screen.query(Button):
            assert any(str(button.label) in line for line in app.picture()), button.label
        await app.press("n")


async def test_the_fields_in_a_small_window(open_app, rehearsed, options):
    async with open_app(options, size=SMALL) as app:
        await app.ready()
        assert isinstance(app.app.screen, StartScreen)
        assert any("9 trials" in line for line in app.picture())  # what it costs comes first
        for name in ("budgets", "sizes", "points", "seeds", "until", "workers", "device"):
            await app.press("tab")
            assert app.app.screen.focused.id == f"field-{name}"
            assert any(f"{name} " in line for line in app.picture())


async def test_why_there_is_no_plan_is_in_sight(open_app, rehearsed, options, tmp_path):
    broken = tmp_path / "mine.py"
    broken.write_text(
        "import flopsfit_tui\n\nworkload = flopsfit_tui.Workload(name='a very long name of it', units=('x'\n"
    )
    async with open_app(replace(options, request=Request(str(broken))), size=SMALL) as app:
        await app.ready()
        text = "\n".join(app.picture())
        assert "SyntaxError" in text
        assert "was never closed" in " ".join(text.split())
        assert "^" not in text  # the line is broken in two: the mark would stand below something else
        await app.press("tab", *"1x")
        await app.until(lambda: "budget '1x'" in app.text("#problem"), "the sentence")
        await app.pilot.pause()
        assert any("budget '1x'" in line for line in app.picture())
        assert any("budgets " in line for line in app.picture())


async def test_a_question_leaves_room_to_answer(open_app, rehearsed, options):
    async with open_app(options, start=True, size=SMALL) as app:
        await app.ended()
        await app.press("escape", "D", *"it jumped")
        assert any("why leave out" in line and "it jumped" in line for line in app.picture())
        await app.press("escape")


async def test_every_answer_of_a_question_is_in_sight(open_app, rehearsed, options):
    rehearsed.ends = 0
    async with open_app(options, start=True, size=SMALL) as app:
        await app.until(lambda: app.state.count("running") == 2, "two trials")
        await app.press("x")
        for size in (SMALL, (60, 15), (80, 24), (200, 60)):
            await app.pilot.resize_terminal(*size)
            await app.pilot.pause()
            await app.drawn()
            assert sum(any(str(b.label) in line for line in app.picture()) for b in app.app.screen.query(Button)) == 2
