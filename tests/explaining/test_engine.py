"""The engine: any model, the right layer, the logits, and maps where they belong."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from mlzoo.core import registry
from mlzoo.core.errors import UsageError
from mlzoo.explaining.target_weights import of_classes
from mlzoo.introspection import resampling
from mlzoo.introspection.probe import Probe

layers = keras.layers


def small(seed: int = 0) -> list[keras.layers.Layer]:
    keras.utils.set_random_seed(seed)
    return [
        layers.Conv2D(6, 3, padding="same", name="first"),
        layers.BatchNormalization(name="norm"),
        layers.ReLU(name="relu"),
        layers.MaxPooling2D(2, name="halve"),
        layers.Conv2D(8, 3, padding="same", name="second"),
        layers.ReLU(name="last"),
        layers.GlobalAveragePooling2D(name="average"),
        layers.Dense(3, name="head"),
        layers.Softmax(name="output"),
    ]


class Subclassed(keras.Model):
    def __init__(self, parts: list[keras.layers.Layer]) -> None:
        super().__init__()
        self.parts = parts

    def call(self, x, training=False):
        for part in self.parts:
            x = part(x, training=training) if part.name == "norm" else part(x)
        return x


def forms(folder: Path) -> dict[str, keras.Model]:
    """One net in every form, with the same weights."""
    sequential = keras.Sequential([keras.Input((16, 16, 2)), *small()])
    path = folder / "net.keras"
    sequential.save(path)
    start = keras.Input((16, 16, 2))
    parts = small()
    body = keras.Sequential(parts[:6], name="body")
    nested = keras.Model(start, keras.Sequential(parts[6:], name="top")(body(start)))
    x = keras.Input((16, 16, 2))
    flat = x
    for part in small():
        flat = part(flat)
    subclassed = Subclassed(small())
    subclassed(np.zeros((1, 16, 16, 2), "float32"))
    found = {
        "sequential": sequential,
        "loaded": keras.models.load_model(path, safe_mode=True),
        "nested": nested,
        "functional": keras.Model(x, flat),
        "subclassed": subclassed,
    }
    for model in found.values():
        model.set_weights(sequential.get_weights())
    return found


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    return np.random.default_rng(0).random((5, 16, 16, 2)).astype("float32")


def maps(name: str, probe: Probe, x: np.ndarray, target: np.ndarray, **settings) -> np.ndarray:
    plugin = registry.load("explainer", name)
    return plugin.explain(plugin.Config(**settings), probe, x, target)


def by_split_model(model: keras.Model, x: np.ndarray, kind: int) -> np.ndarray:
    """Grad-CAM as the papers' authors would write it, on a Functional model split in two."""
    import tensorflow as tf

    split = keras.Model(
        model.inputs, [model.get_layer("last").output, model.get_layer("head").output]
    )
    with tf.GradientTape() as tape:
        values, logits = split(x)
        score = logits[:, kind]
    gradients = tape.gradient(score, values).numpy()
    weights = gradients.mean(axis=(1, 2), keepdims=True)
    return np.maximum((weights * values.numpy()).sum(axis=-1), 0)


@pytest.mark.slow
def test_every_form_of_a_model_gives_the_map_of_a_split_model(tmp_path: Path, x) -> None:
    found = forms(tmp_path)
    expected = resampling.upsample(by_split_model(found["functional"], x, 1), (16, 16))
    assert expected.max() > 0
    for form, model in found.items():
        probe = Probe(model, x)
        assert probe.layer.name == "last", form
        got = maps("gradcam", probe, x, of_classes(np.ones(5, int), 3))
        np.testing.assert_allclose(got, expected, atol=1e-6, err_msg=form)


