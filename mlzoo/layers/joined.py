"""Models of images with columns of a table beside them, made of builders that take images alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
from keras import ops

from mlzoo.core.errors import UsageError
from mlzoo.data.specs import Beside, Inputs, Outputs

IMAGE, COLUMNS = "image", "columns"
"""Names of the two inputs, and of the layers that take them out of what travels."""
SCALING = "columns_scaling"
"""Name of the layer that scales the columns."""
_COLUMN_UNITS, _JOINED_UNITS = 32, 64


@keras.saving.register_keras_serializable(package="mlzoo")
class ImageAbove(keras.layers.Layer):
    """The image that columns stand below.

    Args:
        height: of the image.
    """

    def __init__(self, height: int, **kwargs: Any) -> None:
        super().__init__(dtype="float32", **{k: v for k, v in kwargs.items() if k != "dtype"})
        self.height = int(height)

    def call(self, x: Any) -> Any:
        """Return (batch, height, width, channels)."""
        return x[:, : self.height]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the images."""
        return (input_shape[0], self.height, *input_shape[2:])

    def get_config(self) -> dict[str, object]:
        """Return the arguments that rebuild the layer."""
        return {**super().get_config(), "height": self.height}


@keras.saving.register_keras_serializable(package="mlzoo")
class ColumnsBelow(keras.layers.Layer):
    """The columns that stand below an image.

    Args:
        height: of the image.
        count: of the columns.
    """

    def __init__(self, height: int, count: int, **kwargs: Any) -> None:
        super().__init__(dtype="float32", **{k: v for k, v in kwargs.items() if k != "dtype"})
        self.height, self.count = int(height), int(count)

    def call(self, x: Any) -> Any:
        """Return (batch, count)."""
        _, rows, width, channels = x.shape
        below = ops.reshape(x[:, self.height :], (-1, (rows - self.height) * width * channels))
        return below[:, : self.count]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return (batch, count)."""
        return (input_shape[0], self.count)

    def get_config(self) -> dict[str, object]:
        """Return the arguments that rebuild the layer."""
        return {**super().get_config(), "height": self.height, "count": self.count}


@keras.saving.register_keras_serializable(package="mlzoo")
class PutBelow(keras.layers.Layer):
    """An image and columns as they travel: columns in rows below the image, filled up with zeros.

    Args:
        rows: of pixels below the image.
    """

    def __init__(self, rows: int, **kwargs: Any) -> None:
        super().__init__(dtype="float32", **{k: v for k, v in kwargs.items() if k != "dtype"})
        self.rows = int(rows)

    def call(self, inputs: Any) -> Any:
        """Return (batch, height + rows, width, channels) of (batch, ...) images and columns."""
        image, columns = inputs
        _, _, width, channels = image.shape
        empty = self.rows * width * channels - columns.shape[1]
        below = ops.pad(ops.cast(columns, "float32"), ((0, 0), (0, empty)))
        below = ops.reshape(below, (-1, self.rows, width, channels))
        return ops.concatenate([ops.cast(image, "float32"), below], axis=1)

    def compute_output_shape(
        self, input_shape: tuple[tuple[int | None, ...], ...]
    ) -> tuple[int | None, ...]:
        """Return the shape of what travels."""
        batch, height, width, channels = input_shape[0]
        return (batch, (height or 0) + self.rows, width, channels)

    def get_config(self) -> dict[str, object]:
        """Return the arguments that rebuild the layer."""
        return {**super().get_config(), "rows": self.rows}


def build_joined(
    build: Callable[[Any, Inputs, Outputs], keras.Model],
    name: str,
    config: Any,
    inputs: Inputs,
    outputs: Outputs,
) -> keras.Model:
    """Return a model of images and columns, joined late.

    The features that the builder's network ends with are put beside a hidden layer of the scaled
    columns, and one more hidden layer, which lets one input change what the other means, comes
    before the head.

    Args:
        build: of a model of images: `build(config, inputs, outputs)`.
        name: of the model.
        config: the model's settings.
        inputs: specification of the samples, with `beside`.
        outputs: specification of the predictions.

    Raises:
        UsageError: the builder does not end its network with `outputs.head(features)`.
    """
    beside = inputs.beside
    assert beside is not None
    tensor = keras.Input(inputs.shape, dtype="float32", name="input")
    scaled = ImageAbove(beside.height, name=IMAGE)(tensor)
    for layer in inputs.scaling:
        scaled = keras.layers.deserialize(layer)(scaled)
    columns = ColumnsBelow(beside.height, beside.count, name=COLUMNS)(tensor)
    columns = keras.layers.deserialize(beside.scaling)(columns)
    columns = keras.layers.Dense(_COLUMN_UNITS, activation="relu", name="columns_dense")(columns)
    joined: list[Any] = []

    def join(features: Any) -> Any:
        if len(features.shape) != 2:
            raise UsageError(
                f"{name}: --with-columns is for models that end with features of a whole image; "
                "choose `cnn`, `resnet` or `transfer`"
            )
        if not joined:
            both = keras.layers.Concatenate(name="joined")([features, columns])
            hidden = keras.layers.Dense(_JOINED_UNITS, activation="relu", name="joined_dense")
            joined.append(hidden(both))
        return joined[0]

    shape = (beside.height, *inputs.shape[1:])
    alone = replace(inputs, shape=shape, beside=None, opened=(tensor, scaled))
    model = build(config, alone, replace(outputs, join=join))
    if not joined:
        raise UsageError(
            f"{name}: --with-columns needs a model that ends with outputs.head(features); choose "
            "`cnn`, `resnet` or `transfer`"
        )
    model.plain_only = True  # Compiled fits of a search know no second input.
    return model


def with_two_inputs(model: keras.Model, beside: Beside) -> keras.Model:
    """Return a model that takes images and columns as two inputs, `image` and `columns`.

    Args:
        model: made by `build_joined`.
        beside: as it was then.
    """
    _, rows, width, channels = model.input_shape
    image = keras.Input((beside.height, width, channels), dtype="float32", name=IMAGE)
    columns = keras.Input((beside.count,), dtype="float32", name=COLUMNS)
    below = PutBelow(rows - beside.height, name="put_below")([image, columns])
    return keras.Model({IMAGE: image, COLUMNS: columns}, model(below), name=model.name)
