"""The training loop: what it learns, keeps, watches, and how it fails."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest

from mlzoo.core.errors import DivergedError, UsageError
from mlzoo.core.progress import Listener
from mlzoo.data.samples import Part
from mlzoo.training import full_batch
from mlzoo.training.building import build_model
from mlzoo.training.compiling import measure
from mlzoo.training.loop.batches import Batches, SampleFeed, chunks
from mlzoo.training.loop.early_stopping import Fitted
from mlzoo.training.loop.training import Training
from mlzoo.training.signals import Stop
from tests.training import made


def fit(tmp_path, data=None, **more) -> tuple[Fitted, keras.Model]:
    data = data or made.data()
    config = made.config(**more)
    model = build_model(config, data, config.seed)
    training = Training(model, data, config, tmp_path / "c", config.seed, Listener(), Stop())
    return training.fit(), model


@pytest.mark.backends
def test_it_learns_and_the_history_says_so(tmp_path) -> None:
    fitted, model = fit(tmp_path, epochs=30, learning_rate=0.1)
    assert [row["epoch"] for row in fitted.history] == list(range(1, len(fitted.history) + 1))
    assert fitted.history[-1]["loss"] < fitted.history[0]["loss"] / 2
    assert set(fitted.history[0]) == {
        "epoch",
        "loss",
        "accuracy",
        "val_loss",
        "val_accuracy",
        "learning_rate",
    }


def test_the_best_epochs_weights_are_kept(tmp_path) -> None:
    data = made.data()
    fitted, model = fit(tmp_path, data, epochs=25, learning_rate=1.5, early_stopping=0)
    values = [row["val_loss"] for row in fitted.history]
    assert fitted.kept_epoch == 1 + int(np.argmin(values)) < 25
    assert fitted.criterion == "best val_loss"
    assert measure(model, chunks(data.valid))["loss"] == pytest.approx(min(values), rel=1e-6)


def test_the_last_epochs_weights_are_kept_on_request(tmp_path) -> None:
    data = made.data()
    more = {"epochs": 25, "learning_rate": 1.5, "early_stopping": 0, "keep": "last"}
    fitted, model = fit(tmp_path, data, **more)
    assert (fitted.kept_epoch, fitted.criterion) == (25, "last epoch")
    last = fitted.history[-1]["val_loss"]
    assert measure(model, chunks(data.valid))["loss"] == pytest.approx(last, rel=1e-6)


def test_early_stopping_counts_epochs_without_improvement(tmp_path) -> None:
    more = {"epochs": 200, "learning_rate": 1.5, "early_stopping": 4}
    fitted, _ = fit(tmp_path, **more)
    values = [row["val_loss"] for row in fitted.history]
    assert len(values) == 1 + int(np.argmin(values)) + 4 < 200
    assert fitted.stopped == "val_loss did not improve for 4 epochs"


def test_early_stopping_waits_in_vain_for_a_baseline(tmp_path) -> None:
    given = {"early_stopping": 4, "early_stopping_baseline": 0.0}
    fitted, _ = fit(tmp_path, epochs=200, learning_rate=0.1, **given)
    values = [row["val_loss"] for row in fitted.history]
    assert len(values) == 4 and values[1] < values[0], "it improves, but not below 0"
    assert fitted.kept_epoch == 1 + int(np.argmin(values))
    assert fitted.stopped == "val_loss did not improve beyond 0 for 4 epochs"


def test_a_plateau_lowers_the_rate(tmp_path) -> None:
    more = {"schedule": "plateau", "plateau_patience": 2, "decay_factor": 0.1}
    fitted, _ = fit(tmp_path, epochs=40, learning_rate=1.5, early_stopping=0, **more)
    found = [row["learning_rate"] for row in fitted.history]
    assert found[0] == pytest.approx(1.5) and found[-1] < 0.1
    drops = [b / a for a, b in zip(found, found[1:], strict=False) if b != a]
    np.testing.assert_allclose(drops, 0.1, rtol=1e-5)


def test_the_history_holds_the_rate_of_each_epoch_s_last_step(tmp_path) -> None:
    data = made.data()
    more = {"schedule": "cosine", "epochs": 3, "learning_rate": 0.1, "early_stopping": 0}
    fitted, _ = fit(tmp_path, data, batch_size=20, **more)
    steps = -(-len(data.train) // 20)
    last = (np.arange(1, 4) * steps - 1) / (3 * steps)
    expected = 0.1 * (1 + np.cos(np.pi * last)) / 2
    np.testing.assert_allclose([r["learning_rate"] for r in fitted.history], expected, rtol=1e-6)


def test_no_validation_part_watches_the_training_loss(tmp_path) -> None:
    fitted, _ = fit(tmp_path, made.data(shares=(0.8, 0.0)), epochs=3)
    assert fitted.criterion == "best loss"
    with pytest.raises(UsageError, match="--monitor val_mae.*val_accuracy"):
        fit(tmp_path, monitor="val_mae")


@pytest.mark.backends
def test_class_weights_scale_the_loss_by_the_analytic_amount() -> None:
    data = made.data()
    config = made.config(optimizer="sgd")
    model = build_model(config, data, 0)
    model.compile("sgd", keras.losses.BinaryCrossentropy())
    rows = SampleFeed(data.train, 0, class_weights=np.array([1.0, 3.0]))
    inputs, targets, weights = next(Batches(data.train, rows, 36).epoch(0))
    outputs = np.asarray(model.predict_on_batch(inputs))[:, 0]
    losses = -np.log(np.where(targets == 1, outputs, 1 - outputs))
    expected = np.mean(losses * np.where(targets == 1, 3.0, 1.0))
    logs = model.test_on_batch(inputs, targets, weights, return_dict=True)
    assert float(logs["loss"]) == pytest.approx(expected, rel=1e-5)


def test_a_full_batch_is_one_step(tmp_path) -> None:
    steps = []

    class Count(Listener):
        def step(self, epoch, step, logs) -> None:
            steps.append((epoch, step))

    data, config = made.data(), made.config(batch_size="full", epochs=3)
    model = build_model(config, data, 0)
    Training(model, data, config, tmp_path / "c", 0, Count(), Stop()).fit()
    assert steps == [(1, 1), (2, 1), (3, 1)]


@pytest.mark.parametrize("keep", ["best", "last"])
@pytest.mark.backends
def test_a_nan_stops_with_epoch_step_samples_and_the_best_weights(keep, tmp_path) -> None:
    data = made.data(60)
    inputs = data.samples.inputs.copy()
    bad = int(data.train.indices[7])

    class Poison(Listener):
        """From the third epoch on one sample is NaN."""

        def epoch(self, row) -> None:
            if row["epoch"] == 2:
                training.batches.feed._inputs[7] = np.nan

    samples = replace(data.samples, inputs=inputs, names=[f"row {i}" for i in range(60)])
    data = replace(data, train=Part(samples, data.train.indices))
    config = made.config(epochs=5, batch_size=4, learning_rate=0.1, keep=keep)
    model = build_model(config, data, 0)
    training = Training(model, data, config, tmp_path / "c", 0, Poison(), Stop())
    with pytest.raises(
        DivergedError, match=r"nan in epoch 3, step \d+; .*--learning-rate 0.01"
    ) as e:
        training.fit()
    assert f"row {bad}" in e.value.facts["samples"]
    assert len(e.value.facts["samples"]) == 4
    assert e.value.facts["kept_epoch"] in (1, 2)
    assert all(np.isfinite(np.asarray(w)).all() for w in model.get_weights())


@pytest.mark.slow
@pytest.mark.backends
def test_xla_trains_to_about_the_same_weights(tmp_path) -> None:
    # Without dropout: XLA draws its masks with another generator.
    settings = {"hidden": [8], "dropout": 0}
    found = []
    for xla in ("on", "off"):
        _, model = fit(tmp_path / xla, epochs=1, xla=xla, model="mlp", set=settings)
        found.append(np.concatenate([np.ravel(w) for w in model.get_weights()]))
    np.testing.assert_allclose(*found, atol=1e-4)


@pytest.mark.slow
@pytest.mark.backends
def test_the_same_seed_gives_the_same_weights_and_another_does_not(tmp_path) -> None:
    def weights(name: str, seed: int) -> np.ndarray:
        _, model = fit(tmp_path / name, epochs=2, seed=seed, model="mlp")
        return np.concatenate([np.ravel(w) for w in model.get_weights()])

    np.testing.assert_array_equal(weights("a", 1), weights("b", 1))
    assert not np.array_equal(weights("c", 1), weights("d", 2))


@pytest.mark.backends
def test_lbfgs_reaches_the_least_squares_solution() -> None:
    data = made.data(80, task="regression")
    config = made.config(optimizer="lbfgs", epochs=60, early_stopping=0, keep="last")
    model = build_model(config, data, 0)
    fitted = full_batch.fit(model, data, config, Listener(), Stop())
    design = np.column_stack([data.train.inputs(), np.ones(len(data.train))])
    solution, *_ = np.linalg.lstsq(design, data.train.targets, rcond=None)
    expected = np.column_stack([data.test.inputs(), np.ones(len(data.test))]) @ solution
    found = np.asarray(model.predict_on_batch(data.test.inputs()))[:, 0]
    np.testing.assert_allclose(found, expected, rtol=2e-3)
    assert fitted.stopped.startswith("lbfgs: ")


def test_lbfgs_refuses_a_random_loss() -> None:
    data = made.data()
    config = made.config(model="mlp", optimizer="lbfgs", set={"dropout": 0.5})
    with pytest.raises(UsageError, match="same at each call"):
        full_batch.fit(build_model(config, data, 0), data, config, Listener(), Stop())


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.backends
def test_mixed_precision_computes_in_half_and_answers_in_single(tmp_path, precision: str) -> None:
    try:
        data = made.data()
        more = {"epochs": 25, "learning_rate": 0.02, "keep": "last", "precision": precision}
        _, model = fit(tmp_path, data, model="mlp", early_stopping=0, **more)
        hidden = model.get_layer("hidden1")
        assert hidden.compute_dtype == precision.removeprefix("mixed_")
        assert hidden.kernel.dtype == "float32"
        outputs = np.asarray(model.predict_on_batch(data.train.inputs()))
    finally:
        keras.config.set_dtype_policy("float32")
    assert outputs.dtype == np.float32
    assert np.mean((outputs[:, 0] > 0.5) == data.train.targets) > 0.9
