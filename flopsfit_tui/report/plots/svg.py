"""Plots as SVG for a page: lines and points with what they say on hover, on axes of our own ticks. No library draws it,
so that a report needs none and is the same everywhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape

from flopsfit_tui.report.plots.ticks import linear_ticks, log_ticks

WIDTH, HEIGHT = 640, 380  # of the drawing; a page scales it to its own width
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 12, 44
COLORS = ("#0072b2", "#009e73", "#b8860b", "#d55e00", "#aa4499", "#56b4e9", "#8c564b", "#888888")


@dataclass
class SvgChart:
    """Collects lines and points in the units of the data; x is a log axis, y one where asked."""

    x_title: str
    y_title: str
    x_label: Callable[[float], str]
    y_label: Callable[[float], str] | None = None  # of a log axis; a linear one is labelled by its ticks
    _lines: list[tuple[list[tuple[float, float]], str, bool]] = field(default_factory=list)
    _points: list[tuple[float, float, str, str]] = field(default_factory=list)

    def line(self, x: Sequence[float], y: Sequence[float], color: str, dashed: bool = False) -> None:
        """A polyline; what an axis cannot show is left out."""
        points = [(a, b) for a, b in zip(x, y, strict=True) if self._shown(a, b)]
        if len(points) > 1:
            self._lines.append((points, color, dashed))

    def point(self, x: float, y: float, color: str, text: str) -> None:
        """A point that says something on hover."""
        if self._shown(x, y):
            self._points.append((x, y, color, text))

    def _shown(self, x: float, y: float) -> bool:
        return math.isfinite(x) and math.isfinite(y) and x > 0 and (y > 0 or self.y_label is None)

    def text(self) -> str:
        """The SVG element; empty without points."""
        if not self._points:
            return ""
        xs = [p[0] for p in self._points] + [x for line, _, _ in self._lines for x, _ in line]
        ys = [p[1] for p in self._points] + [y for line, _, _ in self._lines for _, y in line]
        across, up = _scale(xs, True, LEFT, WIDTH - RIGHT), _scale(ys, self.y_label is not None, HEIGHT - BOTTOM, TOP)
        about = escape(f"{self.y_title} by {self.x_title}")
        parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{about}">']
        for value, label in _ticks(xs, self.x_label):
            x = across(value)
            parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
            parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{escape(label)}</text>')
        for value, label in _ticks(ys, self.y_label):
            y, kind = up(value), "zero" if value == 0 else "grid"
            parts.append(f'<line class="{kind}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{escape(label)}</text>')
        for points, color, dashed in self._lines:
            path = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in points)
            dash = ' stroke-dasharray="5 4"' if dashed else ""
            parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="1.6"{dash}/>')
        for x, y, color, said in self._points:
            circle = f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="4.5" fill="{color}">'
            parts.append(f"{circle}<title>{escape(said)}</title></circle>")
        middle = (LEFT + WIDTH - RIGHT) / 2
        parts.append(f'<text x="{middle:.0f}" y="{HEIGHT - 8}" text-anchor="middle">{escape(self.x_title)}</text>')
        parts.append(
            f'<text x="14" y="{HEIGHT / 2:.0f}" text-anchor="middle" transform="rotate(-90 14 {HEIGHT / 2:.0f})">'
            f"{escape(self.y_title)}</text></svg>"
        )
        return "".join(parts)


def _scale(values: Sequence[float], log: bool, first: float, last: float) -> Callable[[float], float]:
    """From the data's unit to the drawing's, with some air at both ends."""
    seen = [math.log10(value) for value in values] if log else list(values)
    low, high = min(seen), max(seen)
    air = 0.04 * (high - low) or 0.05 * abs(high) or 0.1
    low, high = low - air, high + air
    return lambda value: first + ((math.log10(value) if log else value) - low) / (high - low) * (last - first)


def _ticks(values: Sequence[float], label: Callable[[float], str] | None) -> list[tuple[float, str]]:
    low, high = min(values), max(values)
    if label is None:
        return linear_ticks(low, high, 6) if high > low else [(low, f"{low:.3g}")]
    return [(10**at, text) for at, text in log_ticks(low, high, 7, label)] if high > low else [(low, label(low))]
