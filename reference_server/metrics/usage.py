"""What this process takes of the machine."""

from __future__ import annotations

import os
import time
from pathlib import Path

_STATM = Path("/proc/self/statm")


def memory_bytes() -> int:
    """Resident memory of this process; 0 on a system without ``/proc``."""
    try:
        resident_pages = int(_STATM.read_text().split()[1])
    except OSError:
        return 0
    return resident_pages * os.sysconf("SC_PAGE_SIZE")


class CpuMeter:
    """Processor time of all threads of this process, in percent of one core, since it was last asked."""

    def __init__(self) -> None:
        self._cpu_ns, self._wall_ns = time.process_time_ns(), time.monotonic_ns()
        self._latest = 0.0

    def percent(self) -> float:
        """The usage since the last call; the last answer again within a tenth of a second."""
        cpu_ns, wall_ns = time.process_time_ns(), time.monotonic_ns()
        elapsed_ns = wall_ns - self._wall_ns
        if elapsed_ns >= 100_000_000:
            self._latest = round(100 * (cpu_ns - self._cpu_ns) / elapsed_ns, 1)
            self._cpu_ns, self._wall_ns = cpu_ns, wall_ns
        return self._latest
