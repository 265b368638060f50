"""A place for a plot: drawn to its own size in a thread beside the UI, again only when it would be another.

    UI thread                                           drawing thread, one for all plots
    render_line: what is shown is not what is wanted
    prepare(width): the series as they are now  ------> draw(width, height, palette, view), as strips
    the last finished lines stay in sight
    Drawn: the new lines                        <------

What a person does (zoom, another panel, another size) is drawn at once. What only the data changed is drawn when the
thread is free, and rests REST times as long as the last drawing took, so that plots take a twentieth of the time.

What is drawn is a `PlotState`, so that another can be put in the same place without laying out the screen again. The
wheel zooms about the pointer, dragging moves the plot, a double click shows the whole again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import lru_cache

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Offset, Size
from textual.message import Message
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from flopsfit_tui.report.plots.palette import Palette
from flopsfit_tui.report.plots.viewport import PLAIN, WHOLE, View
from flopsfit_tui.tui.theme import palette_of

Draw = Callable[[int, int, Palette, View], str]
Prepare = Callable[[int], Draw]  # in the UI thread, for so many columns: takes what may change while it is drawn
WHEEL = 1.25  # times nearer a turn
REST = 20.0  # so many times the last drawing's seconds pass before new data are drawn
RETRY_SECONDS = 0.05  # until the thread is asked again whether it is free


class _DrawingThread:
    """One thread, begun by the first drawing."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="plots")
        self._last: Future[None] | None = None

    @property
    def free(self) -> bool:
        """Whether all that was submitted is done."""
        return self._last is None or self._last.done()

    def submit(self, work: Callable[[], None]) -> Future[None]:
        """Do it after what was submitted before."""
        self._last = self._pool.submit(work)
        return self._last


_THREAD = _DrawingThread()


@dataclass(frozen=True)
class Wanted:
    """What a drawing is for; another is needed when any of it is another."""

    version: object  # of the data
    chosen: object  # of what a person chose to see of them
    size: Size
    theme: str
    view: View


@dataclass(eq=False)
class PlotState:
    """A plot, how the user looks at it, and the lines it was last drawn in."""

    prepare: Prepare | None = None
    version: object = None  # of the data that are drawn
    chosen: object = None
    view: View = PLAIN
    drawn: Wanted | None = None  # what the lines were drawn for
    lines: Sequence[Strip] = field(default_factory=list)
    seconds: float = 0.0  # that the last drawing took
    finished: float = 0.0  # when it ended, on the monotonic clock


