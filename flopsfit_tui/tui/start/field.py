"""A field of the start screen: its name, a line to type in, and the keys that leave it."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.strip import Strip
from textual.widgets import Input, Static

from flopsfit_tui.tui.start.fields import FieldSpec


class FieldInput(Input):
    """Takes the keys of a text; enter and escape are in the footer meanwhile."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Start", id="submit_field", key_display="enter"),
        Binding("escape", "screen.leave_field", "Leave field", id="leave_field", key_display="esc"),
    ]

    def __init__(self, spec: FieldSpec) -> None:
        super().__init__(id=f"field-{spec.name}", compact=True, select_on_focus=True)
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


class Field(Horizontal):
    """A label and an input."""

    def __init__(self, spec: FieldSpec) -> None:
        super().__init__(classes=f"field {'' if spec.width else 'wide '}{spec.name}")
        self._spec = spec

    def compose(self) -> ComposeResult:
        yield Static(self._spec.name, markup=False)
        field = FieldInput(self._spec)
        if self._spec.width:
            field.styles.width = self._spec.width + 2
        yield field
