"""A workload made of any objects and closures, as something small that a worker process can be sent."""

from __future__ import annotations

import atexit
import hashlib
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cloudpickle

from flopsfit_tui.core.workload import Workload


@dataclass(frozen=True)
class PickledWorkload:
    """Where a pickled workload lies; a worker reads it once, however many trials it trains."""

    path: str
    digest: str

    def load(self) -> Workload:
        """The workload."""
        workload: Workload = cloudpickle.loads(Path(self.path).read_bytes())
        return workload


def pickle_workload(workload: Workload) -> PickledWorkload:
    """Write a workload where the workers of this machine can read it, until this process ends.

    Raises TypeError naming what cannot be pickled.
    """
    try:
        content = cloudpickle.dumps(workload)
    except Exception as error:
        raise TypeError(
            f"the workload cannot be sent to worker processes ({type(error).__name__}: {error}); use "
            f"executor='thread', or data that can be pickled"
        ) from error
    digest = hashlib.sha256(content).hexdigest()[:16]
    path = Path(_folder().name) / digest
    path.write_bytes(content)
    return PickledWorkload(str(path), digest)


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    folder = tempfile.TemporaryDirectory(prefix="flopsfit-tui-")
    atexit.register(folder.cleanup)
    return folder
