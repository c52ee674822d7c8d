"""Figures of the machine: their names, units and ranges, with GPUs and without."""

from __future__ import annotations

import ctypes
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from mlzoo.core.configs import RunConfig
from mlzoo.core.progress import Listener, read_epochs
from mlzoo.data.contracts import RunInfo
from mlzoo.runs.run_folder import EPOCHS
from mlzoo.runs.tracking import TrackedListener
from mlzoo.trackers import _system as system


class Driver:
    """Stand-in for NVML: GPU 0 is busy, GPU 1 is partitioned and tells its memory alone."""

    def nvmlInit_v2(self) -> int:
        return 0

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:
        count._obj.value = 2
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, number: int, gpu: Any) -> int:
        gpu._obj.value = number + 1
        return 0

    def nvmlDeviceGetUtilizationRates(self, gpu: Any, load: Any) -> int:
        load._obj.gpu = 75
        return 0 if gpu.value == 1 else 3  # NVML_ERROR_NOT_SUPPORTED

    def nvmlDeviceGetMemoryInfo(self, gpu: Any, memory: Any) -> int:
        memory._obj.total, memory._obj.used = 16 * 10**9, gpu.value * 4 * 10**9
        return 0


def missing(*name: str) -> None:
    raise OSError(f"{name}: no such file")


def test_figures_have_the_units_of_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", missing)
    memory = SimpleNamespace(used=3 * 10**9, percent=37.5)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    figures = system.SystemFigures()
    end = time.process_time() + 0.05
    while time.process_time() < end:
        pass
    values = figures.read()
    assert values["system/system_memory_usage_megabytes"] == 3000
    assert values["system/system_memory_usage_percentage"] == 37.5
    assert 0 < values["system/process_cpu_percentage"] < 100 * (psutil.cpu_count() or 1) + 1
    own = psutil.Process().memory_info().rss / 1e6
    assert values["system/process_memory_megabytes"] == pytest.approx(own, rel=0.1)
    assert not [name for name in values if "gpu" in name]


def test_gpus_are_told_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Driver())
    values = system.SystemFigures().read()
    assert {name: value for name, value in values.items() if "gpu" in name} == {
        "system/gpu_0_utilization_percentage": 75,
        "system/gpu_0_memory_usage_megabytes": 4000,
        "system/gpu_0_memory_usage_percentage": 25,
        "system/gpu_1_memory_usage_megabytes": 8000,
        "system/gpu_1_memory_usage_percentage": 50,
    }


def reported(folder: Path) -> tuple[set[str], set[str]]:
    """Return the names that an epoch has at a tracker, and in the run folder."""
    config = RunConfig(model="mlp", data="iris", log=["csv"])
    tracking = TrackedListener(Listener(), config, RunInfo("run", folder, {}))
    tracking.start("seed-0", 1, 1)
    tracking.epoch({"epoch": 1, "loss": 0.5})
    tables = (folder / "trackers" / "epochs.csv", folder / EPOCHS)
    tracked, kept = ({value.name for value in read_epochs(table)} for table in tables)
    return tracked, kept


def test_trackers_get_the_figures_and_the_run_folder_does_not(tmp_path: Path) -> None:
    tracked, kept = reported(tmp_path)
    assert {"loss", "system/cpu_utilization_percentage"} <= tracked
    assert kept == {"loss"}


def test_a_machine_that_tells_nothing_stops_no_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psutil, "Process", missing)
    assert reported(tmp_path) == ({"loss"}, {"loss"})
