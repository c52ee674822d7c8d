"""Images with planted truth: one shape of four classes among distractors, and nets that know it.

The class is decided by the shape alone: a filled square, a disc, a cross or a ring, anywhere. The
distractors, of every image alike, are strokes of any colour on noise. A shape's box is a twentieth
of the image, not twice as wide as a cell of the 8x8 map that class activation maps are made of, so
that a map drawn half a cell off misses it.
"""

from __future__ import annotations

from functools import cache

import keras
import numpy as np

from tests.explaining.trained import trained_once

SIDE = 64
SHAPES = ("square", "disc", "cross", "ring")
TRAINED_ON = 1024


def drawn(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images (n, 64, 64, 3) in 0..1, classes (n,), and truth (n, 64, 64): the shape's box."""
    rng = np.random.default_rng(seed)
    x = np.empty((count, SIDE, SIDE, 3), "float32")
    classes = rng.permutation(np.arange(count) % len(SHAPES))
    truth = np.zeros((count, SIDE, SIDE), bool)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    for image, box, kind in zip(x, truth, classes, strict=True):
        image[...] = 0.3 + 0.06 * rng.standard_normal((SIDE, SIDE, 1))
        for _ in range(8):  # strokes
            top, left, length = (*rng.integers(0, SIDE - 12, 2), rng.integers(4, 12))
            tall = rng.random() < 0.5
            sides = (length, 2) if tall else (2, length)
            image[top : top + sides[0], left : left + sides[1]] = 0.3 + 0.5 * rng.random(3)
        radius = int(rng.integers(5, 9))
        top, left = rng.integers(radius, SIDE - radius, 2)
        y, z = abs(rows - top), abs(columns - left)
        far, near, wide = np.hypot(y, z), np.minimum(y, z), np.maximum(y, z)
        inside = [
            wide <= radius - 1,
            far <= radius,
            (near <= 1) & (wide <= radius),
            (far <= radius) & (far >= radius - 2),
        ][kind]
        image[inside] = 0.5 + 0.5 * rng.random(3)
        box[top - radius : top + radius + 1, left - radius : left + radius + 1] = True
    return np.clip(x, 0, 1), classes.astype("int32"), truth


def net(head: str = "softmax", units: int = 4, seed: int = 0) -> keras.Model:
    """Convolutions, normalisation and ReLU down to an 8x8 map, averaged, and a dense layer."""
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    start = x = keras.Input((SIDE, SIDE, 3))
    for i, filters in enumerate((12, 24, 32, 48)):
        stride = 2 if i == 0 else 1
        x = layers.Conv2D(filters, 3, stride, "same", use_bias=False, name=f"conv{i}")(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"norm{i}")(x)
        x = layers.ReLU(name=f"relu{i}")(x)
        if i in (1, 2):
            x = layers.MaxPooling2D(2, name=f"halve{i}")(x)
    x = layers.GlobalAveragePooling2D(name="average")(x)
    x = layers.Dense(units, name="logits")(x)
    return keras.Model(start, layers.Activation(head, name="output")(x) if head else x)


@cache
def trained() -> keras.Model:
    """A net for the four shapes; accuracy 1. Trained once for all tests."""
    return trained_once("shapes", net(), _train)


def _train(model: keras.Model) -> None:
    x, classes, _ = drawn(TRAINED_ON, seed=1)
    epochs = 4
    rate = keras.optimizers.schedules.CosineDecay(3e-3, epochs * TRAINED_ON // 32)
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    model.fit(x, classes, batch_size=32, epochs=epochs, verbose=0)


@cache
def trained_for_two() -> keras.Model:
    """One sigmoid unit for round (1) against square shapes, on the features of `trained`."""
    from sklearn.linear_model import LogisticRegression

    own = trained()
    x, classes, _ = drawn(TRAINED_ON // 2, seed=1)
    features = keras.Model(own.inputs, own.get_layer("average").output).predict(x, verbose=0)
    fitted = LogisticRegression(C=100, max_iter=2000).fit(features, classes % 2)
    model = net("sigmoid", 1)
    model.set_weights([*own.get_weights()[:-2], fitted.coef_.T, fitted.intercept_])
    return model
