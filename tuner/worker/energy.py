"""What a GPU has drawn, as NVIDIA's own counter tells it. Where there is none, nothing is said.

The counter is the whole card's: other programs on it count too, and so do the other slices of a divided card (MIG),
none of which has a counter of its own. Volta and newer cards have it.
"""

from __future__ import annotations

import os
from typing import Any


class Meter:
    """Reads the card that a child process trains on. Blocking: a coroutine hands `spent_j` to a thread."""

    def __init__(self) -> None:
        self._card: Any = None
        self._last: float | None = None
        self._is_looked_for = False

    def start(self, device: str) -> None:
        """What was drawn before now does not count. Every device but `cuda` has no counter."""
        self._last = self._read() if device == "cuda" else None

    def spent_j(self) -> float | None:
        """Promises the joules since the last call (or `start`), None where they are not known."""
        if self._last is None:
            return None
        now, before = self._read(), self._last
        self._last = now
        return None if now is None or now < before else now - before

    def _read(self) -> float | None:
        """Joules since the driver was loaded."""
        try:
            import pynvml  # from nvidia-ml-py, which a machine without a GPU does not need
        except ImportError:
            return None
        try:
            if not self._is_looked_for:
                self._is_looked_for = True
                pynvml.nvmlInit()
                self._card = _card(pynvml, os.environ.get("CUDA_VISIBLE_DEVICES", ""))
            return None if self._card is None else pynvml.nvmlDeviceGetTotalEnergyConsumption(self._card) / 1000
        except pynvml.NVMLError:
            return None


def _card(pynvml: Any, visible: str) -> Any:
    """The first card that CUDA shows; NVML itself does not heed CUDA_VISIBLE_DEVICES."""
    first = visible.split(",")[0].strip()
    if first.startswith("GPU-"):
        return pynvml.nvmlDeviceGetHandleByUUID(first)
    if first.startswith("MIG-"):
        return pynvml.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(pynvml.nvmlDeviceGetHandleByUUID(first))
    return pynvml.nvmlDeviceGetHandleByIndex(int(first) if first.isdigit() else 0)
