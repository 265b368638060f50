"""A plot on a stream: in the colours that its terminal has, or as plain text where there is none."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from itertools import zip_longest
from typing import Literal, TextIO

from flopsfit_tui.core.text import printable
from flopsfit_tui.report.answer.analysis import Analysis
from flopsfit_tui.report.plots.palette import DARK, LIGHT, Color, Palette
from flopsfit_tui.report.plots.series import isoflop_series
from flopsfit_tui.report.plots.terminal import isoflop_plot
from flopsfit_tui.report.plots.viewport import PLAIN, View

Draw = Callable[[int, int, Palette, View], str]
Colors = Literal["none", "16", "256", "every"]

WIDTH, HEIGHT = 100, 30  # where no terminal says how large it is; the most lines on one
OWN: Color = (255, 255, 255)  # printed as the terminal's own foreground
ANY_BACKGROUND = replace(  # colours that are read on black and on white
    LIGHT, background=(128, 128, 128), foreground=OWN, muted=(125, 130, 138), minimum=OWN
)
_COLOR = re.compile(r"\x1b\[38;2;(\d+);(\d+);(\d+)m")
_ANY_SEQUENCE = re.compile(r"\x1b\[[0-9;]*m")
_SIXTEEN: tuple[Color, ...] = (
    (0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0), (0, 0, 238), (205, 0, 205), (0, 205, 205), (229, 229, 229),
    (127, 127, 127), (255, 0, 0), (0, 255, 0), (255, 255, 0), (92, 92, 255), (255, 0, 255), (0, 255, 255),
    (255, 255, 255),
)  # fmt: skip
_STEPS = (0, 95, 135, 175, 215, 255)  # of each primary in the cube of 256 colours
_GREYS = range(8, 248, 10)


def print_plot(draw: Draw, stream: TextIO, width: int | None = None, height: int | None = None) -> None:
    """Draw for a stream and write it there.

    width, height: in characters; None takes the terminal's, or 100 x 30 where there is none. Raises ValueError, one
    sentence, where there is nothing to draw.
    """
    columns, lines = terminal_size(stream)
    text = draw(width or columns, height or lines, palette_for(os.environ), PLAIN)
    if "\n" not in text:
        raise ValueError(text)
    stream.write(recolored(_printable(text), colors_of(stream, os.environ)) + "\n")
    stream.flush()


def _printable(plot: str) -> str:
    """A plot in which nothing but its colours is obeyed by a terminal: labels may be anybody's."""
    colors = _ANY_SEQUENCE.findall(plot)
    texts = map(printable, _ANY_SEQUENCE.split(plot))
    return "".join(text + color for text, color in zip_longest(texts, colors, fillvalue=""))


def print_isoflop(analysis: Analysis, stream: TextIO) -> None:
    """The IsoFLOP plot of runs that have a point, or the sentence why it cannot be drawn."""
    if analysis.points:
        try:
            print_plot(partial(isoflop_plot, isoflop_series(analysis)), stream)
        except ValueError as error:
            print(printable(str(error)), file=stream)


def terminal_size(stream: TextIO) -> tuple[int, int]:
    """Columns, and lines that leave the prompt in sight."""
    try:
        size = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        return WIDTH, HEIGHT
    return (size.columns or WIDTH), min(HEIGHT, max(7, size.lines - 2)) if size.lines else HEIGHT


def colors_of(stream: TextIO, environ: Mapping[str, str]) -> Colors:
    """How many colours a stream shows: none in a pipe, where NO_COLOR is set, on a dumb terminal."""
    terminal = environ.get("TERM", "")
    if environ.get("NO_COLOR") or not stream.isatty() or terminal in ("", "dumb"):
        return "none"
    if environ.get("COLORTERM", "") in ("truecolor", "24bit"):
        return "every"
    return "256" if "256color" in terminal else "16"


def palette_for(environ: Mapping[str, str]) -> Palette:
    """For the background that COLORFGBG names (some terminals set it to "15;0"), else for any."""
    background = environ.get("COLORFGBG", "").rpartition(";")[2]
    if not background.isdecimal():
        return ANY_BACKGROUND
    return LIGHT if int(background) in (7, 15) else DARK


def recolored(text: str, colors: Colors) -> str:
    """The same plot in fewer colours; without any there is no trailing space either."""
    if colors == "none":
        return "\n".join(line.rstrip() for line in _ANY_SEQUENCE.sub("", text).split("\n"))
    return _COLOR.sub(lambda found: _sequence((int(found[1]), int(found[2]), int(found[3])), colors), text)


@lru_cache(maxsize=1024)
def _sequence(color: Color, colors: Colors) -> str:
    if color == OWN:
        return "\x1b[39m"
    if colors == "16":
        number = min(range(16), key=lambda i: _distance(_SIXTEEN[i], color))
        return f"\x1b[{30 + number if number < 8 else 82 + number}m"
    if colors == "256":
        return f"\x1b[38;5;{_nearest_of_256(color)}m"
    return "\x1b[38;2;{};{};{}m".format(*color)


def _nearest_of_256(color: Color) -> int:
    red, green, blue = (min(range(6), key=lambda i: abs(_STEPS[i] - part)) for part in color)
    cube = 16 + 36 * red + 6 * green + blue, (_STEPS[red], _STEPS[green], _STEPS[blue])
    grey = min(_GREYS, key=lambda level: abs(level - sum(color) / 3))
    return min([cube, (232 + (grey - 8) // 10, (grey,) * 3)], key=lambda found: _distance(found[1], color))[0]


def _distance(a: tuple[int, ...], b: Color) -> int:
    return sum((x - y) ** 2 for x, y in zip(a, b, strict=True))
