"""A plot on a stream: the colours that a terminal has, none in a pipe; and the plots of runs that have no plan."""

from __future__ import annotations

import io

import pytest
from made_sweep import make_plan, outcomes

from flopsfit_tui.report.answer.analysis import analyse
from flopsfit_tui.report.answer.sweep_runs import sweep_runs
from flopsfit_tui.report.plots import printing
from flopsfit_tui.report.plots.palette import DARK, LIGHT
from flopsfit_tui.report.plots.printing import (
    ANY_BACKGROUND,
    OWN,
    colors_of,
    palette_for,
    print_isoflop,
    print_plot,
    recolored,
)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("environ", "colors"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "every"),
        ({"TERM": "xterm-256color"}, "256"),
        ({"TERM": "linux"}, "16"),
        ({"TERM": "dumb"}, "none"),
        ({}, "none"),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor", "NO_COLOR": "1"}, "none"),
    ],
)
def test_the_colours_of_a_terminal(environ, colors):
    assert colors_of(Terminal(), environ) == colors
    assert colors_of(io.StringIO(), environ) == "none"


def test_colours_become_the_nearest_that_there_are():
    text = "\x1b[38;2;0;114;178m●\x1b[0m\x1b[38;2;255;255;255m★\x1b[0m  "
    assert recolored(text, "none") == "●★"
    assert recolored(text, "every") == "\x1b[38;2;0;114;178m●\x1b[0m\x1b[39m★\x1b[0m  "
    assert recolored(text, "256") == "\x1b[38;5;25m●\x1b[0m\x1b[39m★\x1b[0m  "
    assert recolored(text, "16") == "\x1b[36m●\x1b[0m\x1b[39m★\x1b[0m  "
    assert recolored("\x1b[38;2;128;128;128m│", "256") == "\x1b[38;5;244m│"
    assert recolored("\x1b[38;2;128;128;128m│", "16") == "\x1b[90m│"


def test_the_palette_suits_the_background_that_is_known():
    assert palette_for({"COLORFGBG": "15;0"}) == DARK
    assert palette_for({"COLORFGBG": "0;default;15"}) == LIGHT
    assert palette_for({}) == ANY_BACKGROUND == palette_for({"COLORFGBG": "default"})


def test_on_any_background_every_colour_is_seen():
    def luminance(color):
        parts = [(c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4) for c in color]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    for color in [*ANY_BACKGROUND.series, ANY_BACKGROUND.muted]:
        if color != OWN:
            assert (luminance(color) + 0.05) / 0.05 > 2.8, color  # on black
            assert 1.05 / (luminance(color) + 0.05) > 2.8, color  # on white


def test_where_there_is_nothing_to_draw_a_sentence_says_so():
    stream = io.StringIO()
    with pytest.raises(ValueError, match="nothing here"):
        print_plot(lambda *_: "nothing here", stream)
    assert not stream.getvalue()


def test_a_pipe_gets_plain_text_of_a_fixed_size():
    stream, asked = io.StringIO(), []

    def draw(width, height, palette, view):
        asked.append((width, height))
        return "\x1b[38;2;1;2;3ma\x1b[0m \nb"

    print_plot(draw, stream)
    print_plot(draw, stream, 60, 10)
    assert asked == [(100, 30), (60, 10)]
    assert stream.getvalue() == "a\nb\n" * 2


def test_a_sweep_ends_with_its_plot_or_with_the_reason_why_not(monkeypatch):
    plan = make_plan()
    stream = io.StringIO()
    print_isoflop(analyse(sweep_runs(plan, {})), stream)
    assert not stream.getvalue()
    print_isoflop(analyse(sweep_runs(plan, outcomes(plan))), stream)
    assert stream.getvalue().count("★") == 1 + len(plan.budgets)
    monkeypatch.setattr(printing, "isoflop_plot", lambda *_: "too small to draw")
    stream = io.StringIO()
    print_isoflop(analyse(sweep_runs(plan, outcomes(plan))), stream)
    assert stream.getvalue() == "too small to draw\n"
