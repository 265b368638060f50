"""Braille and lines in a Textual SVG as shapes: few fonts have braille, and lines of text do not meet."""

from __future__ import annotations

import html
import re

_TEXT = re.compile(r'<text class="([^"]*)" x="([\d.]+)" y="([\d.]+)" textLength="([\d.]+)"[^>]*>([^<]*)</text>')
_PLACES = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))  # (column, row) of each bit of U+2800
LINE_HEIGHT = 24.4  # of Textual's SVG, as is a cell's width of 12.2


def draw_dots(svg: str) -> str:
    """The same picture without braille characters."""
    colors = dict(re.findall(r"\.(terminal-[\w-]*r\d+) *\{[^}]*fill: *(#[0-9a-fA-F]{6})", svg))
    return _TEXT.sub(lambda match: _redraw(match, colors), svg)


def place_characters(svg: str) -> str:
    """The same picture for a font of another width: each character has a place of its own."""

    def placed(match: re.Match[str]) -> str:
        _, x, _, length, content = match.groups()
        count = len(html.unescape(content))
        places = " ".join(f"{float(x) + i * float(length) / count:.1f}" for i in range(count))
        return re.sub(r' textLength="[^"]*"', "", match[0]).replace(f'x="{x}"', f'x="{places}"', 1)

    return _TEXT.sub(placed, svg)


def _redraw(match: re.Match[str], colors: dict[str, str]) -> str:
    name, x, y, length, content = match.groups()
    text = html.unescape(content)
    if not any("⠀" <= c <= "⣿" for c in text):
        return match[0]
    width = float(length) / len(text)
    left, top = float(x), float(y) - 0.77 * LINE_HEIGHT
    circles = [
        f'<circle cx="{left + (i + 0.28 + 0.44 * column) * width:.1f}" '
        f'cy="{top + (0.125 + 0.25 * row) * LINE_HEIGHT:.1f}" r="1.55"/>'
        for i, character in enumerate(text)
        if "⠀" <= character <= "⣿"
        for bit, (column, row) in enumerate(_PLACES)
        if (ord(character) - 0x2800) >> bit & 1
    ]
    rest = "".join(" " if "⠀" <= c <= "⣿" else c for c in text).rstrip()
    fill = colors.get(name.split()[-1], "#888888")
    kept = match[0].replace(content, html.escape(rest).replace(" ", "&#160;")) if rest.strip() else ""
    if kept:
        kept = re.sub(r'textLength="[\d.]+"', f'textLength="{width * len(rest):.1f}"', kept)
    return f'<g fill="{fill}">{"".join(circles)}</g>{kept}'
