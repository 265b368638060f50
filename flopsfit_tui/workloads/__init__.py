"""Models and data that come with the package, by name; importing this loads no torch."""

from __future__ import annotations

from flopsfit_tui.workloads.builtin import BUILTIN, DEFAULT, resolve

__all__ = ["BUILTIN", "DEFAULT", "resolve"]
