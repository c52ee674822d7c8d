"""Optimizers, schedules and losses are what their names say."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from pydantic import ValidationError

from mlzoo.core import registry
from mlzoo.core.errors import UsageError
from mlzoo.core.progress import Listener
from mlzoo.core.validation.values import is_full_batch
from mlzoo.data.specs import Outputs
from mlzoo.training import full_batch
from mlzoo.training.building import build_model
from mlzoo.training.optimizers import build_loss, build_optimizer, scale_note, scales
from mlzoo.training.signals import Stop
from tests.training.made import config, data


def rates(steps: int, per_epoch: int, **more) -> list[float]:
    schedule = build_optimizer(config(**more), per_epoch)._learning_rate
    return [float(keras.ops.convert_to_numpy(schedule(step))) for step in range(steps)]


def test_lbfgs_says_where_it_stopped_before_it_converged() -> None:
    own = data(task="regression")
    warned: dict[int, list[str]] = {}
    for epochs in (2, 100):
        chosen = config(optimizer="lbfgs", epochs=epochs, early_stopping=0)
        listener = Listener()
        warned[epochs] = []
        listener.warn = warned[epochs].append  # type: ignore[method-assign]
        fitted = full_batch.fit(build_model(chosen, own, 0), own, chosen, listener, Stop())
    assert warned[2] == ["lbfgs stopped after 2 iterations, before it converged; raise --epochs"]
    assert warned[100] == [] and fitted.stopped == "lbfgs: converged"


@pytest.mark.parametrize("name", [n for n in registry.names("optimizer") if not is_full_batch(n)])
@pytest.mark.backends
def test_every_optimizer_goes_downhill(name: str) -> None:
    # Two steps of each on the bowl x^2 + y^2 from (6, 6): both coordinates fall alike.
    point = keras.Variable(np.array([6.0, 6.0], "float32"))
    optimizer = build_optimizer(config(optimizer=name, learning_rate=0.1), 1)
    for _ in range(2):
        optimizer.apply([2 * point.value], [point])
    found = keras.ops.convert_to_numpy(point.value)
    assert found[0] == found[1] < 6.0


@pytest.mark.backends
def test_sgd_momentum_and_nesterov_by_hand() -> None:
    # On the bowl from 6 with rate .1: x -= .1 * 2x; momentum .9 adds .9 of the last move.
    ends = {}
    for name in ("sgd", "momentum", "nesterov"):
        point = keras.Variable(np.array([6.0], "float32"))
        optimizer = build_optimizer(config(optimizer=name, learning_rate=0.1), 1)
        for _ in range(2):
            optimizer.apply([2 * point.value], [point])
        ends[name] = float(keras.ops.convert_to_numpy(point.value)[0])
    assert ends["sgd"] == pytest.approx(6 * 0.8 * 0.8, rel=1e-6)
    # v1 = -1.2, x1 = 4.8; v2 = .9 * -1.2 - .96 = -2.04, x2 = 2.76
    assert ends["momentum"] == pytest.approx(2.76, rel=1e-6)
    # v1 = -1.2, x1 = 6 + .9 * -1.2 - 1.2 = 3.72; v2 = -1.08 - .744 = -1.824,
    # x2 = 3.72 + .9 * -1.824 - .744 = 1.3344
    assert ends["nesterov"] == pytest.approx(1.3344, rel=1e-6)


def test_cosine_rises_then_falls_to_zero() -> None:
    found = rates(101, 10, schedule="cosine", warmup=2, epochs=10, learning_rate=0.5)
    assert found[0] == 0
    assert found[10] == pytest.approx(0.25, rel=1e-5)  # half of the warm-up
    assert found[20] == pytest.approx(0.5, rel=1e-5)
    assert found[60] == pytest.approx(0.25, rel=1e-5)  # half of the rest
    assert found[100] == pytest.approx(0.0, abs=1e-6)


def test_cosine_without_warmup_starts_at_the_rate() -> None:
    found = rates(31, 3, schedule="cosine", epochs=10, learning_rate=0.2)
    assert found[0] == pytest.approx(0.2)
    assert found[15] == pytest.approx(0.1, rel=1e-5)


def test_step_halves_every_few_epochs() -> None:
    found = rates(40, 5, schedule="step", decay_every=3, decay_factor=0.5, learning_rate=0.8)
    assert found[0] == found[14] == pytest.approx(0.8)
    assert found[15] == found[29] == pytest.approx(0.4)
    assert found[30] == pytest.approx(0.2)


@pytest.mark.backends
def test_clipping_bounds_a_step() -> None:
    for more, expected in (({"clip_norm": 1.0}, [-0.6, -0.8]), ({"clip_value": 3.5}, [-3.0, -3.5])):
        point = keras.Variable(np.zeros(2, "float32"))
        optimizer = build_optimizer(config(optimizer="sgd", learning_rate=1.0, **more), 1)
        optimizer.apply([keras.ops.convert_to_tensor([3.0, 4.0])], [point])
        np.testing.assert_allclose(keras.ops.convert_to_numpy(point.value), expected, rtol=1e-6)
    with pytest.raises(ValidationError, match="exclude each other"):
        config(clip_norm=1.0, clip_value=1.0)


def test_losses_by_task() -> None:
    two, three = Outputs("classification", 1), Outputs("classification", 3)
    number = Outputs("regression", 1, (100.0,), (10.0,))
    assert isinstance(build_loss(config(), two), keras.losses.BinaryCrossentropy)
    assert isinstance(build_loss(config(), three), keras.losses.SparseCategoricalCrossentropy)
    # Losses on numbers are taken in standard deviations: an error of 20 is 2 of them.
    truth, said = np.array([[100.0]], "float32"), np.array([[120.0]], "float32")
    for name, expected in (("mse", 4.0), ("mae", 2.0), ("huber", 1.5)):
        loss = build_loss(config(loss=name), number)
        assert float(keras.ops.convert_to_numpy(loss(truth, said))) == pytest.approx(expected)
    with pytest.raises(UsageError, match="mse does not fit classification"):
        build_loss(config(loss="mse"), two)
    with pytest.raises(UsageError, match="focal does not fit regression"):
        build_loss(config(loss="focal"), number)


@pytest.mark.slow
def test_scales_of_a_history_are_told_where_they_differ() -> None:
    numbers = Outputs("regression", 1, mean=(21.3,), std=(7.8,))
    assert scales(config(), numbers) == {
        "loss": "mse of standardized target",
        "mae": "units of the target",
    }
    assert scale_note(config(loss="huber"), numbers) == (
        "scales: loss is huber of standardized target, mae is in units of the target; "
        "standardized means minus 21.3, divided by 7.8, from the training split"
    )
    several = Outputs("forecasting", 2, mean=(1.0, 2.0), std=(1.0, 3.0), horizon=4)
    assert "targets" in scales(config(), several)["loss"]
    assert "(first of 2 targets)" in scale_note(config(), several)
    classes = Outputs("classification", 3)
    assert scales(config(), classes) == {} and scale_note(config(), classes) == ""
