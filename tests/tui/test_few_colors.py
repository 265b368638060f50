"""Terminals of 256 colours, of 16, and of none: what the app draws is still told apart."""

from __future__ import annotations

import pytest
from rich.color import Color, ColorSystem

from flopsfit_tui.report.plots.palette import DARK, LIGHT
from flopsfit_tui.tui.theme import FEW_COLORS, LIGHT_OF_FEW, THEMES, palette_of, reduced
from flopsfit_tui.tui.widgets.table import Table

SYSTEMS = {"256": ColorSystem.EIGHT_BIT, "standard": ColorSystem.STANDARD}


def shown(color, system):
    """The number of the colour that a terminal shows in a colour's place."""
    parsed = Color.parse(color) if isinstance(color, str) else Color.from_rgb(*color)
    return parsed.downgrade(SYSTEMS[system]).number


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_surfaces_are_grey_in_256_colours(theme):
    theme = reduced(theme, "256")
    numbers = [shown(color, "256") for color in (theme.background, theme.surface, theme.panel)]
    assert all(number in (16, 231) or number >= 232 for number in numbers), numbers
    assert len(set(numbers)) == 3


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(("name", "palette"), [("flopsfit-dark", DARK), ("flopsfit-light", LIGHT_OF_FEW)])
def test_nothing_is_drawn_in_the_colour_of_the_background(name, palette, system):
    background = shown(reduced(THEMES[name], system).background, system)
    colors = [palette.foreground, palette.muted, palette.faint, palette.live, palette.good, palette.warn, palette.bad]
    for color in [*colors, *palette.series, palette.minimum]:
        assert shown(color, system) != background, color


def test_text_and_what_stands_back_differ_in_16_colours():
    for palette in (DARK, LIGHT_OF_FEW):
        assert shown(palette.foreground, "standard") != shown(palette.faint, "standard")
    assert shown(LIGHT_OF_FEW.foreground, "standard") == 0


def test_with_every_colour_the_themes_are_what_they_are():
    for theme in THEMES.values():
        assert reduced(theme, "truecolor") == theme
        assert reduced(theme, None) == theme


async def test_the_light_palette_of_few_colours_is_used_there(open_app, rehearsed, options):
    async with open_app(options) as app:
        app.app.theme = "flopsfit-light"
        assert palette_of(app.app) == LIGHT
        app.app.add_class(FEW_COLORS)
        assert palette_of(app.app) == LIGHT_OF_FEW


@pytest.mark.parametrize("few", ["NO_COLOR", FEW_COLORS, ""])
async def test_the_cursor_is_seen_without_its_shade(open_app, rehearsed, options, few, monkeypatch):
    if few == "NO_COLOR":
        monkeypatch.setenv("NO_COLOR", "1")
    async with open_app(options, start=True) as app:
        app.app.set_class(few == FEW_COLORS, FEW_COLORS)
        await app.ended()
        await app.press("escape")
        grid = app.app.screen.focused
        assert isinstance(grid, Table)
        await app.pilot.pause()
        assert bool(grid._cursor_style().reverse) == bool(few)
