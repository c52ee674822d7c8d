"""Why a GPU is used or not: each link from the hardware to the backend, looked at in turn."""

from __future__ import annotations

import ctypes
import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

from mlzoo.runs import devices


class BackendReport(TypedDict):
    """Versions, backend and device; `gpu` is sentences on it that end with what to do."""

    versions: dict[str, str]
    backend: str
    device: str
    gpu: list[str]


def diagnose() -> BackendReport:
    """Return versions, backend, device, and why a GPU is used or not."""
    devices.prepare()
    import keras

    backend = keras.backend.backend()
    accelerators = devices.accelerators()
    return {
        "versions": devices.versions(),
        "backend": backend,
        "device": devices.device_name(),
        "gpu": [f"{name} will be used" for name in accelerators] or missing_links(backend),
    }


def missing_links(
    backend: str,
    exists: Callable[[str], bool] = lambda path: Path(path).exists(),
    loads: Callable[[str], bool] | None = None,
    installed: Callable[[str], bool] = lambda name: importlib.util.find_spec(name) is not None,
) -> list[str]:
    """Return the causes that keep this machine from training on a GPU, the first one first.

    The three functions ask the machine; tests pass others.
    """
    loads = loads or _loads
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0") in ("", "-1"):
        return ["hidden: CUDA_VISIBLE_DEVICES hides every GPU; unset it"]
    if not exists("/proc/driver/nvidia/version") and not exists("/dev/nvidiactl"):
        return ["no NVIDIA driver on this machine: there is no GPU, or install its driver first"]
    if not loads("libcuda.so.1"):
        return ["the NVIDIA driver's library libcuda.so.1 is not found: reinstall the driver"]
    wheels = {
        "tensorflow": ("nvidia.cudnn", "pip install 'mlzoo-keras[gpu]'"),
        "jax": ("jax_cuda12_plugin", "pip install 'jax[cuda12]'"),
    }
    if backend in wheels:
        module, command = wheels[backend]
        try:
            there = installed(module)
        except ModuleNotFoundError:
            there = False
        if not there and not (backend == "jax" and installed("jax_cuda13_plugin")):
            return [f"the driver is there, {backend}'s CUDA libraries are not: {command}"]
    return [
        f"driver and CUDA libraries are there, but {backend} sees no GPU: their versions may not "
        "fit each other; MLZOO_DEBUG=1 mlzoo doctor shows what the backend says"
    ]


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
