"""Codes of samples in two dimensions."""

from __future__ import annotations

import keras
import numpy as np

from mlzoo.explainers import embedding
from mlzoo.introspection.findings import Background
from mlzoo.introspection.probe import Probe


def test_a_code_of_two_numbers_is_drawn_as_it_is_in_the_colors_of_known_classes() -> None:
    start = keras.Input((3,))
    code = keras.layers.Dense(2, use_bias=False, name="code")(start)
    wide = keras.layers.Dense(8, name="decoder1")(code)
    model = keras.Model(start, keras.layers.Dense(3, name="head")(wide))
    kernel = np.array([[1, 0], [0, 2], [0, 0]], "float32")
    model.get_layer("code").set_weights([kernel])
    x = np.random.default_rng(0).normal(size=(12, 3)).astype("float32")
    probe = Probe(model, x)
    labels = np.arange(12) % 3
    probe.known = Background(x, x, outputs=("u", "v", "w"), labels=labels, label_names=("a", "b"))
    config = embedding.Config(perplexities=(2.0,))
    [finding] = embedding.explain(config, probe, x, np.ones((12, 3)))
    assert finding.labels == ["code", "PCA", "kernel PCA", "t-SNE, perplexity 2", "a", "b"]
    drawn, seen = finding.arrays["places"][0], finding.arrays["classes"]
    for place, label in zip(drawn, seen, strict=True):
        (row,) = np.flatnonzero(np.isclose(x @ kernel, place, atol=1e-5).all(axis=1))
        assert labels[row] == label
