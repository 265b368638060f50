"""How the app looks: a dark and a light theme, and the plots' palette that belongs to each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rich.style import Style
from rich.text import Text
from textual.app import App
from textual.theme import Theme

from flopsfit_tui.report.plots.palette import DARK, LIGHT, Color, Palette

if TYPE_CHECKING:
    from flopsfit_tui.core.trial import Status

STATUS_GLYPHS: dict[Status, str] = {"pending": "·", "running": "▶", "finished": "✓", "failed": "✗", "skipped": "»"}

NOT_FITTED = "∅"  # a trial that has ended and is kept out of the fit
PROPOSED = "◇"  # a point that is proposed


def _hex(color: Color) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)


def _theme(name: str, palette: Palette, dark: bool, surface: str, panel: str) -> Theme:
    return Theme(
        name=name,
        dark=dark,
        primary=_hex(palette.live),
        secondary=_hex(palette.series[1]),
        accent=_hex(palette.series[3]),
        foreground=_hex(palette.foreground),
        background=_hex(palette.background),
        surface=surface,
        panel=panel,
        success=_hex(palette.good),
        warning=_hex(palette.warn),
        error=_hex(palette.bad),
        variables={
            "border": _hex(palette.faint),
            "border-blurred": _hex(palette.faint),
            "footer-background": panel,
            "footer-key-foreground": _hex(palette.live),
            "footer-description-foreground": _hex(palette.muted),
            "footer-item-background": panel,
            "muted": _hex(palette.muted),
            "faint": _hex(palette.faint),
            "scrollbar": _hex(palette.faint),
            "scrollbar-background": _hex(palette.background),
            "scrollbar-corner-color": _hex(palette.background),
            "scrollbar-hover": _hex(palette.muted),
            "scrollbar-active": _hex(palette.live),
            "scrollbar-background-hover": _hex(palette.background),
            "scrollbar-background-active": _hex(palette.background),
        },
    )


THEMES = {
    "flopsfit-dark": _theme("flopsfit-dark", DARK, True, "#161c27", "#1b2230"),
    "flopsfit-light": _theme("flopsfit-light", LIGHT, False, "#f2f0ea", "#e9e6de"),
}


def begin_with_theme(app: App[Any], name: str) -> None:
    """The theme of an app that does not run yet.

    Assigning it would have every rule parsed twice before the first paint: once with the variables of Textual's own.
    """
    for theme in THEMES.values():
        app.register_theme(theme)
    app.set_reactive(App.theme, name)
    theme = app.current_theme
    own = {of: False for of in app.classes if of.startswith("-theme-")} | {f"-theme-{name}": True}
    app.update_classes({**own, "-dark-mode": theme.dark, "-light-mode": not theme.dark}, update=False)
    app.stylesheet.set_variables(app.get_css_variables())


FEW_COLORS = "-few-colors"  # the app's class on a terminal of sixteen
LIGHT_OF_FEW = replace(LIGHT, foreground=(0, 0, 0))  # its own would become the grey of `muted`


def reduced(theme: Theme, system: str | None) -> Theme:
    """The theme for a terminal of 16 or 256 colours, as rich names them; any other has every colour."""
    if system == "256":
        return _with_grey_surfaces(theme)
    if system in ("standard", "windows") and not theme.dark:
        return replace(theme, foreground=_hex(LIGHT_OF_FEW.foreground))
    return theme


def _with_grey_surfaces(theme: Theme) -> Theme:
    """Among 256 colours the only blue near to a panel's is far too blue."""
    background, surface, panel = ("#121212", "#1c1c1c", "#262626") if theme.dark else ("#ffffff", "#eeeeee", "#e4e4e4")
    variables = {
        name: background if value == theme.background else panel if value == theme.panel else value
        for name, value in theme.variables.items()
    }
    return replace(theme, background=background, surface=surface, panel=panel, variables=variables)


def palette_of(app: App[Any]) -> Palette:
    """The plots' colours under the app's present theme."""
    if app.current_theme.dark:
        return DARK
    return LIGHT_OF_FEW if app.has_class(FEW_COLORS) else LIGHT


def style(color: Color, bold: bool = False) -> Style:
    """A rich style in a palette's colour."""
    return Style.from_color(_rich(color)) + Style(bold=bold) if bold else Style.from_color(_rich(color))


def _rich(color: Color) -> Any:
    from rich.color import Color as RichColor

    return RichColor.from_rgb(*color)


def status_color(status: Status, palette: Palette) -> Color:
    colors: dict[Status, Color] = {
        "pending": palette.muted,
        "running": palette.live,
        "finished": palette.good,
        "failed": palette.bad,
        "skipped": palette.muted,
    }
    return colors[status]


def bar(fraction: float, width: int, palette: Palette, color: Color | None = None) -> Text:
    """A progress bar of thin lines, half a character fine."""
    halves = round(max(0.0, min(1.0, fraction)) * width * 2)
    full, half = divmod(halves, 2)
    text = Text().append("━" * full + ("╸" if half else ""), style(color or palette.live))
    text.append("━" * (width - full - half), style(palette.faint))
    return text
