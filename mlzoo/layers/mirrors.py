"""Masks as the mean over an image and its mirror images (test-time augmentation), in the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from mlzoo.layers.padding import CropLike, PadToMultiple
from mlzoo.layers.temperature import LogProbabilities

BODY = "network"
"""Name of the network that sees the image and its mirror images."""
_HORIZONTAL, _VERTICAL = 2, 1
MIRRORS = {
    "horizontal": ((_HORIZONTAL,), ()),
    "vertical": ((_VERTICAL,), ()),
    "both": ((_HORIZONTAL, _VERTICAL), (_VERTICAL,), (_HORIZONTAL,), ()),
}
"""Axes that are reversed for each view; the image itself is last, so that a network's features are
those of the image, as of a layer that is called several times the last call counts."""


@keras.saving.register_keras_serializable(package="mlzoo")
class MirrorImage(keras.layers.Layer):
    """Images or maps (batch, height, width, channels) with some axes reversed.

    Args:
        axes: 1 turns them upside down, 2 exchanges left and right.
    """

    def __init__(self, axes: Sequence[int], **kwargs: Any) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.axes = tuple(axes)

    def call(self, x: Any) -> Any:
        """Return the same shape."""
        # In place of `ops.flip`, which OpenVINO has no operation for.
        step = {axis: -1 for axis in self.axes}
        return x[tuple(slice(None, None, step.get(axis)) for axis in range(len(x.shape)))]

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape unchanged."""
        return input_shape

    def get_config(self) -> dict[str, object]:
        """Return the argument."""
        return {**super().get_config(), "axes": self.axes}


def mean_over_mirrors(
    body: keras.Model, image: keras.KerasTensor, mirrors: str
) -> keras.KerasTensor:
    """Return the mean of a network's probabilities for an image and its mirror images.

    Args:
        body: from images to probabilities (batch, height, width, k), called `BODY`.
        image: (batch, height, width, channels) what it sees.
        mirrors: one of `MIRRORS`.
    """
    seen = image
    # Padded before it is mirrored: a tile's mirror image lies on the grid of the whole image's.
    for layer in body.layers:
        if isinstance(layer, PadToMultiple):
            seen = PadToMultiple(layer.multiple, layer.axes, name="pad_views")(seen)
    outputs = []
    for number, axes in enumerate(MIRRORS[mirrors], start=1):
        view = MirrorImage(axes, name=f"view{number}")(seen) if axes else seen
        output = body(view)
        output = MirrorImage(axes, name=f"view{number}_back")(output) if axes else output
        outputs.append(CropLike(name=f"view{number}_crop")([output, image]))
    mean = keras.layers.Average(dtype="float32", name="views")(outputs)
    head = "sigmoid" if mean.shape[-1] == 1 else "softmax"
    logits = LogProbabilities(dtype="float32", name="views_logits")(mean)
    return keras.layers.Activation(head, dtype="float32", name="views_output")(logits)
