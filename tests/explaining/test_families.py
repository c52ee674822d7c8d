"""Sequences, masks and texts: what decides is found, what pads counts for nothing."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from mlzoo.core import registry
from mlzoo.explaining import target_weights
from mlzoo.explaining.evidence import faithfulness
from mlzoo.explaining.explain import without_padding
from mlzoo.explaining.explain_run import _layer
from mlzoo.introspection.probe import Probe
from mlzoo.layers.scaling import SequenceScaling
from tests.explaining.trained import trained_once

STEPS = 40


def marked(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sequences (n, 40, 3) where the sign of one value, at the marked step, is the class."""
    rng = np.random.default_rng(seed)
    x = 0.5 * rng.normal(size=(count, STEPS, 3)).astype("float32")
    x[..., 1] = 0
    step = rng.integers(4, STEPS - 2, count)
    rows = np.arange(count)
    x[rows, step, 1] = 1
    x[rows, step, 0] = rng.choice([-1.5, 1.5], count)
    return x, (x[rows, step, 0] > 0).astype("int32"), step


@cache
def recurrent() -> keras.Model:
    keras.utils.set_random_seed(1)
    start = keras.Input((None, 3))
    z = SequenceScaling([0.0] * 3, [1.0] * 3, name="scaling")(start)
    z = keras.layers.GRU(16, name="gru")(z)
    model = keras.Model(start, keras.layers.Dense(2, activation="softmax", name="head")(z))
    return trained_once("recurrent", model, _train_on_marked)


def _train_on_marked(model: keras.Model) -> None:
    x, y, _ = marked(3072, seed=0)
    # Without a mark either class may be: else a model may take no mark for one of the classes, and
    # hiding the step that decides would not change its mind.
    x[::4, :, 1] = 0
    y[::4] = np.random.default_rng(1).integers(0, 2, len(y[::4]))
    rate = keras.optimizers.schedules.CosineDecay(0.015, 8 * len(x) // 64)
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    model.fit(x, y, batch_size=64, epochs=8, verbose=0)


def explained(name: str, probe: Probe, x: np.ndarray, target: np.ndarray) -> np.ndarray:
    plugin = registry.load("explainer", name)
    return plugin.explain(plugin.Config(), probe, x, target)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["integrated_gradients", "occlusion"])
def test_the_step_that_decides_is_found(name: str) -> None:
    x, y, step = marked(60, seed=9)
    probe = Probe(recurrent(), x)
    assert (probe.outputs(x).argmax(axis=1) == y).mean() > 0.95
    found = explained(name, probe, x, target_weights.of_classes(y, 2))
    strength = np.abs(found.reshape(60, STEPS, -1)).sum(axis=-1)
    assert (strength.argmax(axis=1) == step).mean() >= 0.95
    if name == "integrated_gradients":
        assert np.median(probe.diagnostics["completeness_error"]) < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("name", ["integrated_gradients", "occlusion", "saliency", "smoothgrad"])
def test_what_pads_a_sequence_counts_for_nothing(name: str) -> None:
    x, y, _ = marked(4, seed=3)
    x[1, 30:] = np.nan
    probe = Probe(recurrent(), x)
    found = without_padding(explained(name, probe, x, target_weights.of_classes(y, 2)), x)
    assert np.isfinite(found).all() and found[1, :30].any()
    assert not found[1, 30:].any()
    short = Probe(recurrent(), x[1:2, :30])
    alone = explained(name, short, x[1:2, :30], target_weights.of_classes(y[1:2], 2))
    if name != "smoothgrad":  # its noise is drawn for the longer one
        np.testing.assert_allclose(found[1:2, :30], alone, atol=2e-5)


def test_tokens_are_explained_behind_their_embedding() -> None:
    keras.utils.set_random_seed(0)
    start = keras.Input((12,), dtype="int32")
    z = keras.layers.Embedding(20, 6, name="embedding")(start)
    z = keras.layers.GlobalMaxPooling1D(name="pool")(z)
    model = keras.Model(start, keras.layers.Dense(3, activation="softmax")(z))
    x = np.random.default_rng(0).integers(0, 20, (5, 12)).astype("int32")
    probe = Probe(model, x)
    assert probe.entry_name == "embedding" and probe.layer is None
    found = explained(
        "integrated_gradients", probe, x, target_weights.of_classes(np.zeros(5, int), 3)
    )
    assert found.shape == (5, 12) and found.any(axis=1).all()


