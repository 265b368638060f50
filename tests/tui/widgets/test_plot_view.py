"""Plots are drawn beside the UI: the last picture stays meanwhile, keys are at once, live data rest."""

from __future__ import annotations

import threading
import time

import pytest
from textual.app import App
from waiting import plots_drawn

from flopsfit_tui.report.plots.viewport import View
from flopsfit_tui.tui.theme import THEMES
from flopsfit_tui.tui.widgets import plot_view
from flopsfit_tui.tui.widgets.plot_view import PlotState, PlotView


class Recorder:
    """Plots that say what they are, and take as long as they are told."""

    def __init__(self):
        self.begun, self.drawn, self.threads, self.seconds = [], [], set(), 0.0
        self.go_on = threading.Event()
        self.go_on.set()

    def prepare(self, name):
        def draw(width, height, palette, view):
            self.begun.append(name)
            self.threads.add(threading.current_thread())
            assert self.go_on.wait(30)
            time.sleep(self.seconds)
            self.drawn.append((name, width, view))
            return f"{name} {width}"

        return lambda width: draw

    @property
    def names(self):
        return [name for name, _, _ in self.drawn]


class OnePlot(App):
    def compose(self):
        yield PlotView(id="plot")

    def on_mount(self):
        for theme in THEMES.values():
            self.register_theme(theme)
        self.theme = "flopsfit-dark"


@pytest.fixture
async def running():
    app, recorder = OnePlot(), Recorder()
    async with app.run_test(size=(40, 10)) as pilot:
        yield app.query_one(PlotView), pilot, recorder
        recorder.go_on.set()


def shown(view):
    return view.render_line(0).text.rstrip()


async def test_it_is_drawn_by_one_other_thread_once(running):
    view, pilot, recorder = running
    view.show(1, recorder.prepare("a"))
    await plots_drawn(pilot.app, pilot)
    assert shown(view) == "a 40"
    view.show(1, recorder.prepare("never"))
    view.refresh()
    await plots_drawn(pilot.app, pilot)
    assert recorder.names == ["a"]
    assert recorder.threads.isdisjoint({threading.main_thread()})


async def test_the_last_picture_stays_while_the_next_is_drawn(running):
    view, pilot, recorder = running
    view.show(1, recorder.prepare("a"))
    await plots_drawn(pilot.app, pilot)
    recorder.go_on.clear()
    view.look(View(smoothing=0.9))
    await pilot.pause(0.05)
    assert shown(view) == "a 40"
    assert not view.up_to_date
    view.show(1, recorder.prepare("b"), chosen="another")
    recorder.go_on.set()
    await plots_drawn(pilot.app, pilot)
    assert shown(view) == "b 40"


async def test_new_data_rest_and_a_key_does_not(running, monkeypatch):
    view, pilot, recorder = running
    monkeypatch.setattr(plot_view, "REST", 1e6)
    recorder.seconds = 0.01
    view.show(1, recorder.prepare("a"))
    await plots_drawn(pilot.app, pilot)
    view.show(2, recorder.prepare("b"))
    await pilot.pause(0.1)
    assert recorder.names == ["a"]
    view.zoom(2)
    await plots_drawn(pilot.app, pilot)
    assert recorder.names == ["a", "b"]
    view.show(3, recorder.prepare("c"))
    await pilot.resize_terminal(30, 10)
    await plots_drawn(pilot.app, pilot)
    assert shown(view) == "c 30"


async def test_new_data_are_drawn_when_they_have_rested(running, monkeypatch):
    view, pilot, recorder = running
    recorder.seconds = 0.02
    view.show(0, recorder.prepare("0"))
    await plots_drawn(pilot.app, pilot)
    begun = time.monotonic()
    for i in range(1, 30):
        view.show(i, recorder.prepare(str(i)))
        await pilot.pause(0.01)
    await plots_drawn(pilot.app, pilot)
    assert shown(view) == "29 40"
    assert len(recorder.drawn) <= 2 + (time.monotonic() - begun) / (plot_view.REST * 0.02)


async def test_another_panel_does_not_wait_for_one_that_was_left(running):
    view, pilot, recorder = running
    recorder.go_on.clear()
    pictures = [PlotState(recorder.prepare(name), version=1) for name in "abc"]
    for picture in pictures:
        view.set_plot(picture, "")
        while view._drawing is None or view._drawing[0] is not picture or not recorder.begun:
            await pilot.pause(0.01)
    recorder.go_on.set()
    await plots_drawn(pilot.app, pilot)
    assert shown(view) == "c 40"
    assert recorder.names == ["a", "c"]  # b was still waiting when it was left
    view.set_plot(pictures[0], "")
    assert shown(view) == "a 40"
    await plots_drawn(pilot.app, pilot)
    assert recorder.names == ["a", "c"]


async def test_a_plot_that_is_taken_away_while_it_is_drawn_does_no_harm(running):
    view, pilot, recorder = running
    recorder.go_on.clear()
    view.show(1, recorder.prepare("a"))
    while not recorder.begun:
        await pilot.pause(0.01)
    await view.remove()
    recorder.go_on.set()
    while not recorder.names:
        await pilot.pause(0.01)
    assert recorder.names == ["a"]
