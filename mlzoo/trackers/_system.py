"""Load of the machine while a run trains: processors, memory and NVIDIA GPUs, for trackers.

Names are those that MLflow shows as system metrics; megabytes are 10^6 bytes. GPUs are asked
through the library of NVIDIA's driver (NVML, https://docs.nvidia.com/deploy/nvml-api); without it
there are no figures of any.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

import psutil

_MEGABYTE = 10**6
_LIBRARY = "nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1"


class _Utilization(ctypes.Structure):
    """`nvmlUtilization_t`: shares of the time since the last sample, in percent."""

    _fields_ = [("gpu", ctypes.c_uint), ("memory", ctypes.c_uint)]


class _Memory(ctypes.Structure):
    """`nvmlMemory_t`, in bytes."""

    _fields_ = [(name, ctypes.c_ulonglong) for name in ("total", "free", "used")]


class SystemFigures:
    """Figures of the machine and of this process; loads are means since the last call."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._library, self._gpus = _opened_gpus()
        self._process.cpu_percent()  # The first call has nothing to compare with.
        psutil.cpu_percent()

    def read(self) -> dict[str, float]:
        """Return the figures by name; percentages from 0 to 100, of this process 100 a core."""
        memory = psutil.virtual_memory()
        values = {
            "system/cpu_utilization_percentage": psutil.cpu_percent(),
            "system/system_memory_usage_megabytes": memory.used / _MEGABYTE,
            "system/system_memory_usage_percentage": memory.percent,
            "system/process_cpu_percentage": self._process.cpu_percent(),
            "system/process_memory_megabytes": self._process.memory_info().rss / _MEGABYTE,
        }
        for number, gpu in enumerate(self._gpus):
            values |= self._read_gpu(f"system/gpu_{number}", gpu)
        return values

    def _read_gpu(self, name: str, gpu: Any) -> dict[str, float]:
        """Return the figures of a GPU; partitioned ones (MIG) tell no utilization."""
        values: dict[str, float] = {}
        load, memory = _Utilization(), _Memory()
        if not self._library.nvmlDeviceGetUtilizationRates(gpu, ctypes.byref(load)):
            values[f"{name}_utilization_percentage"] = float(load.gpu)
        if not self._library.nvmlDeviceGetMemoryInfo(gpu, ctypes.byref(memory)) and memory.total:
            values[f"{name}_memory_usage_megabytes"] = memory.used / _MEGABYTE
            values[f"{name}_memory_usage_percentage"] = 100 * memory.used / memory.total
        return values


def _opened_gpus() -> tuple[Any, list[ctypes.c_void_p]]:
    """Return NVML and its handles of the GPUs; None and an empty list without a driver."""
    try:
        library = ctypes.CDLL(_LIBRARY)
        count = ctypes.c_uint()
        if library.nvmlInit_v2() or library.nvmlDeviceGetCount_v2(ctypes.byref(count)):
            return None, []
    except (OSError, AttributeError):
        return None, []
    gpus = [ctypes.c_void_p() for _ in range(count.value)]
    for number, gpu in enumerate(gpus):
        library.nvmlDeviceGetHandleByIndex_v2(number, ctypes.byref(gpu))
    return library, gpus
