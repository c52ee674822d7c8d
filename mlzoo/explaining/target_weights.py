"""Targets as weights on the model's logits, shaped like its outputs.

An explained number is a weighted sum of logits. A class weighs 1; a class held against another
weighs 1 and that one -1, as is either of two classes, whose single logits a softmax leaves open;
the second class of a one-unit head weighs 1 and the first -1; a region of a mask spreads 1 over its
pixels; a step of a sequence or of a forecast weighs 1 there.
"""

from __future__ import annotations

import numpy as np


def of_classes(classes: np.ndarray, units: int, against: np.ndarray | None = None) -> np.ndarray:
    """Return targets (n, units) of one class per sample.

    Args:
        classes: (n,) positions.
        units: outputs of the model; 1 where one probability stands for two classes.
        against: (n,) positions of the classes that they are held against; of two units the other.
    """
    if units == 1:
        return np.where(classes == 1, 1.0, -1.0).astype("float32")[:, None]
    if units == 2 and against is None:
        against = 1 - np.asarray(classes)
    weights = np.eye(units, dtype="float32")[classes]
    return weights if against is None else weights - np.eye(units, dtype="float32")[against]


def of_region(region: np.ndarray, position: int, units: int, signed: bool = True) -> np.ndarray:
    """Return targets (n, height, width, units) of a class over regions (n, height, width).

    The class's logits are averaged over the region; one of no pixels has no weight.

    Args:
        region: where.
        position: of the class or output.
        units: outputs of the model.
        signed: units are classes. A single one stands for two, of which the first weighs -1; either
            of two is held against the other.
    """
    share = region / np.maximum(region.sum(axis=(1, 2), keepdims=True), 1)
    weights = np.zeros((*region.shape, units), "float32")
    negative = signed and units == 1 and position == 0
    weights[..., 0 if units == 1 else position] = -share if negative else share
    if signed and units == 2:
        weights[..., 1 - position] = -share
    return weights


def of_step(shape: tuple[int, ...], step: int, units: np.ndarray) -> np.ndarray:
    """Return targets (n, steps, k) of one output per sample, at one step.

    Args:
        shape: (n, steps, k), the outputs'.
        step: from 0; a negative one counts from the end.
        units: (n,) positions of the outputs.
    """
    weights = np.zeros(shape, "float32")
    weights[np.arange(shape[0]), step, units] = 1
    return weights
