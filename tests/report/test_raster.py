"""What the raster draws, dot by dot, and that it draws nothing out of sight."""

from __future__ import annotations

import re

import numpy as np
import pytest

from flopsfit_tui.report.raster import Shape, Side, draw

ANSI = re.compile(r"\x1b\[[0-9;]*m")
RED, BLUE, GREY = (200, 0, 0), (0, 0, 200), (100, 100, 100)


def side(low=0.0, high=10.0, ticks=()):
    return Side(low, high, ticks)


def plain(shapes, width=11, height=12, x=None, y=None):
    """The lines between the axes: 10 x 10 characters."""
    lines = ANSI.sub("", draw(shapes, width, height, x or side(), y or side(), GREY)).split("\n")
    assert all(len(line) == width for line in lines)
    assert len(lines) == height
    return [line[1:] for line in lines[:-2]]


def test_a_glyph_lies_in_the_cell_of_its_place():
    lines = plain([Shape([0.0, 5.5, 10.0], [0.0, 2.5, 10.0], RED, "●")])
    assert [(row, line.index("●")) for row, line in enumerate(lines) if "●" in line] == [(0, 9), (7, 5), (9, 0)]


def test_a_level_line_is_one_dot_high_and_a_diagonal_one_dot_thick():
    (row,) = [line for line in plain([Shape([0.0, 10.0], [5.1, 5.1], RED)]) if line.strip()]
    assert row == "⣀" * 10
    lines = plain([Shape([0.0, 10.0], [0.0, 10.0], RED)])
    dots = sum((ord(c) - 0x2800).bit_count() for line in lines for c in line if c != " ")
    assert dots == 40  # four down each of ten characters, one across each


def test_a_corner_between_two_dots_is_not_drawn():
    steps = [0.0, 0.26, 0.26, 0.51, 0.51, 0.76, 0.76]  # a stair of single dots, which is a slope
    lines = plain([Shape([2 * s for s in steps], [*steps[1:], 1.01], RED)])
    dots = sum((ord(c) - 0x2800).bit_count() for line in lines for c in line if c != " ")
    assert 3 <= dots <= 5


def test_lines_are_clipped_where_they_leave():
    for far in (1e3, 1e9):
        lines = plain([Shape([-far, far], [5.1, 5.1], RED)])
        assert lines[4] == "⣀" * 10
    assert not "".join(plain([Shape([20.0, 30.0], [5.0, 5.0], RED)])).strip()
    assert not "".join(plain([Shape([-5.0, 30.0], [11.0, 30.0], RED)])).strip()
    assert not "".join(plain([Shape([-1.0, 11.0], [5.0, 10.5], RED, "●")])).strip()


def test_the_later_shape_lies_on_top():
    line, dot = Shape([0.0, 10.0], [5.1, 5.1], RED), Shape([5.5], [5.1], BLUE, "●")
    assert "●" in plain([line, dot])[4]
    assert "●" not in plain([dot, line])[4]
    text = draw([line, Shape([0.0, 4.9], [5.1, 5.1], BLUE)], 11, 12, side(), side(), GREY)
    assert "\x1b[38;2;0;0;200m⣀⣀⣀⣀⣀\x1b[38;2;200;0;0m⣀⣀⣀⣀⣀\x1b[0m" in text


def test_two_shapes_in_one_cell_share_it():
    lines = plain([Shape([0.0, 10.0], [5.1, 5.1], RED), Shape([0.0, 10.0], [5.9, 5.9], BLUE)])
    assert lines[4] == chr(ord("⣀") | ord("⠉")) * 10


def test_ticks_stand_at_their_places_and_labels_do_not_run_together():
    x = side(ticks=[(0.0, "zero"), (2.0, "two"), (10.0, "ten")])
    y = side(ticks=[(0.0, "0"), (9.5, "95")])
    lines = ANSI.sub("", draw([], 13, 12, x, y, GREY)).split("\n")
    assert lines[0].startswith("95┤")
    assert lines[9].startswith(" 0┤")
    assert lines[10] == "  └┬─┬──────┬"
    assert lines[11].split() == ["zero", "ten"]


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (3, 2), (5, 40)])
def test_no_room_is_no_error(size):
    y = side(ticks=[(5.0, "label")])
    assert draw([Shape([0.0, 10.0], [0.0, 10.0], RED)], *size, side(), y, GREY)


def test_what_is_drawn_is_bounded_by_the_size_not_by_the_data():
    noise = np.random.default_rng(0)
    x, y = np.sort(noise.uniform(0, 10, 20_000)), noise.uniform(0, 10, 20_000)
    text = draw([Shape(x.tolist(), y.tolist(), RED)], 81, 22, side(), side(), GREY)
    assert len(text) < 82 * 22 + 22 * 60