def test_lower_precision_ranks_places_alike(x) -> None:
    from mlzoo.explaining.evidence.faithfulness import spearman

    full = keras.Sequential([keras.Input((16, 16, 2)), *small()])
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        half = keras.Sequential([keras.Input((16, 16, 2)), *small()])
    finally:
        keras.config.set_dtype_policy("float32")
    half.set_weights(full.get_weights())
    target = of_classes(np.zeros(5, int), 3)
    one, other = (maps("gradcam", Probe(m, x), x, target, relu=False) for m in (full, half))
    assert np.mean([spearman(a, b) for a, b in zip(one, other, strict=True)]) > 0.95


def ends() -> dict[str, list[keras.layers.Layer]]:
    class Function(keras.layers.Layer):
        def call(self, x):
            return keras.ops.softmax(x)

    return {
        "argument": [layers.Dense(3, activation="softmax", name="head")],
        "activation": [layers.Dense(3, name="head"), layers.Activation("softmax")],
        "layer": [layers.Dense(3, name="head"), layers.Softmax()],
        "operation": [layers.Dense(3, name="head"), Function()],
        "reshaped": [layers.Dense(3, name="head"), layers.Softmax(), layers.Reshape((3,))],
        "none": [layers.Dense(3, name="head")],
    }


@pytest.mark.slow
def test_wherever_the_softmax_is_the_logits_stand_before_it(x) -> None:
    first = None
    for where, end in ends().items():
        model = keras.Sequential([keras.Input((16, 16, 2)), *small()[:-2], *end])
        probe = Probe(model, x)
        first = model if first is None else first
        model.set_weights(first.get_weights())
        before = (
            [w.copy() for w in model.get_weights()],
            model.to_json() if where != "operation" else "",
        )
        assert probe.head == ("linear" if where == "none" else "softmax")
        got = maps("gradcam", probe, x, of_classes(np.ones(5, int), 3), relu=False)
        if where == "argument":
            expected = got
        np.testing.assert_allclose(got, expected, atol=1e-6, err_msg=where)
        after = model.get_weights(), model.to_json() if where != "operation" else ""
        assert after[1] == before[1]
        for one, other in zip(before[0], after[0], strict=True):
            np.testing.assert_array_equal(one, other)
    assert expected.any()


def test_probabilities_without_a_softmax_are_explained_by_their_logarithm(x) -> None:
    class Mean(keras.layers.Layer):
        def call(self, x):
            return 0.5 * keras.ops.softmax(x) + 0.5 * keras.ops.softmax(2 * x)

    model = keras.Sequential([keras.Input((16, 16, 2)), *small()[:-1], Mean()])
    probe = Probe(model, x)
    assert probe.head == "log" and any("logarithm" in note for note in probe.notes)
    np.testing.assert_allclose(np.exp(probe.logits(x)), probe.outputs(x), atol=1e-6)


def test_a_saturated_softmax_still_has_a_map(x) -> None:
    model = keras.Sequential([keras.Input((16, 16, 2)), *small()])
    kernel, bias = model.get_layer("head").get_weights()
    model.get_layer("head").set_weights([1e4 * kernel, bias])
    probe = Probe(model, x)
    said = probe.outputs(x)
    assert said.max(axis=1).min() == 1.0
    assert (maps("saliency", probe, x, of_classes(said.argmax(1), 3)) > 0).any(axis=(1, 2)).all()


@pytest.mark.parametrize("scale", [110.0, -110.0])
def test_large_logits_leave_grad_cam_plus_plus_as_it_is(x, scale: float) -> None:
    model = keras.Sequential([keras.Input((16, 16, 2)), *small()])
    target = of_classes(np.ones(5, int), 3)
    free = maps("gradcam_plus_plus", Probe(model, x), x, target)
    kernel, bias = model.get_layer("head").get_weights()
    model.get_layer("head").set_weights([kernel, bias + scale])
    shifted = maps("gradcam_plus_plus", Probe(model, x), x, target)
    assert np.isfinite(shifted).all() and free.max() > 0
    np.testing.assert_allclose(shifted, free, atol=1e-5)


