"""Doctor names the missing link, the first cause first."""

from __future__ import annotations

import pytest

from mlzoo.core.errors import ResourceError
from mlzoo.runs import devices
from mlzoo.training.preflight.diagnosis import diagnose, missing_links


@pytest.mark.parametrize(
    ("exists", "loads", "installed", "said"),
    [
        (False, False, False, "no NVIDIA driver"),
        (True, False, False, "libcuda.so.1 is not found"),
        (True, True, False, "pip install 'mlzoo-keras[gpu]'"),
        (True, True, True, "sees no GPU"),
    ],
)
def test_each_link_is_named(exists, loads, installed, said, monkeypatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    lines = missing_links(
        "tensorflow", lambda path: exists, lambda library: loads, lambda name: installed
    )
    assert said in lines[0]


def test_hidden_devices_come_first(monkeypatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert "CUDA_VISIBLE_DEVICES" in missing_links("jax")[0]


def test_a_missing_gpu_is_an_error_and_not_the_cpu(monkeypatch) -> None:
    monkeypatch.setattr(devices, "accelerators", list)
    with pytest.raises(ResourceError, match="sees no GPU.*mlzoo doctor"):
        devices.prepare("gpu")


def test_diagnose_names_backend_and_versions() -> None:
    import keras

    found = diagnose()
    assert found["backend"] == keras.backend.backend()
    assert found["versions"]["keras"] == keras.__version__
    assert found["gpu"]
