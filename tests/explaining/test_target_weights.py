"""What is explained, as weights on logits."""

from __future__ import annotations

import keras
import numpy as np

from mlzoo.core import registry
from mlzoo.data.specs import Inputs, Outputs
from mlzoo.explaining.explain import flag
from mlzoo.explaining.target_weights import of_classes
from mlzoo.introspection.probe import Probe
from mlzoo.introspection.resampling import positive

layers = keras.layers


def test_one_class_of_two_is_held_against_the_other() -> None:
    np.testing.assert_array_equal(of_classes(np.array([0, 1]), 2), [[1, -1], [-1, 1]])
    np.testing.assert_array_equal(of_classes(np.array([2]), 3), [[0, 0, 1]])
    np.testing.assert_array_equal(of_classes(np.array([2]), 3, np.array([0])), [[-1, 0, 1]])
    np.testing.assert_array_equal(of_classes(np.array([0, 1]), 1), [[-1], [1]])


def test_what_both_logits_share_changes_no_map() -> None:
    keras.utils.set_random_seed(0)
    start = keras.Input((12, 12, 1))
    x = layers.ReLU()(layers.Conv2D(4, 3, padding="same")(start))
    head = layers.Dense(2, activation="softmax")
    model = keras.Model(start, head(layers.GlobalAveragePooling2D()(x)))
    images = np.random.default_rng(0).random((3, 12, 12, 1)).astype("float32")
    plugin, maps = registry.load("explainer", "gradcam"), []
    kernel, bias = head.get_weights()
    for shared in (0.0, -5.0):  # the same probabilities; single logits speak against themselves
        head.set_weights([kernel + np.float32(shared), bias])
        target = of_classes(np.array([0, 1, 1]), 2)
        maps.append(plugin.explain(plugin.Config(), Probe(model, images), images, target))
    assert np.abs(maps[0]).max() > 0
    np.testing.assert_allclose(maps[1], maps[0], atol=1e-5)


def test_a_map_that_nothing_speaks_in_stays_signed_and_is_flagged() -> None:
    maps = np.array([[[-1.0, 2.0], [0.0, 3.0]], [[-1.0, -2.0], [-0.5, -3.0]]], "float32")
    found = positive(maps)
    np.testing.assert_array_equal(found, [[[0, 2], [0, 3]], [[-1, -2], [-0.5, -3]]])
    assert flag(found[0]) == "" and flag(found[1]).startswith("negative: nothing speaks for it")
    assert flag(np.zeros((2, 2))).startswith("all zero")
    assert flag(np.array([-3.0, -1.0]), number=True) == ""  # all inputs lower the number


def test_a_model_that_sees_mirror_images_is_ablated_in_each() -> None:
    plugin = registry.load("model", "unet")
    keras.utils.set_random_seed(0)
    settings = plugin.Config(filters=2, depth=1, mirrors="both")
    model = plugin.build(settings, Inputs((8, 8, 1)), Outputs("segmentation", 2))
    x = np.random.default_rng(0).random((1, 8, 8, 1)).astype("float32")
    target = np.zeros((1, 8, 8, 2), "float32")
    target[0, 2, 5] = 1, -1
    probe = Probe(model, x)
    expected = probe.evidence(x, target)
    kept = np.stack([np.ones(probe.channels), np.zeros(probe.channels)]).astype("float32")
    for whole, ablated in zip(expected, probe.ablated(x, target, kept), strict=True):
        np.testing.assert_allclose(ablated[0], whole[0], atol=1e-5)
    assert abs(expected[2][0]) > 1e-3