def test_a_step_of_a_labeling_does_not_see_what_comes_after() -> None:
    keras.utils.set_random_seed(0)
    start = keras.Input((15, 2))
    z = keras.layers.GRU(6, return_sequences=True, name="gru")(start)
    z = keras.layers.Dense(3, name="head")(z)
    model = keras.Model(start, keras.layers.Softmax(name="output")(z))
    x = np.random.default_rng(1).normal(size=(3, 15, 2)).astype("float32")
    probe = Probe(model, x)
    assert probe.layer.name == "gru"
    target = target_weights.of_step((3, 15, 3), 7, np.array([0, 1, 2]))
    found = explained("saliency", probe, x, target)
    assert found[:, 8:].max() == 0 and found[:, 7].min() > 0


def test_points_of_a_path_go_through_the_model_together(monkeypatch: pytest.MonkeyPatch) -> None:
    keras.utils.set_random_seed(0)
    start = keras.Input((9, 2))
    z = keras.layers.GRU(4, name="gru")(start)
    model = keras.Model(start, keras.layers.Dense(2, activation="softmax", name="head")(z))
    x = np.random.default_rng(1).normal(size=(3, 9, 2)).astype("float32")
    probe, sizes = Probe(model, x), []
    gradient = probe.gradient

    def counted(*arrays: np.ndarray, odds: bool) -> tuple[np.ndarray, np.ndarray]:
        sizes.append([len(array) for array in arrays])
        return gradient(*arrays, odds=odds)

    monkeypatch.setattr(probe, "gradient", counted)
    plugin, target = registry.load("explainer", "integrated_gradients"), np.array([0, 1, 0])
    weights = target_weights.of_classes(target, 2)
    found = plugin.explain(plugin.Config(steps=24, most_steps=24), probe, x, weights)
    assert sizes == [[30] * 3, [30] * 3, [12] * 3], "24 points of each of 3 samples"
    monkeypatch.undo()
    alone = plugin.explain(plugin.Config(steps=24, most_steps=24), probe, x[1:2], weights[1:2])
    np.testing.assert_allclose(found[1:2], alone, atol=1e-6)
    change = probe.evidence(x, weights)[0] - probe.evidence(np.zeros_like(x), weights)[0]
    np.testing.assert_allclose(found.sum(axis=(1, 2)), change, rtol=0.02)


@pytest.mark.parametrize(("sequences", "layer"), [(True, "first"), (False, None)])
def test_a_forecast_is_mapped_where_steps_are_still_the_input_s(
    sequences: bool, layer: str | None
) -> None:
    start = keras.Input((28, 1))
    z = keras.layers.GRU(4, return_sequences=sequences, name="first")(start)
    z = keras.layers.GRU(4, name="last")(z) if sequences else z
    z = keras.layers.Dense(7, name="ahead")(z)
    model = keras.Model(start, keras.layers.Reshape((7, 1), name="horizon")(z))
    found = Probe(model, np.zeros((1, 28, 1), "float32")).layer
    assert (found.name if found is not None else None) == layer


def dense_net(units: int, head: str) -> keras.Model:
    """A small U-Net."""
    keras.utils.set_random_seed(2)
    layers = keras.layers
    start = keras.Input((32, 32, 1))
    top = layers.Conv2D(8, 3, padding="same", activation="relu", name="down1")(start)
    x = layers.MaxPooling2D(2)(top)
    x = layers.Conv2D(12, 3, padding="same", activation="relu", name="bottleneck")(x)
    x = layers.UpSampling2D(2)(x)
    x = layers.Concatenate()([x, top])
    x = layers.Conv2D(8, 3, padding="same", activation="relu", name="up1")(x)
    return keras.Model(start, layers.Conv2D(units, 1, activation=head, name="head")(x))


