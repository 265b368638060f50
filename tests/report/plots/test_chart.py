"""What a chart shows, character by character, and that threads do not draw into one another's."""

from __future__ import annotations

import math
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from flopsfit_tui.core.units import format_count
from flopsfit_tui.report.plots.chart import Axis, Chart
from flopsfit_tui.report.plots.palette import DARK, glyph
from flopsfit_tui.report.plots.viewport import WHOLE, Viewport

ANSI = re.compile(r"\x1b\[[0-9;]*m")
RED, BLUE = (200, 0, 0), (0, 0, 200)
LINEAR, LOG = Axis(False), Axis(True, format_count)


def chart(x=LINEAR, y=LINEAR, viewport=WHOLE, size=(60, 20)):
    return Chart(*size, DARK, x, y, viewport)


def plain(drawn):
    """The lines between the axes."""
    lines = ANSI.sub("", drawn.text("", [])).split("\n")
    assert all(len(line) == drawn.width for line in lines[1:])
    assert len(lines) == drawn.height
    edge = next(i for i, c in enumerate(lines[1]) if c in "│┤├")
    return [line[edge + 1 :] for line in lines[1:-2]]


def dots(lines):
    return sum((ord(c) - 0x2800).bit_count() for line in lines for c in line if "⠀" <= c <= "⣿")


def test_a_glyph_lies_in_the_character_of_the_line_under_it():
    for i in range(60):
        made = chart()
        at = 0.1 + i / 75
        made.line([0, at, 1], [0, at, 1], RED)
        without = plain(made)
        made.dots([at], [at], BLUE, "●")
        ((row, line),) = [(row, line) for row, line in enumerate(plain(made)) if "●" in line]
        assert without[row][line.index("●")] != " "


def test_the_later_shape_lies_on_top():
    made = chart()
    made.line([0, 1], [0, 1], RED)
    made.dots([0.5], [0.5], BLUE, "●")
    made.line([0, 1], [0.5, 0.5], BLUE)
    assert not any("●" in line for line in plain(made))
    made.dots([0.5], [0.5], RED, "★")
    assert "\x1b[38;2;200;0;0m★" in made.text("", [])


def test_the_terminals_background_shows_through():
    made = chart()
    made.line([0, 1], [0, 1], RED)
    assert "\x1b[48" not in made.text("caption", [("● 1e10", BLUE)])


def test_zooming_in_cuts_lines_where_they_leave_and_keeps_their_place():
    made = chart(viewport=Viewport(0.4999, 0.5001, 0.4999, 0.5001))
    made.line([0, 1], [0, 1], RED)
    lines = plain(made)
    assert dots(lines) > 50
    assert lines[-1].strip()[0] > "⠀"
    gone = chart(viewport=Viewport(2.0, 3.0, 2.0, 3.0))
    gone.line([0, 1], [0, 1], RED)
    gone.dots([0.5], [0.5], RED, "●")
    gone.vertical_line(0.5, RED)
    gone.horizontal_line(0.5, RED)
    assert not "".join(plain(gone)).strip()


def test_what_a_log_axis_cannot_show_is_left_out():
    made = chart(LOG, LOG)
    made.line([0, 10, 100, math.nan, 1000], [1, -1, 10, 10, 100], RED)
    made.dots([0.0, -5.0], [1.0, 1.0], RED, "●")
    lines = plain(made)
    assert not any("●" in line for line in lines)
    assert dots(lines) > 10
    assert chart(LOG, LOG).empty


def test_a_cursors_line_and_its_glyph_share_a_column():
    for at in (0.11, 0.37, 0.5, 0.93):
        made = chart()
        made.line([0, 1], [0, 1], RED)
        made.vertical_line(at, BLUE)
        made.dots([at], [at], BLUE, "●")
        lines = plain(made)
        places = {line.index("│") for line in lines if "│" in line} | {line.index("●") for line in lines if "●" in line}
        assert len(places) == 1


def test_ticks_and_labels_are_the_same_in_every_process():
    made = chart(Axis(False, None, lambda _: [(i / 10, "label" * (1 + i % 2)) for i in range(11)]), LINEAR)
    made.line([0, 1], [0, 1], RED)
    axis, labels = ANSI.sub("", made.text("", [])).split("\n")[-2:]
    assert axis.count("┬") == len(labels.split()) >= 3
    assert re.fullmatch(r"\s*(label+\s+)*(label)*\s*", labels)


def test_every_thread_gets_its_own_chart():
    def draw(i):
        made = chart(size=(60, 14))
        made.line([0, 1], [0, 1 + i], RED)
        made.dots([0.1 * i], [0.5], RED, glyph(i))
        return made.text(f"chart {i}", [])

    wanted = [draw(i) for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(draw, list(range(8)) * 5)) == wanted * 5


@pytest.mark.parametrize("size", [(24, 7), (30, 9), (200, 60)])
def test_it_has_the_size_that_was_asked_for_whatever_the_terminals(size, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("LINES", "5")
    made = chart(size=size)
    made.line([0, 1], [1e9, 2e9], RED)
    plain(made)


def test_a_tick_stands_in_the_row_and_the_column_of_what_lies_there():
    for rows in range(7, 40):
        at = [0.0, 0.2, 0.5, 0.8, 1.0]
        ticks = Axis(False, None, lambda _, at=at: [(value, "x") for value in at])
        made = chart(ticks, ticks, size=(97, rows))
        made.dots(at, at, RED, "●")
        made.horizontal_line(0.5, BLUE)
        lines = ANSI.sub("", made.text("", [])).split("\n")[1:]
        for line in lines[:-2]:
            assert ("●" in line) >= (line[1] in "┤├")
            assert ("─" in line) == (line[1] == "├")
        columns = {i for line in lines[:-2] for i, c in enumerate(line) if c == "●"}
        assert columns >= {i for i, c in enumerate(lines[-2]) if c in "┬┼"}


def test_a_narrow_band_is_seen_about_its_line():
    x = [i / 100 for i in range(101)]
    alone, banded, wide = chart(), chart(), chart()
    alone.line(x, x, RED)
    banded.band((x, x), [(x, [v - 0.02 for v in x]), (x, [v + 0.02 for v in x])], RED)
    assert dots(plain(banded)) > 1.3 * dots(plain(alone))
    assert "\x1b[38;2;{};{};{}m".format(*RED) in banded.text("", [])
    wide.band((x, x), [(x, [v - 0.5 for v in x]), (x, [v + 0.5 for v in x])], RED)
    assert "\x1b[38;2;{};{};{}m".format(*DARK.dim(RED)) in wide.text("", [])
    bare = chart()
    bare.band(((), ()), [((), ()), ((), ())], RED)
    assert bare.empty
