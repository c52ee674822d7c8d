"""The same trainings as a script that uses Keras alone: what `mlzoo train` is measured against.

    python benchmarks/bare.py cnn digits.npz --epochs 4

splits an `.npz` of images (60/20/20), trains with validation, evaluates the test part, and prints
one line of JSON.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import keras
import numpy as np
from keras import layers

MODELS = ("mlp", "cnn")


def mlp(x: keras.KerasTensor) -> keras.KerasTensor:
    """Two hidden layers."""
    x = layers.Flatten()(x)
    for units in (128, 64):
        x = layers.Dense(units, kernel_initializer="he_normal")(x)
        x = layers.Activation("relu")(x)
    return x


def cnn(x: keras.KerasTensor) -> keras.KerasTensor:
    """Three blocks of two convolutions, each normalised over the batch."""
    for filters in (16, 32, 64):
        for _ in range(2):
            x = layers.Conv2D(
                filters, 3, padding="same", use_bias=False, kernel_initializer="he_normal"
            )(x)
            x = layers.BatchNormalization(momentum=0.9)(x)
            x = layers.Activation("relu")(x)
        x = layers.MaxPooling2D()(x)
    return layers.GlobalAveragePooling2D()(x)


def build(name: str, shape: tuple[int, ...], classes: int) -> keras.Model:
    """A compiled model on raw uint8 images."""
    inputs = keras.Input(shape, dtype="uint8")
    scaled = layers.Rescaling(1 / 255, dtype="float32")(inputs)
    features = {"mlp": mlp, "cnn": cnn}[name](scaled)
    outputs = layers.Dense(classes, activation="softmax")(features)
    model = keras.Model(inputs, outputs)
    model.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
    )
    return model


def parts(path: Path, limit: int | None = None) -> list[tuple[np.ndarray, np.ndarray]]:
    """Training, validation and test part of an `.npz` of images `x` and classes `y`."""
    with np.load(path) as file:
        x, y = file["x"][..., None], file["y"].astype("int32")
    order = np.random.default_rng(0).permutation(len(x))[:limit]
    cuts = [int(len(order) * 0.6), int(len(order) * 0.8)]
    return [(x[rows], y[rows]) for rows in np.split(order, cuts)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("data", type=Path)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--batch-size", type=int, default=32)
    args = parser.parse_args()
    keras.utils.set_random_seed(0)
    train, valid, test = parts(args.data)
    model = build(args.model, train[0].shape[1:], int(train[1].max()) + 1)
    model.fit(
        *train, batch_size=args.batch_size, epochs=args.epochs, validation_data=valid, verbose=2
    )
    loss, accuracy = model.evaluate(*test, verbose=0)
    print(json.dumps({"parameters": model.count_params(), "accuracy": accuracy, "loss": loss}))


if __name__ == "__main__":
    main()
