"""What every loss plug-in keeps to."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from mlzoo.core import registry
from mlzoo.core.errors import UsageError
from mlzoo.core.validation.values import losses_for
from mlzoo.data.specs import Outputs
from mlzoo.training.optimizers import build_loss
from tests.contracts import HALVED
from tests.plugins import check_config
from tests.training.made import config

NAMES = registry.names("loss")
PER = ("sample", "step", "token", "pixel", "horizon", "point", "symbol", "score", "episode")
ENTRIES = {
    values + per
    for values in ("classes", "ordered", "instances", "labels", "numbers", "inputs", "actions")
    for per in ("", *(f" per {each}" for each in PER))
}
OUTPUTS = {
    "classification": Outputs("classification", 3),
    "ordinal": Outputs("ordinal", 3),
    "multilabel": Outputs("multilabel", 3),
    "regression": Outputs("regression", 3, (1.0, 2.0, 3.0), (1.0, 2.0, 1.0)),
    "segmentation": Outputs("segmentation", 3),
    "instances": Outputs("instances", 3),
    "fields": Outputs("fields", 3, (1.0, 2.0, 3.0), (1.0, 2.0, 1.0)),
    "restoration": Outputs("restoration", 3, (0.5, 0.5, 0.5), (0.2, 0.2, 0.4)),
    "labeling": Outputs("labeling", 3),
    "forecasting": Outputs("forecasting", 3, (1.0, 2.0, 3.0), (1.0, 2.0, 1.0), horizon=4),
    "text": Outputs("text", 3),
    "translation": Outputs("translation", 3, shape=(5,)),
    "reconstruction": Outputs("reconstruction", 3, scaling=HALVED, shape=(3,)),
    "equations": Outputs("equations", 3),
    "anomaly": Outputs("anomaly", 3, scaling=HALVED, shape=(3,)),
}
SHAPES = {
    "sample": (6,),
    "point": (6,),
    "pixel": (6, 8, 8),
    "step": (6, 5),
    "token": (6, 5),
    "symbol": (6, 5),
    "horizon": (6, 4),
    "score": (6,),
}
TASKS = {name: [task for task in OUTPUTS if name in losses_for(task)] for name in NAMES}
CASES = [
    pytest.param(name, task, marks=pytest.mark.backends if task == tasks[0] else ())
    for name, tasks in TASKS.items()
    for task in tasks
]


def _batch(task: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Targets, predictions that are right, and predictions that are wrong."""
    generator, shape = np.random.default_rng(0), SHAPES[OUTPUTS[task].target.per]
    if OUTPUTS[task].target.is_input:
        raw = generator.normal(size=(*shape, 3)).astype("float32")
        return raw, raw / 2, raw / 2 + 2.0
    if OUTPUTS[task].target.values == "numbers":
        truth = generator.normal(size=(*shape, 3)).astype("float32")
        return truth, truth, truth + 2.0
    if OUTPUTS[task].target.is_label_set:
        labels = generator.integers(0, 2, size=(*shape, 3)).astype("float32")
        return labels, 0.1 + 0.8 * labels, 0.9 - 0.8 * labels
    truth = generator.integers(0, 3, size=shape)
    right = 0.9 * np.eye(3, dtype="float32")[truth] + np.float32(0.1 / 3)
    return truth.astype("int32"), right, np.roll(right, 1, axis=-1)


def _numbers(tensor: Any) -> np.ndarray:
    return keras.ops.convert_to_numpy(tensor)


@pytest.mark.parametrize("name", NAMES)
def test_settings_are_documented_and_agree_with_the_run(name: str) -> None:
    check_config("loss", name)


@pytest.mark.parametrize("name", NAMES)
def test_targets_are_of_the_vocabulary(name: str) -> None:
    targets = registry.constants("loss", name)["TARGETS"]
    assert isinstance(targets, tuple) and targets and {*targets} <= ENTRIES
    assert targets == registry.load("loss", name).TARGETS


@pytest.mark.parametrize(("name", "task"), CASES)
def test_what_is_right_costs_less_than_what_is_wrong(name: str, task: str) -> None:
    loss = build_loss(config(loss=name), OUTPUTS[task])
    truth, right, wrong = _batch(task)
    if registry.constants("loss", name).get("QUANTILES"):
        right, wrong = (np.stack([mid, mid - 0.5, mid + 0.5], axis=1) for mid in (right, wrong))
    elif registry.constants("loss", name).get("DISTRIBUTION"):
        std = np.full(truth.shape, 0.5, "float32")
        right, wrong = (np.stack([mean, std], axis=1) for mean in (right, wrong))
    costs = [_numbers(loss.call(truth, keras.ops.convert_to_tensor(p))) for p in (right, wrong)]
    assert all(cost.shape == (6,) and np.isfinite(cost).all() for cost in costs)
    assert (costs[0] < costs[1]).all()
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert _numbers(again.call(truth, keras.ops.convert_to_tensor(wrong))) == pytest.approx(
        costs[1]
    )


@pytest.mark.parametrize("name", NAMES)
def test_class_weights_matter_where_it_says_so(name: str) -> None:
    if name not in losses_for("segmentation"):
        return
    truth, _, wrong = _batch("segmentation")
    costs = [
        _numbers(build_loss(config(loss=name), OUTPUTS["segmentation"], w).call(truth, wrong))
        for w in (None, np.array([5.0, 1.0, 0.5]))
    ]
    says = bool(registry.constants("loss", name).get("CLASS_WEIGHTS"))
    assert np.allclose(*costs) != says


@pytest.mark.parametrize("task", OUTPUTS)
def test_losses_of_other_targets_are_refused(task: str) -> None:
    fitting = losses_for(task)
    assert fitting
    for name in {*NAMES} - {*fitting}:
        with pytest.raises(UsageError, match=f"--loss {name} does not fit {task}; choose"):
            build_loss(config(loss=name), OUTPUTS[task])


def test_losses_of_each_task() -> None:
    found = {task: set(losses_for(task)) for task in OUTPUTS}
    masks = {"crossentropy", "focal", "dice", "iou", "tversky", "lovasz", "topk", "boundary"}
    numbers, classes = {"mse", "mae", "huber"}, {"crossentropy", "focal"}
    expected = {
        "classification": classes,
        "ordinal": classes,
        "multilabel": {"binary_crossentropy"},
        "regression": numbers | {"gaussian_nll", "beta_nll", "student_t", "quantile"},
        "segmentation": masks,
        "instances": masks,
        "fields": numbers,
        "restoration": numbers,
        "labeling": masks - {"boundary"},
        "forecasting": numbers | {"quantile"},
        "text": classes,
        "translation": classes,
        "reconstruction": numbers,
        "anomaly": {"distance"},
        "equations": numbers,
    }
    # Other packages may add some.
    own = set(registry.own_names("loss"))
    assert {task: names & own for task, names in found.items()} == expected
