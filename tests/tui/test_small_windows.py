"""In a window of 40 x 12 everything can be read and reached."""

from textual.widgets import Button

from flopsfit_tui.tui.start.screen import StartScreen

SMALL = (40, 12)


async def test_a_sweep_in_a_small_window(open_app, rehearsed, options):
    rehearsed.ends = 8
    async with open_app(options, start=True, size=SMALL) as app:
        await app.until(lambda: app.state.count("finished") == 8 and app.state.count("running"), "eight trials")
        await app.until(lambda: app.app_state.fitted and len(app.app_state.fitted.isoflop) == 3, "the fit")
        for panel, name in enumerate(("Points", "Trials", "IsoFLOP", "Loss", "Scaling", "Residuals", "Log"), start=1):
            await app.press(str(panel))
            first, *others = app.picture()
            assert f"{panel} {name}" in first
            assert "7" in first
            assert "▶" in first  # what goes on, in the place of the title
            assert not any("too small" in line for line in others)
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
