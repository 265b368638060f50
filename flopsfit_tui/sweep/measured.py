"""Sizes that were measured before: params and FLOPs, kept by all that decides them, so that planning again is quick.

What a sweep may reuse losses by (code, closures, data, settings, versions) is enough to reuse a count of FLOPs by.
Nothing is kept where some of it cannot be compared.
"""

from __future__ import annotations

import inspect
from typing import Any

from platformdirs import user_cache_path

from flopsfit_tui.core.identity import Identity
from flopsfit_tui.core.sizes import Setting
from flopsfit_tui.core.trial import Recipe, Size, content_hash
from flopsfit_tui.core.workload import Workload
from flopsfit_tui.sweep.cache import JsonCache


class MeasuredSizes:
    """The sizes of one workload; shapes: those of the batch that they are measured by."""

    def __init__(self, workload: Workload, recipe: Recipe, content: Identity | None, shapes: object = ()) -> None:
        self._key = ""
        self._sizes: dict[str, Any] = {}
        self._cache = JsonCache(user_cache_path("flopsfit-tui") / "sizes.json")
        if content is None or content.unsure or not content.parts or workload.flops_per_sample or workload.simulate:
            return
        from flopsfit_tui.train import measure  # torch

        about = {
            "parts": {name: digest for name, digest in content.parts.items() if name != "recipe"},
            "versions": dict(content.versions),
            "knob": workload.model_size_param,
            "batch": shapes,
            "loss": [recipe.pass_labels, recipe.reduction],
            "counter": inspect.getsource(measure),
        }
        self._key = content_hash(about)
        kept = self._cache.get(self._key)
        self._sizes = kept if isinstance(kept, dict) else {}

    def get(self, size: Setting, params: int) -> Size | None:
        """A size that has so many params and was measured; None for another."""
        kept = self._sizes.get(repr(size))
        if isinstance(kept, list) and len(kept) == 2 and kept[0] == params and isinstance(kept[1], float):
            return Size(size, params, kept[1])
        return None

    def keep(self, sizes: list[Size]) -> None:
        """Keep what was measured now."""
        new = {repr(s.size): [s.params, s.flops_per_token] for s in sizes if repr(s.size) not in self._sizes}
        if self._key and new:
            self._cache.put(self._key, {**self._sizes, **new})
