"""The keys that are active on a screen."""

from __future__ import annotations

from typing import Any

from textual.binding import ActiveBinding, Binding
from textual.screen import Screen

MOVES = (
    "up",
    "down",
    "page_",
    "first_row",
    "last_row",
    "pan_",
    "previous_",
    "next_budget",
    "scroll_",
    "compare_up",
    "compare_down",
)  # cursor, view


def moves(binding: Binding) -> bool:
    """Whether anybody finds a key without being told: it moves the cursor or what is in sight, or has no name."""
    return not binding.description or binding.id is None or binding.id.startswith(MOVES)


def key_of(screen: Screen[Any], name: str) -> str:
    """The first key of a binding that is active on a screen, by the binding's name, as it is shown."""
    for active in screen.active_bindings.values():
        if active.binding.id == name:
            return active.binding.key_display or screen.app.get_key_display(active.binding)
    return ""


def in_default_order(screen: Screen[Any]) -> list[ActiveBinding]:
    """The active bindings; a key that the user has changed comes where the usual one would."""
    actives = list(screen.active_bindings.values())
    nodes = list(dict.fromkeys(active.node for active in actives))
    usual = [(node, binding.id) for node in nodes for _, binding in node._bindings]
    return sorted(actives, key=lambda active: usual.index((active.node, active.binding.id)))
