"""The same trainings as a script that uses Keras alone: what `mlzoo train` is measured against.

    python benchmarks/bare.py cnn digits.npz --epochs 4

splits an `.npz` of images (60/20/20), trains with validation, evaluates the test split, and prints
one line of JSON. `unet` takes an `.npz` of images and masks, as `make_masks` writes one, and `rnn`
one of sequences, as `make_sequences` does.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import keras
import numpy as np
from keras import layers

MODELS = ("mlp", "cnn", "unet", "rnn")


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


def unet(x: keras.KerasTensor) -> keras.KerasTensor:
    """Three levels of 16, 32 and 64 filters and a bottleneck of 128."""

    def level(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
        for _ in range(2):
            x = layers.Conv2D(
                filters, 3, padding="same", use_bias=False, kernel_initializer="he_normal"
            )(x)
            x = layers.BatchNormalization(momentum=0.9)(x)
            x = layers.Activation("relu")(x)
        return x

    skips = []
    for filters in (16, 32, 64):
        x = level(x, filters)
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    x = level(x, 128)
    for filters, skip in zip((64, 32, 16), reversed(skips), strict=True):
        x = layers.Conv2DTranspose(filters, 2, strides=2, kernel_initializer="he_normal")(x)
        x = level(layers.Concatenate()([skip, x]), filters)
    return x


def rnn(x: keras.KerasTensor) -> keras.KerasTensor:
    """One LSTM, masked as sequences of different lengths need it."""
    return layers.LSTM(64)(x)


def make_sequences(path: Path, count: int = 1600, steps: int = 60) -> None:
    """Write an `.npz` of noisy waves (steps, 4) of three frequencies, the classes."""
    random = np.random.default_rng(0)
    y = np.arange(count) % 3
    t = np.arange(steps)[None, :, None] * (0.2 + 0.1 * y[:, None, None])
    x = np.sin(t + random.uniform(0, 6, (count, 1, 4))) + random.normal(0, 0.5, (count, steps, 4))
    np.savez(path, x=x.astype("float32"), y=y)


def make_masks(path: Path, count: int = 160, side: int = 128) -> None:
    """Write an `.npz` of noisy images with a bright disk each, and the disks' masks."""
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[0:side, 0:side]
    centres = random.integers(side // 4, 3 * side // 4, (count, 2))
    masks = np.stack([(rows - a) ** 2 + (columns - b) ** 2 < (side / 6) ** 2 for a, b in centres])
    noise = random.integers(0, 120, (count, side, side))
    np.savez(path, x=(noise + 100 * masks).astype("uint8"), y=masks.astype("uint8"))


def build(name: str, shape: tuple[int, ...], classes: int) -> keras.Model:
    """A compiled model on raw uint8 images, or on sequences of numbers."""
    if name == "rnn":
        inputs = keras.Input((None, shape[-1]))
        scaled = layers.Normalization(mean=[0.0] * shape[-1], variance=[0.75] * shape[-1])(inputs)
        scaled = layers.Masking(-1e9)(scaled)
    else:
        inputs = keras.Input((None, None, shape[-1]) if name == "unet" else shape, dtype="uint8")
        scaled = layers.Rescaling(1 / 255, dtype="float32")(inputs)
    features = {"mlp": mlp, "cnn": cnn, "unet": unet, "rnn": rnn}[name](scaled)
    # On an image's features a Dense layer is a 1x1 convolution.
    outputs = layers.Dense(classes, activation="softmax")(features)
    model = keras.Model(inputs, outputs)
    model.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
    )
    return model


def parts(path: Path, limit: int | None = None) -> list[tuple[np.ndarray, np.ndarray]]:
    """Training, validation and test split of an `.npz` of samples `x` and classes `y`."""
    with np.load(path) as file:
        x, y = file["x"], file["y"].astype("int32")
    x = x[..., None] if x.dtype == np.uint8 else x
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
