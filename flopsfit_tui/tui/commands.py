"""What the command palette offers of ours: everything that a key would do on a screen."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from rich.markup import escape
from textual.app import App, SystemCommand
from textual.dom import DOMNode
from textual.screen import Screen

from flopsfit_tui.tui.widgets.active_keys import moves
from flopsfit_tui.tui.widgets.why_not import action_name


def key_commands(app: App[Any], screen: Screen[Any]) -> Iterator[SystemCommand]:
    """One for each active binding that has a name and does not only move the cursor."""
    seen = set()
    for active in screen.active_bindings.values():
        binding = active.binding
        words = binding.tooltip or binding.description
        if active.enabled and binding.id and not moves(binding) and words not in seen:
            seen.add(words)
            run = partial(app.run_action, binding.action, active.node)
            about = binding.tooltip or _about(app, binding.action, active.node) or words
            yield SystemCommand(binding.description, escape(f"{about}, by {app.get_key_display(binding)}"), run)


def _about(app: App[Any], action: str, node: DOMNode) -> str:
    """What an action's own description says, for the palette: more than its name."""
    target = app if action.startswith("app.") else node
    method = getattr(target, f"action_{action_name(action)}", None)
    return (method.__doc__ or "").strip().partition("\n")[0].rstrip(".") if method else ""
