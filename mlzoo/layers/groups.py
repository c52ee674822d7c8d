"""Convolutions over rotations (p4) and mirror images (p4m) of their kernels.

Cohen and Welling 2016, "Group equivariant convolutional networks": a feature has one map for each
element of a group, found by one kernel in all its orientations. Where an image is turned, its maps
are turned and change places, so that what is pooled over the elements stays the same. Channels are
ordered by element, then by feature. Kernels have odd sides and maps are padded evenly, since what
lies off center would not turn with the image.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

Group = Literal["p4", "p4m"]


def elements(group: str) -> list[tuple[int, int]]:
    """Return mirror (0 or 1) and quarter turns of each element; the first changes nothing."""
    return [(mirror, turns) for mirror in range(1 + (group == "p4m")) for turns in range(4)]


def act(element: tuple[int, int], array: np.ndarray) -> np.ndarray:
    """Return an array (side, side, ...) mirrored, then turned."""
    mirror, turns = element
    return np.rot90(array[:, ::-1] if mirror else array, turns)


@cache
def _quotients(group: str) -> np.ndarray:
    """Return the position of g^-1 h for all elements g and h, (order, order)."""
    all_elements = elements(group)
    square = np.arange(9).reshape(3, 3)
    seen = [act(each, square).ravel().tolist() for each in all_elements]
    # q = g^-1 h is the element for which g q = h.
    return np.array(
        [
            [
                next(
                    position
                    for position, q in enumerate(all_elements)
                    if act(g, act(q, square)).ravel().tolist() == h
                )
                for h in seen
            ]
            for g in all_elements
        ]
    )


@keras.saving.register_keras_serializable(package="mlzoo")
class GroupConvolution(keras.layers.Layer):
    """Convolve (batch, height, width, channels) with one kernel in all its orientations.

    Args:
        filters: features; the result has as many channels for each element of the group.
        kernel: side of the square kernel, odd.
        group: p4 or p4m.
        lifting: the input is an image, whose channels belong to no element.
        use_bias: add a bias to each feature.
    """

    def __init__(
        self,
        filters: int,
        kernel: int,
        group: Group = "p4",
        lifting: bool = False,
        use_bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters, self.side, self.group = int(filters), int(kernel), group
        self.lifting, self.use_bias = lifting, use_bias

    @property
    def order(self) -> int:
        """Return the number of elements of the group."""
        return len(elements(self.group))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make one kernel, (side^2 * elements of the input, features of the input, filters)."""
        channels = input_shape[-1]
        assert channels is not None
        maps = 1 if self.lifting else self.order
        places = np.arange(self.side**2 * maps).reshape(self.side, self.side, maps)
        moved = [act(element, places) for element in elements(self.group)]
        if not self.lifting:
            moved = [each[:, :, q] for each, q in zip(moved, _quotients(self.group), strict=True)]
        self._places = np.stack(moved).astype("int32")
        self.kernel = self.add_weight(
            shape=(places.size, channels // maps, self.filters),
            initializer="he_normal",
            name="kernel",
        )
        self.bias = (
            self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")
            if self.use_bias
            else None
        )

    def filter_bank(self) -> Any:
        """Return the kernel in all orientations, (side, side, channels, order * filters)."""
        bank = ops.take(self.kernel, self._places, axis=0)
        bank = ops.transpose(bank, (1, 2, 3, 4, 0, 5))
        return ops.reshape(bank, (self.side, self.side, -1, self.order * self.filters))

    def offsets(self) -> Any:
        """Return the bias of each channel, (order * filters,)."""
        return ops.tile(self.bias, self.order)

    def call(self, x: Any) -> Any:
        """Return (batch, height, width, order * filters)."""
        y = ops.conv(x, ops.cast(self.filter_bank(), x.dtype), padding="same")
        return y if self.bias is None else y + ops.cast(self.offsets(), y.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape with a channel for each element and feature."""
        return *input_shape[:-1], self.order * self.filters

    def get_config(self) -> dict[str, object]:
        """Return the arguments."""
        arguments = {
            "filters": self.filters,
            "kernel": self.side,
            "group": self.group,
            "lifting": self.lifting,
            "use_bias": self.use_bias,
        }
        return {**super().get_config(), **arguments}
