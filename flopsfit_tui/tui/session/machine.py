"""How busy the machine is: CPU, memory and, where there is one, NVIDIA's GPU. Read in a thread; nothing here raises."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from flopsfit_tui.core.units import format_bytes


@dataclass(frozen=True)
class Reading:
    """One look. Shares are 0 to 1; memory in bytes; GPU numbers are None where there is none."""

    cpu: float  # of all cores
    memory: float  # resident, of this process and its workers
    gpu: float | None = None  # busy, mean over GPUs
    gpu_memory: float | None = None  # used, of all GPUs

    def text(self) -> str:
        """``cpu 98%  mem 1.2 GiB  gpu 43% 12 GiB``."""
        text = f"cpu {self.cpu:.0%}  mem {format_bytes(self.memory)}"
        if self.gpu is not None:
            text += f"  gpu {self.gpu:.0%} {format_bytes(self.gpu_memory or 0)}"
        return text


class Machine:
    """Keeps what a reading needs of the one before."""

    def __init__(self) -> None:
        import psutil  # first paint comes before it

        self._psutil, self._own = psutil, psutil.Process()
        psutil.cpu_percent()  # the first call has nothing to compare with
        self._gpus = _gpus()

    def read(self) -> Reading:
        """Look now; the CPU's share is that since the last look."""
        cpu = self._psutil.cpu_percent() / 100
        memory = 0.0
        for process in [self._own, *self._own.children(recursive=True)]:
            with contextlib.suppress(self._psutil.Error):  # it has just ended
                memory += process.memory_info().rss
        return Reading(cpu, memory, *self._gpu())

    def _gpu(self) -> tuple[float | None, float | None]:
        if not self._gpus:
            return None, None
        import pynvml

        try:
            busy = [pynvml.nvmlDeviceGetUtilizationRates(gpu).gpu / 100 for gpu in self._gpus]
            used = [float(pynvml.nvmlDeviceGetMemoryInfo(gpu).used) for gpu in self._gpus]
        except pynvml.NVMLError:
            return None, None
        return sum(busy) / len(busy), sum(used)


def _gpus() -> list[object]:
    """Handles of NVIDIA's GPUs; none without its driver."""
    import pynvml

    try:
        pynvml.nvmlInit()
        return [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
    except pynvml.NVMLError:
        return []