def test_a_layer_by_name_is_taken_or_refused(x) -> None:
    model = keras.Sequential([keras.Input((16, 16, 2)), *small()])
    assert Probe(model, x, "relu").layer.name == "relu"
    assert Probe(model, x, "halve").layer.name == "halve"
    with pytest.raises(UsageError, match="did you mean 'second'"):
        Probe(model, x, "secnd")
    with pytest.raises(UsageError, match="no places"):
        Probe(model, x, "average")


@pytest.mark.parametrize(("cells", "size"), [(7, 224), (10, 299), (16, 64)])
def test_a_cell_is_drawn_about_its_middle(cells: int, size: int) -> None:
    for row, column in [(1, 1), (cells // 2, 2), (cells - 2, cells - 2)]:
        delta = np.zeros((1, cells, cells))
        delta[0, row, column] = 1
        drawn = resampling.upsample(delta, (size, size))[0]
        places = np.arange(size)
        centre = [(drawn.sum(axis=1 - a) * places).sum() / drawn.sum() for a in (0, 1)]
        middle = [(place + 0.5) * size / cells - 0.5 for place in (row, column)]
        np.testing.assert_allclose(centre, middle, atol=0.5)


def test_noise_has_a_seed_and_none_of_it_is_the_gradient(x) -> None:
    model = keras.Sequential([keras.Input((16, 16, 2)), *small()])
    probe, target = Probe(model, x), of_classes(np.ones(5, int), 3)
    first = maps("smoothgrad", probe, x, target, samples=5, seed=3)
    np.testing.assert_array_equal(
        first, maps("smoothgrad", Probe(model, x), x, target, samples=5, seed=3)
    )
    assert (first != maps("smoothgrad", probe, x, target, samples=5, seed=4)).any()
    np.testing.assert_allclose(
        maps("smoothgrad", probe, x, target, sigma=0), maps("saliency", probe, x, target), atol=1e-7
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        n
        for n in registry.names("explainer")
        if n
        in ("saliency", "scorecam", "smoothgrad", "gradcam", "occlusion", "integrated_gradients")
    ],
)
def test_a_map_depends_on_no_other_of_its_batch(name: str, x) -> None:
    model = keras.Sequential([keras.Input((16, 16, 2)), *small()])
    probe, target = Probe(model, x), of_classes(np.array([0, 1, 2, 1, 0]), 3)
    settings = {"max_n": 3} if name == "scorecam" else {}
    together = maps(name, probe, x, target, **settings)
    alone = maps(name, probe, x[2:3], target[2:3], **settings)
    np.testing.assert_allclose(together[2:3], alone, atol=1e-6)


def test_memory_bounds_what_goes_through_at_once(x) -> None:
    model = keras.Sequential([keras.Input((16, 16, 2)), *small()])
    probe = Probe(model, x)
    many, few = probe.chunk(deep=True), Probe(model, x, memory=1).chunk(deep=True)
    assert 1 <= few < 32 == many
    target = of_classes(np.ones(5, int), 3)
    tight = Probe(model, x, memory=1)
    tight.memory = 0.03
    assert tight.chunk(deep=True) < 5
    np.testing.assert_allclose(
        maps("saliency", tight, x, target), maps("saliency", probe, x, target), atol=1e-7
    )


@pytest.mark.slow
def test_integers_are_scaled_by_the_model_and_explained_behind_that(x) -> None:
    raw = (255 * x).astype("uint8")
    start = keras.Input((16, 16, 2), dtype="uint8")
    out = layers.Rescaling(1 / 255)(start)
    for part in small():
        out = part(out)
    model = keras.Model(start, out)
    plain = keras.Sequential([keras.Input((16, 16, 2)), *small()])
    plain.set_weights(model.get_weights())
    target = of_classes(np.ones(5, int), 3)
    probe = Probe(model, raw)
    assert probe.entry_name.startswith("rescaling")
    got = maps("saliency", probe, raw, target)
    expected = maps("saliency", Probe(plain, x), raw / np.float32(255), target)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-7)
    assert got.max() > 0
