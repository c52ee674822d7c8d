"""Reduction of logits to the one number that is explained, within a graph.

A target weighs the logits: shaped like the outputs (n, ..., k), 1 for a class or -1 for the class
it is held against, spread over pixels or steps where there are many.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

_FAR = 1e9


def linear(logits: Any, target: Any) -> Any:
    """Return the weighted sum of logits (n,) that gradients are taken of."""
    return tf.reduce_sum(logits * target, axis=_inner(logits))


def evidence(logits: Any, target: Any, head: str) -> Any:
    """Return log-odds (n,) of the weighted classes against all others.

    Of a softmax ln(p / (1 - p)), which a saturated p does not flatten and which, other than the
    logit, falls when another class gains. Of a sigmoid and of numbers, and where one class is held
    against another, it is the weighted sum of logits.

    Args:
        logits: (n, ..., k).
        target: weights (n, ..., k).
        head: `softmax`, `sigmoid`, `linear` or `log`.
    """
    plain = linear(logits, target)
    if head not in ("softmax", "log"):
        return plain
    # The others' total, with the weighted classes far below it.
    others = tf.reduce_logsumexp(logits - tf.where(target > 0, _FAR, 0.0), axis=-1, keepdims=True)
    total_others = tf.reduce_sum(target, axis=-1, keepdims=True) * others
    odds = plain - tf.reduce_sum(
        tf.broadcast_to(total_others, tf.shape(total_others)), axis=_inner(total_others)
    )
    against = tf.reduce_any(target < 0, axis=_inner(target))
    return tf.where(against, plain, odds)


def confidence(logits: Any, target: Any, head: str) -> Any:
    """Return the model's confidence (n,): a probability, or the weighted sum for numbers.

    Args:
        logits: (n, ..., k).
        target: weights (n, ..., k).
        head: `softmax`, `sigmoid`, `linear` or `log`.
    """
    if head == "linear":
        return linear(logits, target)
    if head == "sigmoid":
        weight = tf.abs(target)
        values = tf.sigmoid(tf.sign(target) * logits)
    else:
        weight = tf.maximum(target, 0.0)
        values = tf.nn.softmax(logits)
    axes = _inner(logits)
    return tf.reduce_sum(weight * values, axis=axes) / tf.reduce_sum(weight, axis=axes)


def three(logits: Any, target: Any, head: str) -> tuple[Any, Any, Any]:
    """Return evidence, confidence and the weighted sum, (n,) each.

    Args:
        logits: (n, ..., k).
        target: weights (n, ..., k).
        head: `softmax`, `sigmoid`, `linear` or `log`.
    """
    return (
        evidence(logits, target, head),
        confidence(logits, target, head),
        linear(logits, target),
    )


def _inner(tensor: Any) -> list[int]:
    return list(range(1, len(tensor.shape)))
