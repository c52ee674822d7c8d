"""Images with planted truth: one shape of four classes among distractors, and a net that knows it.

The class is decided by the shape alone: a filled square, a disc, a cross or a ring, anywhere. The
distractors, of every image alike, are short bright strokes and blobs of noise.
"""

from __future__ import annotations

from functools import cache

import keras
import numpy as np

SIDE = 64
SHAPES = ("square", "disc", "cross", "ring")


def drawn(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images (n, 64, 64, 3) in 0..1, classes (n,), and truth (n, 64, 64): the shape's box."""
    rng = np.random.default_rng(seed)
    x = np.zeros((count, SIDE, SIDE, 3), "float32")
    classes = rng.permutation(np.arange(count) % 4)
    truth = np.zeros((count, SIDE, SIDE), bool)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    for image, box, kind in zip(x, truth, classes, strict=True):
        image[...] = 0.25 + 0.08 * rng.standard_normal((SIDE, SIDE, 1))
        radius = int(rng.integers(7, 10))
        top, left = rng.integers(radius + 1, SIDE - radius - 1, 2)
        for _ in range(7):  # strokes
            a, b = rng.integers(2, SIDE - 12, 2)
            length = int(rng.integers(4, 10))
            patch = (slice(a, a + 2), slice(b, b + length))
            if rng.random() < 0.5:
                patch = (slice(b, b + length), slice(a, a + 2))
            image[patch] = rng.random(3)
        y, z = rows - top, columns - left
        far = np.hypot(y, z)
        inside = {
            0: np.maximum(abs(y), abs(z)) <= radius * 0.85,
            1: far <= radius,
            2: (np.minimum(abs(y), abs(z)) <= 1.5) & (np.maximum(abs(y), abs(z)) <= radius),
            3: (far <= radius) & (far >= radius - 2.5),
        }[int(kind)]
        image[inside] = 0.4 + 0.6 * rng.random(3)
        box[top - radius : top + radius + 1, left - radius : left + radius + 1] = True
    return np.clip(x, 0, 1), classes.astype("int32"), truth


def net(head: str = "softmax", units: int = 4, seed: int = 0) -> keras.Model:
    """Convolutions, normalisation and ReLU down to an 8x8 map, averaged, and a dense layer."""
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    start = x = keras.Input((SIDE, SIDE, 3))
    for i, filters in enumerate((12, 24, 32)):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"conv{i}")(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"norm{i}")(x)
        x = layers.ReLU(name=f"relu{i}")(x)
        x = layers.MaxPooling2D(2, name=f"pool{i}")(x)
    x = layers.Conv2D(48, 3, padding="same", use_bias=False, name="last_conv")(x)
    x = layers.BatchNormalization(momentum=0.9, name="last_norm")(x)
    x = layers.ReLU(name="last_relu")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dense(units, name="logits")(x)
    return keras.Model(start, layers.Activation(head, name="output")(x) if head else x)


@cache
def trained(binary: bool = False) -> keras.Model:
    """A net for the four shapes, or for round against square ones with one unit; accuracy 1."""
    x, classes, _ = drawn(2048, seed=1)
    model = net("sigmoid", 1) if binary else net()
    loss = "binary_crossentropy" if binary else "sparse_categorical_crossentropy"
    model.compile(keras.optimizers.Adam(3e-3), loss)
    targets = classes % 2 if binary else classes
    model.fit(x, targets, batch_size=32, epochs=6, verbose=0)
    return model
