"""Out of memory: a training goes on in smaller parts, and ends with the same weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from mlzoo.core.progress import Listener
from mlzoo.training import checkpoints
from mlzoo.training.building import build_model
from mlzoo.training.loop.accumulation import micro_batches
from mlzoo.training.loop.early_stopping import Fitted
from mlzoo.training.loop.training import Training
from mlzoo.training.optimizers import WholeSteps
from mlzoo.training.signals import Stop
from tests.training import made


class Heard(Listener):
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def fit(
    folder: Path, fails: Callable[[Training, int], bool] | None = None, **more: object
) -> tuple[Fitted, list[np.ndarray], Heard, list[int]]:
    """Train on batches of 20 and 16 samples; `fails` says of which a step fails."""
    config = made.config(epochs=5, batch_size=20, early_stopping=0, keep="last", **more)
    data, heard, sizes = made.data(), Heard(), []
    model = build_model(config, data, 0)
    training = Training(model, data, config, folder, 0, heard, Stop())
    whole = training.fed

    def fed(batch: tuple[np.ndarray, ...], step: int) -> object:
        if fails is not None and fails(training, len(batch[1])):
            raise RuntimeError("RESOURCE_EXHAUSTED: OOM when allocating a tensor")
        sizes.append(len(batch[1]))
        return whole(batch, step)  # type: ignore[arg-type]

    training.fed = fed  # type: ignore[method-assign]
    return training.fit(), checkpoints.values(model.weights), heard, sizes


def from_epoch_3(training: Training, size: int) -> bool:
    """Memory holds 5 samples from the second step of epoch 3 on."""
    return (training.place.epoch, training.place.step) >= (3, 1) and size > 5


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"optimizer": "adam"}, marks=pytest.mark.backends),
        {"optimizer": "momentum", "clip_norm": 0.1},
        {"optimizer": "adamw", "class_weights": "auto"},
    ],
)
def test_a_training_that_runs_out_of_memory_ends_with_the_same_weights(
    tmp_path: Path, more: dict[str, object]
) -> None:
    plain, expected, _, _ = fit(tmp_path / "plain", **more)
    fitted, found, heard, sizes = fit(tmp_path / "parts", from_epoch_3, **more)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-6)
    assert [row["epoch"] for row in fitted.history] == [1, 2, 3, 4, 5]
    for one, two in zip(fitted.history, plain.history, strict=True):
        assert one["val_loss"] == pytest.approx(two["val_loss"], rel=1e-4)
        assert one["accuracy"] == pytest.approx(two["accuracy"], abs=1e-6)
    assert max(sizes[-8:]) == 5, "four micro-batches a step"
    assert len(heard.warnings) == len(fitted.events) == 2, "halved twice"
    assert "epoch 3" in fitted.events[0] and "10 samples at a time" in fitted.events[0]
    assert (
        "5 samples at a time" in fitted.events[1]
        and "a step is still made of 20" in heard.warnings[1]
    )


def test_a_schedule_goes_on_where_it_was(tmp_path: Path) -> None:
    more = {"optimizer": "sgd", "schedule": "step", "decay_every": 2, "decay_factor": 0.1}
    plain, expected, _, _ = fit(tmp_path / "plain", **more)
    fitted, found, _, _ = fit(tmp_path / "parts", from_epoch_3, **more)
    rates = [row["learning_rate"] for row in plain.history]
    assert [row["learning_rate"] for row in fitted.history] == pytest.approx(rates)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-4)


def test_the_rate_of_every_step_is_that_of_a_training_in_whole_steps(tmp_path: Path) -> None:
    more = {"schedule": "cosine", "warmup": 1, "learning_rate": 0.05}
    plain, expected, _, _ = fit(tmp_path / "plain", optimizer="adam", **more)
    fitted, found, heard, _ = fit(tmp_path / "parts", from_epoch_3, optimizer="adam", **more)
    assert len(heard.warnings) == 2
    rates = [[row["learning_rate"] for row in one.history] for one in (plain, fitted)]
    assert rates[0] == pytest.approx(rates[1], rel=1e-6)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-6)


@pytest.mark.backends
def test_a_schedule_over_whole_steps_is_saved_and_loaded() -> None:
    schedules = keras.optimizers.schedules
    own = WholeSteps(schedules.ExponentialDecay(1.0, 1, 0.5), 4)
    for each in (own, schedules.deserialize(schedules.serialize(own))):
        assert [float(each(step)) for step in (0, 3, 4, 11)] == [1.0, 1.0, 0.5, 0.25]


def test_what_does_not_fit_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="RESOURCE_EXHAUSTED"):
        fit(tmp_path, lambda training, size: True)


def test_other_errors_are_not_taken_for_it(tmp_path: Path) -> None:
    def fails(training: Training, size: int) -> bool:
        raise ValueError("something else")

    with pytest.raises(ValueError, match="something else"):
        fit(tmp_path, fails)


@pytest.mark.backends
def test_a_run_in_parts_is_resumed_in_parts(tmp_path: Path) -> None:
    _, expected, _, _ = fit(tmp_path / "whole", from_epoch_3)

    class Stopped(Exception):
        pass

    def killed(training: Training, size: int) -> bool:
        if training.place.epoch == 5:
            raise Stopped
        return from_epoch_3(training, size)

    with pytest.raises(Stopped):
        fit(tmp_path / "broken", killed, checkpoint_every=0)
    fitted, found, _, sizes = fit(tmp_path / "broken", checkpoint_every=0)
    assert set(sizes) <= {4, 5} and len(fitted.events) == 2
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_parts_weigh_as_their_samples_do() -> None:
    inputs, targets = np.arange(6.0)[:, None], np.arange(6)
    parts = list(micro_batches((inputs, targets, None), 4))
    assert [p[1].tolist() for p in parts] == [[0], [1, 2], [3], [4, 5]]
    weights = np.concatenate([p[2] / len(p[1]) / 4 for p in parts])  # type: ignore[operator]
    np.testing.assert_allclose(weights, 1 / 6, rtol=1e-6)
    assert all(p[2] is None for p in micro_batches((inputs, targets, None), 3))
    few = list(micro_batches((inputs[:1], targets[:1], None), 2))
    assert [float(p[2].sum()) for p in few] == [0.0, 2.0]  # type: ignore[union-attr]


def test_batch_normalization_is_told_of(tmp_path: Path) -> None:
    from mlzoo.training.loop.accumulation import caveat

    x = keras.Input((3,))
    plain = keras.Model(x, keras.layers.Dense(1)(x))
    normal = keras.Model(x, keras.layers.BatchNormalization()(keras.layers.Dense(1)(x)))
    assert caveat(plain, False, 8) == ""
    assert "batch normalization takes its means over 8 samples" in caveat(normal, False, 8)
