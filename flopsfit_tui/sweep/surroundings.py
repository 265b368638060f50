"""What every node must have like the sweep's own: versions, and the workload's file."""

from __future__ import annotations

import hashlib
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flopsfit_tui.core.version import __version__


@dataclass(frozen=True)
class Surroundings:
    """What must be the same on every node for losses to be comparable."""

    versions: dict[str, str]  # of Python's minor version, torch and this package
    file: str  # the workload's file; "" where it is no file
    digest: str  # of its content

    @classmethod
    def here(cls, workload: Any) -> Surroundings:
        """Those of this process, for a workload."""
        import importlib.metadata

        versions = {"flopsfit-tui": __version__, "Python": ".".join(platform.python_version_tuple()[:2])}
        versions["torch"] = importlib.metadata.version("torch")
        file = workload.rpartition(".py")[0] + ".py" if isinstance(workload, str) and ".py" in workload else ""
        digest = hashlib.sha256(Path(file).read_bytes()).hexdigest() if file and Path(file).is_file() else ""
        return cls(versions, str(Path(file).resolve()) if file else "", digest)

    def difference(self) -> str:
        """What this node has otherwise, as a sentence; "" where nothing differs."""
        ours = Surroundings.here(self.file or None)
        for name, version in self.versions.items():
            if ours.versions[name] != version:
                return (
                    f"node {platform.node()} has {name} {ours.versions[name]} where the sweep's has {version}; "
                    "install the same on every node"
                )
        if ours.digest != self.digest:
            what = "another version of" if ours.digest else "no"
            return f"node {platform.node()} has {what} {self.file}; give every node the same files"
        return ""
