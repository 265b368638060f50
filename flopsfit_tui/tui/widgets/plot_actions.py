"""Keys for the active plot: zoom, pan, axis scale, smoothing. The mouse is handled by the plot itself."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual.binding import Binding, BindingType

from flopsfit_tui.report.plots.viewport import View
from flopsfit_tui.tui.widgets.base_screen import BaseScreen
from flopsfit_tui.tui.widgets.plot_view import PlotView

ZOOM, PAN = 1.5, 0.2
SMOOTHINGS = (0.0, 0.6, 0.9, 0.97)
AXES = ((False, False), (False, True), (True, False), (True, True))  # which of x and y has its other scale


class PlotActions(BaseScreen):
    """Subclasses give `active_plot`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right_square_bracket", "zoom_plot(1)", "Plot: zoom in", id="zoom_in", show=False),
        Binding("left_square_bracket", "zoom_plot(-1)", "Plot: zoom out", id="zoom_out", show=False),
        Binding("0", "zoom_plot(0)", "Plot: reset zoom", id="zoom_reset", show=False),
        Binding("shift+left", "pan(-1, 0)", "Plot: to the left", id="pan_left", show=False),
        Binding("shift+right", "pan(1, 0)", "Plot: to the right", id="pan_right", show=False),
        Binding("shift+up", "pan(0, 1)", "Plot: up", id="pan_up", show=False),
        Binding("shift+down", "pan(0, -1)", "Plot: down", id="pan_down", show=False),
        Binding("a", "axes", "Plot: axes log or linear", id="axes", show=False),
        Binding("right_parenthesis", "spot(1)", "Plot: read the next point", id="read_next", show=False),
        Binding("left_parenthesis", "spot(-1)", "Plot: read the point before", id="read_previous", show=False),
        Binding("c", "smoothing", "Plot: smooth losses", id="smoothing", show=False),
    ]

    def active_plot(self) -> PlotView:
        """The plot that keys are about."""
        raise NotImplementedError

    def action_zoom_plot(self, step: int) -> None:
        """Zoom in, out, or reset."""
        self.active_plot().zoom(ZOOM**step if step else 0)

    def action_pan(self, x: int, y: int) -> None:
        """Look aside."""
        self.active_plot().pan(PAN * x, PAN * y)

    def action_axes(self) -> None:
        """Linear instead of log: y, x, both, none."""
        plot = self.active_plot()
        at = AXES.index((plot.view.flip_x_scale, plot.view.flip_y_scale))
        flip_x_scale, flip_y_scale = AXES[(at + 1) % len(AXES)]
        plot.look(
            View(
                flip_x_scale=flip_x_scale,
                flip_y_scale=flip_y_scale,
                smoothing=plot.view.smoothing,
                cursor=plot.view.cursor,
            )
        )

    def action_spot(self, step: int) -> None:
        """Read the next point, from the left; its numbers stand above the plot."""
        plot = self.active_plot()
        before = plot.view.spot
        spot = (0 if step > 0 else -1) if before is None else before + step
        plot.look(replace(plot.view, spot=spot, pointer=None))

    def action_smoothing(self) -> None:
        """The next of a few weights of the moving average."""
        plot = self.active_plot()
        above = [weight for weight in SMOOTHINGS if weight > plot.view.smoothing]
        plot.look(replace(plot.view, smoothing=above[0] if above else 0.0))
