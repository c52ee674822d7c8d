"""The training samples nearest to a sample in a model's features."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from mlzoo.core.errors import UsageError
from mlzoo.explainers import neighbors
from mlzoo.introspection.findings import Background
from mlzoo.introspection.probe import Probe


def test_neighbors_are_near_in_the_features_and_not_in_the_inputs() -> None:
    start = keras.Input((2,))
    feature = keras.layers.Dense(1, use_bias=False, name="feature")(start)
    model = keras.Model(start, keras.layers.Dense(2, name="head")(feature))
    model.get_layer("feature").set_weights([np.array([[1.0], [0.0]], "float32")])
    training = np.array([[0, 0], [1, 50], [2, -50], [9, 1]], "float32")
    probe = Probe(model, training)
    with pytest.raises(UsageError, match="neighbors needs training samples"):
        neighbors.explain(neighbors.Config(), probe, training[:1], np.ones((1, 2)))
    truth = np.array([10.0, 20.0, 30.0, 90.0])
    probe.background = Background(training, truth, ("a", "b"), ("y",))
    x = np.array([[1.2, 0.0], [8.0, 0.0]], "float32")
    first, second = neighbors.explain(neighbors.Config(count=2), probe, x, np.ones((2, 2)))
    assert first.kind == "profiles" and first.labels[-2:] == ["a", "b"]
    np.testing.assert_array_equal(first.arrays["values"], [x[0], training[1], training[2]])
    np.testing.assert_array_equal(second.arrays["values"], [x[1], training[3], training[2]])
    assert [text.split(",")[0] for text in first.labels[:3]] == ["explained", "20", "30"]
    np.testing.assert_array_equal(first.arrays["high"], [9, 50])