class PlotView(Widget):
    """Shows a picture."""

    DEFAULT_CSS = "PlotView { width: 1fr; height: 1fr; }"

    class Drawn(Message, bubble=False):
        """A drawing has ended."""

        def __init__(self, picture: PlotState, wanted: Wanted, lines: Sequence[Strip], seconds: float) -> None:
            super().__init__()
            self.picture, self.wanted, self.lines, self.seconds = picture, wanted, lines, seconds

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id, classes=classes)
        self._picture = PlotState()
        self._drawing: tuple[PlotState, Future[None]] | None = None
        self._later: Timer | None = None
        self._held: Offset | None = None  # where the mouse holds it

    @property
    def view(self) -> View:
        """How it is looked at."""
        return self._picture.view

    @property
    def up_to_date(self) -> bool:
        """Whether what is shown is what is wanted."""
        return self._picture.prepare is None or self._picture.drawn == self._wanted()

    def set_plot(self, picture: PlotState, title: str) -> None:
        """Show another picture, looked at as it was last."""
        if picture is not self._picture:
            self._picture, self._held = picture, None
            self.border_title = title
            self.refresh()

    def show(self, version: object, prepare: Prepare, chosen: object = None) -> None:
        """Draw this from now on, at once when something else is chosen; nothing happens when it is shown already."""
        picture = self._picture
        if (version, chosen) != (picture.version, picture.chosen):
            picture.version, picture.chosen, picture.prepare = version, chosen, prepare
            self._changed()

    def look(self, view: View) -> None:
        """Look at it otherwise."""
        if view != self.view:
            self._picture.view = view
            self._changed()

    def zoom(self, times: float, x: float = 0.5, y: float = 0.5) -> None:
        """Nearer, about a place given as fractions of what is in sight; 0 times shows the whole."""
        viewport = self.view.viewport.zoomed(times, x, y) if times else WHOLE
        self.look(replace(self.view, viewport=viewport))

    def pan(self, x: float, y: float) -> None:
        """Look further right and up, by fractions of what is in sight."""
        self.look(replace(self.view, viewport=self.view.viewport.moved(x, y)))

    # ---- the mouse ----

    def _wheel(self, event: events.MouseEvent, times: float) -> None:
        event.stop()
        width, height = max(1, self.size.width), max(1, self.size.height)
        at = event.get_content_offset_capture(self)
        self.zoom(times, (at.x + 0.5) / width, 1 - (at.y + 0.5) / height)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Nearer."""
        self._wheel(event, WHEEL)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Further away."""
        self._wheel(event, 1 / WHEEL)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Take hold of it."""
        if event.button == 1:
            self._held = event.screen_offset
            self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Draw it along."""
        if self._held is not None:
            moved, self._held = event.screen_offset - self._held, event.screen_offset
            self.pan(-moved.x / max(1, self.size.width), moved.y / max(1, self.size.height))

    def on_mouse_up(self) -> None:
        """Let go."""
        self._held = None
        self.release_mouse()

    def on_click(self, event: events.Click) -> None:
        """Read what lies nearest; twice: the whole again."""
        if event.chain == 2:
            self.zoom(0)
        elif (at := event.get_content_offset(self)) is not None:
            pointer = ((at.x + 0.5) / max(1, self.size.width), 1 - (at.y + 0.5) / max(1, self.size.height))
            self.look(replace(self.view, pointer=pointer, spot=None))

    # ---- drawing ----

    def render_line(self, y: int) -> Strip:
        """A line of the last finished drawing; begins another when something else is wanted."""
        if not self.up_to_date:
            self._request()
        picture, width = self._picture, self.size.width
        if y < len(picture.lines):
            return picture.lines[y].adjust_cell_length(width, self.rich_style)
        return Strip.blank(width, self.rich_style)

    def _changed(self) -> None:
        """Draw again; what is in sight is not painted again before that, unless it is of another size."""
        drawn = self._picture.drawn
        if drawn is None or drawn.size != self.size:
            self.refresh()
        elif not self.up_to_date:
            self._request()

    def _wanted(self) -> Wanted:
        picture = self._picture
        return Wanted(picture.version, picture.chosen, self.size, self.app.theme, picture.view)

    def _request(self) -> None:
        """Begin to draw, or see to it that it is asked again."""
        picture, wanted = self._picture, self._wanted()
        if self._drawing is not None:
            if self._drawing[0] is picture:
                return  # asks again when it has ended
            self._drawing[1].cancel()  # another panel: begun or not, nobody waits for it
        live = picture.drawn is not None and replace(picture.drawn, version=wanted.version) == wanted
        rest = picture.finished + REST * picture.seconds - time.monotonic()
        if live and (rest > 0 or not _THREAD.free):
            if self._later is None:
                self._later = self.set_timer(max(rest, RETRY_SECONDS), self._ask_again)
            return
        self._begin(picture, wanted)

    def _ask_again(self) -> None:
        self._later = None
        self._changed()

    def _begin(self, picture: PlotState, wanted: Wanted) -> None:
        assert picture.prepare is not None
        width, height = wanted.size
        draw, palette, base = picture.prepare(width), palette_of(self.app), self.rich_style

        def drawn() -> None:
            begun = time.perf_counter()
            text = draw(width, height, palette, wanted.view)
            lines = [_strip(line, width, base) for line in text.split("\n")]
            self.post_message(self.Drawn(picture, wanted, lines, time.perf_counter() - begun))

        self._drawing = picture, _THREAD.submit(drawn)

    def on_plot_view_drawn(self, message: Drawn) -> None:
        """Show it, and begin again where something else is wanted by now."""
        picture = message.picture
        picture.drawn, picture.lines = message.wanted, message.lines
        picture.seconds, picture.finished = message.seconds, time.monotonic()
        if self._drawing is not None and self._drawing[0] is picture:
            self._drawing = None
        self.refresh()


def _strip(line: str, width: int, base: Style) -> Strip:
    """A line of text with the 24-bit colours of the plots, and no other control sequences, as a strip."""
    segments = []
    for i, part in enumerate(line.split("\x1b[")):
        if not i:
            segments.append(Segment(part, base))
            continue
        code, _, text = part.partition("m")
        if text:
            segments.append(Segment(text, base + _style(code)))
    return Strip(segments).adjust_cell_length(width, base)


@lru_cache(maxsize=256)
def _style(code: str) -> Style:
    numbers = code.split(";")
    if numbers[:2] == ["38", "2"] and len(numbers) == 5:
        return Style(color=Color.from_rgb(*map(float, numbers[2:])))
    return Style.null()
