"""Samples restored from codes of which one number is moved."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from mlzoo.core.errors import UsageError
from mlzoo.explainers import traversal
from mlzoo.explaining.explain import misfit
from mlzoo.introspection.findings import Background
from mlzoo.introspection.probe import Probe
from mlzoo.layers.sample_error import error_of, joined


def linear() -> keras.Model:
    """A decoder whose second number of the code moves all columns most."""
    start = keras.Input((3,))
    scaled = keras.layers.Rescaling(1.0, name="scaling")(start)
    code = keras.layers.Dense(2, use_bias=False, name="code")(scaled)
    model = keras.Model(start, keras.layers.Dense(3, name="head")(code))
    model.get_layer("code").set_weights([np.array([[1, 0], [0, 1], [0, 0]], "float32")])
    decoder = [np.array([[0.1, 0, 0], [0, 3, -1]], "float32"), np.zeros(3, "float32")]
    model.get_layer("head").set_weights(decoder)
    return model


def test_numbers_of_a_code_are_moved_over_the_training_samples_those_that_change_most_first() -> (
    None
):
    x = np.array([[0.5, 2.0, 7.0]], "float32")
    probe = Probe(error_of(linear()), x)
    target = np.ones((1, 1))
    with pytest.raises(UsageError, match="traversal needs training samples"):
        traversal.explain(traversal.Config(), probe, x, target)
    training = np.array([[-1, -10, 0], [0, 0, 0], [1, 10, 0]], "float32")
    probe.background = Background(training, None, ("a", "b", "c"))
    settings = traversal.Config(steps=3, tail=0)
    second, first = traversal.explain(settings, probe, x, target)
    assert [second.title, first.title] == ["number 2 of 2 of the code", "number 1 of 2 of the code"]
    assert second.labels == ["b", "c", "a"]
    np.testing.assert_allclose(second.arrays["grid"][0], [-10, 0, 10])
    np.testing.assert_allclose(second.arrays["values"][:2], [[-30, 0, 30], [10, 0, -10]], atol=1e-5)
    np.testing.assert_allclose(second.arrays["values"][2], 0.05, atol=1e-6)


def test_an_error_is_that_of_the_scaled_sample_of_one_model_or_two() -> None:
    model, x = linear(), np.array([[0.5, 2.0, 7.0]], "float32")
    expected = ((np.array([0.05, 6.0, -2.0]) - x[0]) ** 2).mean()
    assert float(error_of(model)(x)[0, 0]) == pytest.approx(expected, rel=1e-5)
    start = keras.Input((3,))
    scaled = keras.layers.Rescaling(1.0, name="scaling")(start)
    moments = keras.layers.Dense(4, use_bias=False)(scaled)
    encoder = keras.Model(start, moments)
    kernel = np.concatenate([model.get_layer("code").get_weights()[0], np.ones((3, 2))], axis=1)
    encoder.layers[-1].set_weights([kernel])
    code = keras.Input((2,))
    decoder = keras.Model(code, model.get_layer("head")(code))
    both = error_of(joined(encoder, decoder))
    assert float(both(x)[0, 0]) == pytest.approx(expected, rel=1e-5)
    assert misfit("traversal", Probe(both, x), "table") != "it is for models that reconstruct"


def test_models_without_a_code_have_no_traversal() -> None:
    start = keras.Input((3,))
    model = keras.Model(start, keras.layers.Dense(1)(start))
    reason = misfit("traversal", Probe(model, np.zeros((1, 3), "float32")), "table")
    assert reason is not None and reason.startswith("it is for models that reconstruct samples")
