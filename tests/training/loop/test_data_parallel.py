"""Trainings on several devices of JAX, in a process that divides the processor into four."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import UsageError
from mlzoo.core.validation.consistency import check_fit
from mlzoo.runs import devices

ROOT = Path(__file__).parents[3]
COMMON = {
    "batch_size": 12,  # of 90 samples: the last batch of an epoch has 6, which 4 can't share
    "epochs": 2,
    "early_stopping": 0,
    "class_weights": "auto",
    "clip_norm": 1.0,
    "checkpoint_every": 0,
    "limit": 150,
    "preset": "none",
}
FAMILIES = {
    "mlp": {"data": "iris", "set": {"hidden": [8], "dropout": 0.3, "batch_normalization": True}},
    "cnn": {"data": "digits", "augment": "light", "set": {"filters": [4], "dropout": 0.2}},
}


def trainings(folder: Path) -> dict[str, Any]:
    """Weights, histories and digests of trainings; called in a process with four devices."""
    from mlzoo.runs import datasets
    from mlzoo.runs.config_loading import merge
    from mlzoo.training import checkpoints
    from mlzoo.training.building import build_model
    from mlzoo.training.loop.training import Training
    from mlzoo.training.signals import Stop
    from tests.training.test_resume import Cut, CutAt, Listener

    def train(model: str, name: str, on: str, listener: Listener | None = None) -> list[Any]:
        config = merge({"model": model, **COMMON, **FAMILIES[model], "devices": on}).config
        data = datasets.load(config)
        network = build_model(config, data, 0)
        place = folder / f"{model}-{name}"
        fitted = Training(network, data, config, place, 0, listener or Listener(), Stop()).fit()
        first = network.trainable_variables[0].value
        weights = [array.tolist() for array in checkpoints.values(network.weights)]
        return [weights, fitted.history, checkpoints.weights_sha256(network), len(first.devices())]

    seen: dict[str, Any] = {}
    for model in FAMILIES:
        seen[model] = {count: train(model, count, count) for count in ("1", "all")}
    with pytest.raises(Cut):
        train("mlp", "same", "all", CutAt(10))
    shutil.copytree(folder / "mlp-same", folder / "mlp-fewer")
    seen["same"] = train("mlp", "same", "all")
    seen["fewer"] = train("mlp", "fewer", "0,2")
    for name, on in {"more": "5", "absent": "1,7"}.items():
        try:
            train("mlp", name, on)
        except Exception as error:
            seen[name] = f"{type(error).__name__}: {error}"
    try:
        COMMON["batch_size"] = 10
        train("mlp", "uneven", "4")
    except Exception as error:
        seen["uneven"] = f"{type(error).__name__}: {error}"
    return seen


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("devices")
    code = (
        "import json, sys; from pathlib import Path\n"
        "from tests.training.loop.test_data_parallel import trainings\n"
        "print(json.dumps(trainings(Path(sys.argv[1]))))"
    )
    given = {
        "KERAS_BACKEND": "jax",
        "XLA_FLAGS": "--xla_force_host_platform_device_count=4 --xla_backend_optimization_level=0",
    }
    path = os.pathsep.join([str(ROOT), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", code, folder],
        capture_output=True,
        text=True,
        env={**os.environ, **given, "PYTHONPATH": path},
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return seen


def near(one: Any, other: Any) -> bool:
    """Return whether nested numbers are equal to single precision."""
    if isinstance(one, list):
        return len(one) == len(other) and all(map(near, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(near(one[name], other[name]) for name in one)
    return one == pytest.approx(other, rel=1e-4, abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("model", FAMILIES)
def test_four_devices_train_as_one(seen: dict[str, Any], model: str) -> None:
    weights, history, digest, _ = seen[model]["1"]
    shared_weights, shared_history, shared_digest, devices_after = seen[model]["all"]
    assert near(weights, shared_weights)
    assert near(history, shared_history)
    assert shared_digest != digest  # sums were rounded otherwise, so the work was shared
    assert devices_after == 1


@pytest.mark.slow
def test_a_cut_on_as_many_devices_changes_no_bit(seen: dict[str, Any]) -> None:
    assert seen["same"][1:3] == seen["mlp"]["all"][1:3]


@pytest.mark.slow
def test_a_cut_goes_on_with_fewer_devices(seen: dict[str, Any]) -> None:
    assert near(seen["fewer"][:2], seen["mlp"]["all"][:2])
    assert seen["fewer"][2] != seen["mlp"]["all"][2]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("more", "ResourceError: --devices 5: JAX sees 4, cpu:0, cpu:1, cpu:2, cpu:3; choose"),
        ("absent", "ResourceError: --devices 1,7: JAX sees 4"),
        ("uneven", "UsageError: --devices: a batch of 10 samples can't be shared out equally to 4"),
    ],
)
def test_what_there_is_not_is_refused(seen: dict[str, Any], name: str, message: str) -> None:
    assert seen[name].startswith(message)


@pytest.mark.parametrize("text", ["0", "", "-1", "a", "0,,1", "1.5", "0,0", "yes"])
def test_what_names_no_devices_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="devices"):
        RunConfig(model="mlp", data="iris", devices=text)


@pytest.mark.parametrize(
    ("given", "text"), [("all", "all"), (2, "2"), ("0, 2", "0,2"), ("3,", "3,"), ([0, 1], "0,1,")]
)
def test_devices_are_named_by_count_or_number(given: object, text: str) -> None:
    assert RunConfig(model="mlp", data="iris", devices=given).devices == text


def test_only_jax_shares_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    assert devices.shared("1") == ()
    with pytest.raises(UsageError, match="--devices 2: only JAX .* set KERAS_BACKEND=jax"):
        devices.shared("2")


@pytest.mark.parametrize("task", ["equations", "control"])
def test_tasks_without_batches_take_no_devices(task: str) -> None:
    with pytest.raises(UsageError, match=f"--devices is not for {task}"):
        check_fit(RunConfig(model="pinn", data="heat", devices="2"), task)
