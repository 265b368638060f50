"""What of a plot is in sight: a part of its whole range, so that the view stays where it is while the data grow."""

from __future__ import annotations

from dataclasses import dataclass

Range = tuple[float, float]
SMALLEST, LARGEST = 1e-4, 8.0  # of the whole range


@dataclass(frozen=True)
class Viewport:
    """Fractions of the whole range; beyond 0 and 1 lies empty space."""

    left: float = 0.0
    right: float = 1.0
    bottom: float = 0.0
    top: float = 1.0

    def zoomed(self, times: float, x: float = 0.5, y: float = 0.5) -> Viewport:
        """`times` nearer, about a place in sight given as fractions of it; unchanged at the limits."""
        wide, tall = (self.right - self.left) / times, (self.top - self.bottom) / times
        if not (SMALLEST <= wide <= LARGEST and SMALLEST <= tall <= LARGEST):
            return self
        left = self.left + x * (self.right - self.left - wide)
        bottom = self.bottom + y * (self.top - self.bottom - tall)
        return Viewport(left, left + wide, bottom, bottom + tall)

    def moved(self, x: float, y: float) -> Viewport:
        """To the right and y_range, by fractions of what is in sight; something of the whole stays in sight."""
        wide, tall = self.right - self.left, self.top - self.bottom
        left = min(max(self.left + x * wide, -0.9 * wide), 1 - 0.1 * wide)
        bottom = min(max(self.bottom + y * tall, -0.9 * tall), 1 - 0.1 * tall)
        return Viewport(left, left + wide, bottom, bottom + tall)

    def x_range(self, whole: Range) -> Range:
        """The part of an x range in sight."""
        return _part(whole, self.left, self.right)

    def y_range(self, whole: Range) -> Range:
        """The part of a y range in sight."""
        return _part(whole, self.bottom, self.top)


WHOLE = Viewport()


@dataclass(frozen=True)
class View:
    """How the user looks at a plot."""

    viewport: Viewport = WHOLE
    flip_x_scale: bool = False  # linear where the plot is log by itself, log where it is linear
    flip_y_scale: bool = False
    smoothing: float = 0.0  # of training losses, 0 to 1: the weight of what came before
    cursor: float | None = None  # along the curve, 0 to 1
    spot: int | None = None  # which of the plot's places is read, by x
    pointer: tuple[float, float] | None = None  # the place that the mouse has chosen, as fractions from the lower left


PLAIN = View()


def _part(whole: Range, low: float, high: float) -> Range:
    span = whole[1] - whole[0]
    return whole[0] + low * span, whole[0] + high * span