def blobs(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = 0.1 * rng.random((count, 32, 32, 1)).astype("float32")
    mask = np.zeros((count, 32, 32), bool)
    for one in mask:
        for _ in range(2):
            row, column = rng.integers(2, 22, 2)
            one[row : row + 7, column : column + 7] = True
    x[mask] += 0.8
    return x, mask


@pytest.mark.slow
@pytest.mark.parametrize(("units", "head"), [(1, "sigmoid"), (3, "softmax")])
@pytest.mark.parametrize("name", ["gradcam", "scorecam", "saliency", "occlusion"])
def test_masks_are_explained_through_the_bottleneck(units: int, head: str, name: str) -> None:
    x, mask = blobs(3, seed=0)
    model = _fitted(units, head)
    probe = Probe(model, x)
    assert probe.layer.name == "bottleneck" and probe.head == head
    said = probe.outputs(x)
    predicted = said[..., 0] > 0.5 if units == 1 else said.argmax(axis=-1) == 1
    assert (predicted == mask).mean() > 0.95
    found = explained(name, probe, x, target_weights.of_region(predicted, 1, units))
    assert found.shape == (3, 32, 32) and np.isfinite(found).all() and found.any(axis=(1, 2)).all()
    logits = probe.logits(x)[..., 0 if units == 1 else 1]
    own = [faithfulness.spearman(a, b) for a, b in zip(found, logits, strict=True)]
    assert np.mean(own) < 0.9  # more than the class's own logits
    one = slice(0, 1)
    target = target_weights.of_region(predicted, 1, units)[one]
    sample = faithfulness.Sample(probe, x[one], target, probe.baseline(x[one]), 0)
    truth_first = faithfulness.iou_drop(sample, mask[0].astype(float))
    assert truth_first > faithfulness.iou_drop(sample, -mask[0].astype(float))


def test_what_is_lost_of_a_part_is_counted_within_it() -> None:
    x, mask = blobs(1, seed=0)
    probe = Probe(_fitted(3, "softmax"), x)
    predicted = probe.outputs(x).argmax(axis=-1) == 1
    row, column = np.argwhere(predicted[0])[0]
    pixel = np.zeros_like(predicted)
    pixel[0, row, column] = True
    near = np.zeros((32, 32))
    near[max(row - 5, 0) : row + 6, max(column - 5, 0) : column + 6] = 1  # over a tenth
    base = probe.baseline(x)

    def drop(region: np.ndarray, values: np.ndarray) -> float:
        target = target_weights.of_region(region, 1, 3)
        sample = faithfulness.Sample(probe, x, target, base, 0)
        return faithfulness.iou_drop(sample, values)

    assert drop(pixel, near) == 1  # the pixel's class is gone
    assert drop(pixel, -mask[0].astype(float)) == 0  # only the ground was hidden
    assert 0 < drop(predicted, near) < 1


@cache
def _fitted(units: int, head: str) -> keras.Model:
    model = dense_net(units, head)
    x, mask = blobs(128, seed=5)
    loss = "binary_crossentropy" if units == 1 else "sparse_categorical_crossentropy"
    model.compile(keras.optimizers.Adam(0.01), loss)
    model.fit(x, mask[..., None].astype("float32"), batch_size=16, epochs=6, verbose=0)
    return model


@pytest.mark.parametrize(
    ("cells", "shape", "channels", "text"),
    [
        ((64,), (2, 64, 1), 8, "layer: conv, 64 cells of 1 step, 8 channels (--layer)"),
        ((8, 4), (2, 32, 16, 3), 1, "layer: conv, 8x4 cells of 4x4 pixels, 1 channel (--layer)"),
        ((), (2, 5), 3, "layer: conv, 3 channels (--layer)"),
    ],
)
def test_the_layer_is_told_with_the_size_of_its_cells(
    cells: tuple[int, ...], shape: tuple[int, ...], channels: int, text: str
) -> None:
    layer = SimpleNamespace(name="conv")
    probe = SimpleNamespace(layer=layer, cells=cells, channels=channels, depth=0)
    assert _layer(probe, shape) == text
