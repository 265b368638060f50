"""What decides a sweep's losses, as hashes: enough to say whether, and in what, two sweeps differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Identity:
    """Hashes of a workload's parts, by name; the versions of the libraries they use; what cannot be compared."""

    parts: Mapping[str, str] = field(default_factory=dict)  # empty: planned by a version that did not look so closely
    versions: Mapping[str, str] = field(default_factory=dict)
    unsure: tuple[str, ...] = ()  # such as "dataset.client (a socket)"

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Identity:
        """Read what `dataclasses.asdict` and JSON made of one."""
        return cls(raw.get("parts", {}), raw.get("versions", {}), tuple(raw.get("unsure", ())))

    def notes(self) -> list[str]:
        """What the user should know before a sweep is begun that cannot be resumed as usual."""
        if not self.unsure:
            return []
        return [
            f"cannot be compared from one run to the next: {', '.join(self.unsure)}; a later run reuses these losses "
            f"only with --resume-anyway (find_optimal: resume_anyway=True)"
        ]

    def changes(self, before: Identity) -> list[str]:
        """What differs from an earlier sweep's, in words."""
        if not before.parts:
            return ["it was made by a version of flopsfit-tui that did not record data, closures and attributes"]
        said = []
        for name in sorted(self.parts.keys() | before.parts.keys()):
            if self.parts.get(name) != before.parts.get(name):
                said.append(f"{name} has changed")
        for name in sorted(self.versions.keys() & before.versions.keys()):
            if self.versions[name] != before.versions[name]:
                said.append(f"{name} was {before.versions[name]} and is {self.versions[name]}")
        return said
