"""Detection of the logits before a model's softmax or sigmoid, in the traced graph."""

from __future__ import annotations

from typing import Any

import numpy as np

_PASSED = ("Identity", "Cast", "Reshape", "Squeeze", "ExpandDims")
_HEADS = {"Softmax": "softmax", "Sigmoid": "sigmoid"}
TOLERANCE = 1e-5
"""Largest difference of the activation, applied again, from the model's own output."""
SMALLEST = 1e-12
"""Probabilities are at least this before their logarithm is taken."""


def before_activation(outputs: Any) -> tuple[Any, str]:
    """Return the logits of a graph's outputs and `softmax`, `sigmoid` or `linear`.

    From the output one goes back through what only casts or reshapes. It makes no difference
    whether the activation is a layer, a layer's argument or an operation.
    """
    import tensorflow as tf

    tensor = outputs
    while tensor.op.type in _PASSED:
        tensor = tensor.op.inputs[0]
    head = _HEADS.get(tensor.op.type)
    if head is None:
        return tf.cast(outputs, "float32"), "linear"
    logits = tf.cast(tensor.op.inputs[0], "float32")
    return tf.reshape(logits, tf.shape(outputs)), head


def activate(logits: np.ndarray, head: str) -> np.ndarray:
    """Return the outputs (..., k) for logits, with the head that `before_activation` found."""
    logits = np.asarray(logits, "float64")
    if head == "softmax":
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return powers / powers.sum(axis=-1, keepdims=True)
    if head == "sigmoid":
        return 0.5 * (1 + np.tanh(logits / 2))
    return np.exp(logits) if head == "log" else logits


def check(outputs: np.ndarray, logits: np.ndarray, head: str, precise: bool = True) -> str:
    """Return the head to use: the one found, or `log` for probabilities without one.

    Args:
        outputs: (n, ..., k), the model's.
        logits: the same shape, as they were found.
        head: what was found.
        precise: whether the model computes in float32.
    """
    tolerance = TOLERANCE if precise else 2e-2
    if head != "linear":
        again = activate(logits, head)
        return head if np.allclose(again, outputs, atol=tolerance) else "log"
    shares = outputs.shape[-1] > 1 and outputs.min() >= 0 and outputs.max() <= 1
    return "log" if shares and np.allclose(outputs.sum(axis=-1), 1, atol=1e-4) else "linear"
