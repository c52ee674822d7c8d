"""Coordinates along which a function repeats itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mlzoo.layers.derivatives.interface import functions


@keras.saving.register_keras_serializable(package="mlzoo")
class PeriodicCoordinates(keras.layers.Layer):
    """Replace coordinates by their cosines and sines, so that a network's output is periodic.

    Args:
        places: positions of the coordinates, each of period 2; the others come first in the output.
    """

    def __init__(self, places: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.places = [int(place) for place in places]

    def call(self, x: Any) -> Any:
        """Map x (batch, coordinates) to (batch, coordinates + periodic ones)."""
        xp = functions()
        kept = [place for place in range(x.shape[-1]) if place not in self.places]
        angles = [math.pi * x[:, place : place + 1] for place in self.places]
        columns = [x[:, place : place + 1] for place in kept]
        for angle in angles:
            columns += [xp.cos(angle), xp.sin(angle)]
        return ops.concatenate(columns, axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return (batch, coordinates + periodic ones)."""
        assert input_shape[-1] is not None
        return (input_shape[0], input_shape[-1] + len(self.places))

    def get_config(self) -> dict[str, object]:
        """Return the arguments."""
        return {**super().get_config(), "places": self.places}
