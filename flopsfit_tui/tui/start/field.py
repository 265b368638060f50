"""A field of the start screen: its name, a line to type in, and the keys that leave it."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
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


class Field(Horizontal):
    """A label and an input."""

    def __init__(self, spec: FieldSpec) -> None:
        super().__init__(classes="field" if spec.width else "field wide")
        self._spec = spec

    def compose(self) -> ComposeResult:
        yield Static(self._spec.name, markup=False)
        field = FieldInput(self._spec)
        if self._spec.width:
            field.styles.width = self._spec.width + 2
        yield field
