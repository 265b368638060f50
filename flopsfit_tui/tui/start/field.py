"""The fields of the start screen: a line to type in for each, behind its name, and the keys that leave it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.strip import Strip
from textual.widgets import Input

from flopsfit_tui.tui.start.fields import FieldSpec
from flopsfit_tui.tui.widgets.base_screen import is_narrow

NARROW_NAME = 8  # columns of a name in a narrow window, where names stand below each other


class FieldInput(Input):
    """Takes the keys of a text; enter and escape are in the footer meanwhile."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Start", id="submit_field", key_display="enter"),
        Binding("escape", "screen.leave_field", "Leave field", id="leave_field", key_display="esc"),
    ]

    def __init__(self, spec: FieldSpec, text: str) -> None:
        super().__init__(text, id=f"field-{spec.name}", compact=True, select_on_focus=True)
        self.spec = spec
        self.tooltip = spec.about

    def on_blur(self) -> None:
        """Where it does not fit, its beginning is what is seen."""
        self.cursor_position = 0

    def render_line(self, y: int) -> Strip:
        """An ellipsis at the end where a text has no room; with the focus the field scrolls to the cursor."""
        strip, width = super().render_line(y), self.content_size.width
        if self.has_focus or cell_len(self.value) <= width or width < 2:
            return strip
        shown = strip.crop(0, width - 1)
        return Strip([*shown, Segment("…", list(shown)[-1].style)])


class Fields(Horizontal):
    """Some inputs, with their names in the margins at their left.

    The row draws the names itself: a widget for each, and one about both, made the first paint a tenth slower.
    """

    def __init__(self, specs: Sequence[FieldSpec], texts: Mapping[str, str], id: str) -> None:  # noqa: A002 - Textual's
        super().__init__(id=id, classes="fields")
        self._inputs = [FieldInput(spec, texts[spec.name]) for spec in specs]

    def compose(self) -> ComposeResult:
        yield from self._inputs

    def on_descendant_focus(self) -> None:
        """An input may have another width with the focus than without: the names behind it move."""
        self.refresh()

    on_descendant_blur = on_descendant_focus

    def render(self) -> Text:
        """Every name, left of its input."""
        lines, narrow = [""] * self.size.height, is_narrow(self.app.size)
        for field in self._inputs:
            place, name = field.region.offset - self.content_region.offset, field.spec.name
            if 0 <= place.y < len(lines):
                start = place.x - 1 - (NARROW_NAME if narrow else len(name))
                lines[place.y] = lines[place.y].ljust(start) + name
        return Text("\n".join(lines), no_wrap=True)
