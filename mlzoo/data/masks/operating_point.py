"""Operating point of masks of two classes: from which probability on, and in how large a piece."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

EIGHT = np.ones((3, 3), bool)
"""Neighbors that belong to one component, also across corners."""


def most_probable(outputs: np.ndarray) -> np.ndarray:
    """Return the most probable class (rows, width) uint8 of outputs (rows, width, k)."""
    return outputs.argmax(axis=-1).astype(np.uint8)


@dataclass(frozen=True)
class MaskRule:
    """Rule by which the pixels of two classes are decided.

    Attributes:
        positive: position of the class that is decided for from a probability on, 0 or 1.
        threshold: that probability; at .5 the more probable class is decided for.
        smallest: pixels that a component of this class has at least; smaller ones become the other
            class. Pixels that touch at a corner are of one component.
    """

    positive: int
    threshold: float
    smallest: int = 1

    def decide(self, outputs: np.ndarray) -> np.ndarray:
        """Return classes (rows, width) uint8 from probabilities (rows, width, 2)."""
        chosen = outputs[..., self.positive] >= self.threshold
        return np.where(chosen, self.positive, 1 - self.positive).astype(np.uint8)

    def cleaned(self, mask: np.ndarray, enlarged: float = 1.0) -> np.ndarray:
        """Return a mask (height, width) uint8 without components that are too small.

        Args:
            mask: as `decide` returns it, of a whole image.
            enlarged: by how many times its number of pixels was changed after the network.
        """
        least = self.smallest * enlarged
        if least <= 1:
            return mask
        from scipy import ndimage

        labels, _ = ndimage.label(mask == self.positive, EIGHT)
        small = np.bincount(labels.ravel()) < least
        small[0] = False  # the other class
        return np.where(small[labels], 1 - self.positive, mask).astype(np.uint8)
