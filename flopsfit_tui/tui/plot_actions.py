"""What keys do to the plot in hand: nearer, aside, other axes, smoother; the mouse's doings are the plot's own."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual.binding import Binding, BindingType

from flopsfit_tui.report.window import View
from flopsfit_tui.tui.board_screen import BoardScreen
from flopsfit_tui.tui.plot_view import PlotView

ZOOM, PAN = 1.5, 0.2
SMOOTHINGS = (0.0, 0.6, 0.9, 0.97)
AXES = ((False, False), (False, True), (True, False), (True, True))  # which of x and y has its other scale


class PlotActions(BoardScreen):
    """Subclasses give `plot_in_hand`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right_square_bracket", "zoom_plot(1)", "Plot: nearer", id="zoom_in", show=False),
        Binding("left_square_bracket", "zoom_plot(-1)", "Plot: further away", id="zoom_out", show=False),
        Binding("0", "zoom_plot(0)", "Plot: the whole", id="zoom_reset", show=False),
        Binding("shift+left", "pan(-1, 0)", "Plot: to the left", id="pan_left", show=False),
        Binding("shift+right", "pan(1, 0)", "Plot: to the right", id="pan_right", show=False),
        Binding("shift+up", "pan(0, 1)", "Plot: up", id="pan_up", show=False),
        Binding("shift+down", "pan(0, -1)", "Plot: down", id="pan_down", show=False),
        Binding("a", "axes", "Plot: axes log or linear", id="axes", show=False),
        Binding("c", "smoothing", "Plot: smoother losses", id="smoothing", show=False),
    ]

    def plot_in_hand(self) -> PlotView:
        """The plot that keys are about."""
        raise NotImplementedError

    def action_zoom_plot(self, step: int) -> None:
        """Nearer, further, or the whole again."""
        self.plot_in_hand().zoom(ZOOM**step if step else 0)

    def action_pan(self, x: int, y: int) -> None:
        """Look aside."""
        self.plot_in_hand().pan(PAN * x, PAN * y)

    def action_axes(self) -> None:
        """Linear instead of log: y, x, both, none."""
        plot = self.plot_in_hand()
        at = AXES.index((plot.view.other_x, plot.view.other_y))
        other_x, other_y = AXES[(at + 1) % len(AXES)]
        plot.look(View(other_x=other_x, other_y=other_y, smoothing=plot.view.smoothing, cursor=plot.view.cursor))

    def action_smoothing(self) -> None:
        """The next of a few weights of the moving average."""
        plot = self.plot_in_hand()
        above = [weight for weight in SMOOTHINGS if weight > plot.view.smoothing]
        plot.look(replace(plot.view, smoothing=above[0] if above else 0.0))
