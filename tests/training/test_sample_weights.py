"""Weights of samples: a column of a table, and what it changes in the losses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import DataError, MlzooError, UsageError
from mlzoo.core.progress import Listener
from mlzoo.data import loading
from mlzoo.data.quality.digests import fingerprint
from mlzoo.data.samples import Data, Part, Samples
from mlzoo.training import full_batch
from mlzoo.training.building import build_model
from mlzoo.training.compiling import measure
from mlzoo.training.loop.batches import build_batches, sample_weights, validation
from mlzoo.training.signals import Stop
from tests.training import made


def table(folder: Path, weights: list[str], rows: int = 12) -> Path:
    """Rows u,v,w,y with weights that repeat."""
    lines = [f"{i},{i % 5},{weights[i % len(weights)]},{3 * i + 1}" for i in range(rows)]
    path = folder / "t.csv"
    path.write_text("\n".join(["u,v,w,y", *lines]) + "\n")
    return path


def read(path: Path, **fields: object) -> Samples:
    return loading.read(RunConfig(model="linear", data=str(path), **fields))


def weighted(data: Data, weights: np.ndarray) -> Data:
    samples = replace(data.samples, weights=weights)
    parts = {name: Part(samples, part.indices) for name, part in data.parts().items()}
    return replace(data, samples=samples, **parts)


def test_a_column_of_weights_is_no_input(tmp_path: Path) -> None:
    path = table(tmp_path, ["1", "2", "3"])
    samples = read(path, weight_column="w", task="regression")
    assert [column.name for column in samples.columns] == ["u", "v"]
    assert samples.weights is not None
    np.testing.assert_allclose(samples.weights[:3], [0.5, 1.0, 1.5])
    assert "weights: column 'w' (--weight-column)" in samples.notes
    # Only their proportions count; other weights are other data.
    assert read(table(tmp_path, ["2", "4", "6"]), weight_column="w", task="regression") is not None
    scaled = read(table(tmp_path, ["2", "4", "6"]), weight_column="w", task="regression")
    assert (
        fingerprint(scaled)
        == fingerprint(samples)
        != fingerprint(replace(samples, weights=samples.weights[::-1]))
    )


def test_rows_of_weight_zero_are_left_out(tmp_path: Path) -> None:
    samples = read(table(tmp_path, ["0", "2"]), weight_column="w", task="regression")
    assert samples.names == [f"row {i}" for i in range(2, 13, 2)]
    assert samples.inputs[:, 0].tolist() == [1, 3, 5, 7, 9, 11]
    assert samples.weights is not None and samples.weights.tolist() == [1.0] * 6
    assert any("6 rows of weight 0 are left out" in note for note in samples.notes)


@pytest.mark.parametrize(
    ("weights", "fields", "message"),
    [
        (["1", "-2", ""], {}, "'w' has 8 values that are missing or below 0 .*row 2: -2"),
        (["a", "b"], {}, "'w' holds text; give a column of numbers"),
        (["0"], {}, "all values of 'w' are 0"),
        (["1"], {"weight_column": "x"}, "--weight-column: unknown column 'x'"),
        (["1"], {"target": "w"}, "'w' is the target; choose another column"),
        (["1"], {"model": "autoencoder"}, "--weight-column has no effect on models without labels"),
    ],
)
def test_weights_that_cannot_be_used(
    weights: list[str], fields: dict[str, str], message: str, tmp_path: Path
) -> None:
    path = str(table(tmp_path, weights))
    config = RunConfig(**{"model": "linear", "data": path, "weight_column": "w", **fields})
    with pytest.raises(MlzooError, match=f"(?s){message}"):
        loading.read(config)


def test_weights_multiply_those_of_classes_and_reach_validation() -> None:
    weights = np.linspace(0.5, 1.5, 50)
    data = weighted(made.data(50), weights)
    of_class = np.array([1.0, 3.0])
    expected = weights[:30] * of_class[data.train.targets]
    np.testing.assert_allclose(sample_weights(data.train, of_class), expected, rtol=1e-6)
    feed = build_batches(made.config(batch_size=8), data, 0).feed
    _, _, fed = feed.batch(np.array([4, 2]), 0)
    np.testing.assert_allclose(fed, weights[[4, 2]], rtol=1e-6)
    np.testing.assert_allclose(
        np.concatenate([batch[2] for batch in validation(data)]), weights[30:40], rtol=1e-6
    )
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, activation="sigmoid")])
    model.compile(loss="binary_crossentropy", metrics=["accuracy"])
    p = np.asarray(model(data.valid.inputs()))[:, 0]
    losses = -np.log(np.where(data.valid.targets == 1, p, 1 - p))
    row = measure(model, validation(data))
    assert row["loss"] == pytest.approx((weights[30:40] * losses).mean(), rel=1e-4)
    assert row["accuracy"] == pytest.approx(((p > 0.5) == data.valid.targets).mean())


def test_weighted_least_squares_are_found_by_lbfgs() -> None:
    data = made.data(60, task="regression", shares=(0.8, 0.2))
    data = replace(data, samples=made.as_table(data.samples, data.samples.inputs))
    weights = np.random.default_rng(1).gamma(0.3, size=60) + 0.01
    data = weighted(data, weights / weights.mean())
    config = made.config(optimizer="lbfgs", epochs=200, early_stopping=0, keep="last")
    model = build_model(config, data, 0)
    full_batch.fit(model, data, config, Listener(), Stop())
    x, y = data.train.inputs().astype("float64"), data.train.targets.astype("float64")
    root = np.sqrt(data.train.weights)[:, None]
    design = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    exact = np.linalg.lstsq(root * design, root[:, 0] * y, rcond=None)[0]
    plain = np.linalg.lstsq(design, y, rcond=None)[0]
    np.testing.assert_allclose(np.asarray(model(x))[:, 0], design @ exact, atol=2e-2)
    assert np.abs(design @ (exact - plain)).max() > 0.2
    with pytest.raises(UsageError, match="solve and posterior count each sample once"):
        build_model(made.config(set={"solve": True}), data, 0)


def test_weights_are_refused_where_nothing_takes_them() -> None:
    data = weighted(made.data(50), np.ones(50))
    config = made.config(model="rnn", set={"carry_state": True})
    with pytest.raises(UsageError, match="samples with weights are not for classification"):
        build_batches(config, data, 0)
    assert issubclass(DataError, MlzooError)
