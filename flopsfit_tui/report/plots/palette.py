"""Colours and glyphs that mean the same everywhere: on the plots, in the tables, in every theme."""

from __future__ import annotations

from dataclasses import dataclass

Color = tuple[int, int, int]

GLYPHS = "●■▲◆▼✚◉▣"  # a budget has a shape beside its colour


@dataclass(frozen=True)
class Palette:
    """Colours on one kind of background. `series` is Okabe and Ito's, readable for the colour-blind, made to fit it."""

    background: Color
    foreground: Color
    muted: Color  # axes, captions
    faint: Color  # what is done with, guide lines
    series: tuple[Color, ...]
    minimum: Color
    live: Color  # what runs
    good: Color  # what is finished
    warn: Color
    bad: Color  # what failed

    def budget(self, index: int, count: int) -> Color:
        """The colour of budget `index` of `count`; more budgets than colours lie between them, in order."""
        if count <= len(self.series):
            return self.series[index]
        place = index / (count - 1) * (len(self.series) - 1)
        low = min(int(place), len(self.series) - 2)
        return mix(self.series[low], self.series[low + 1], place - low)

    def ramp(self, count: int) -> list[Color]:
        """The colours of `count` budgets, in order."""
        return [self.budget(i, count) for i in range(count)]

    def dim(self, color: Color) -> Color:
        """A colour stepping back behind the running ones."""
        return mix(color, self.background, 0.55)


DARK = Palette(
    background=(16, 20, 28),
    foreground=(214, 220, 230),
    muted=(125, 136, 153),
    faint=(58, 67, 82),
    series=((86, 180, 233), (0, 190, 140), (240, 228, 66), (240, 165, 30), (235, 110, 50), (214, 130, 180)),
    minimum=(255, 255, 255),
    live=(86, 180, 233),
    good=(70, 190, 140),
    warn=(240, 180, 60),
    bad=(240, 110, 90),
)
LIGHT = Palette(
    background=(250, 249, 246),
    foreground=(38, 44, 54),
    muted=(110, 117, 128),
    faint=(205, 207, 210),
    series=((0, 114, 178), (0, 135, 100), (150, 125, 0), (200, 115, 0), (190, 70, 0), (160, 70, 130)),
    minimum=(0, 0, 0),
    live=(0, 105, 170),
    good=(0, 125, 90),
    warn=(155, 105, 0),
    bad=(185, 50, 30),
)


def glyph(index: int) -> str:
    """The shape of budget `index`."""
    return GLYPHS[index % len(GLYPHS)]


def mix(a: Color, b: Color, share: float) -> Color:
    """`share` of b in a."""
    red, green, blue = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return red, green, blue
