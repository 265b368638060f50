"""Figures where the user looks: under a notebook's cell, in windows, or as files."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO

from matplotlib.figure import Figure

from flopsfit_tui.core.notebook import show_png


def show_in_notebook(figures: Mapping[str, Figure]) -> None:
    """Each as a picture under the running cell, whatever matplotlib's backend is."""
    for figure in figures.values():
        content = BytesIO()
        figure.savefig(content, format="png")
        show_png(content.getvalue())


def show_in_windows(figures: Mapping[str, Figure]) -> None:
    """Each in a window, as pyplot.show does; where no window can be opened matplotlib warns."""
    import matplotlib.pyplot as plt  # picks a backend, which only windows need

    for name, figure in figures.items():
        manager = plt.figure(name).canvas.manager
        assert manager is not None
        manager.canvas.figure = figure
        figure.set_canvas(manager.canvas)
    plt.show()
