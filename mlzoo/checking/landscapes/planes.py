"""Planes through a model's weights: two weights, random directions, or a training's path."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mlzoo.checking.landscapes.losses import Weights
from mlzoo.core.errors import UsageError
from mlzoo.core.messages import few
from mlzoo.core.registry import unknown


@dataclass(frozen=True)
class Plane:
    """All weights center + a first + b second.

    Attributes:
        center: where (0, 0) is.
        first: the first direction.
        second: the second one.
        labels: of the two axes.
        spans: what is shown of a and of b.
        trail: (k, 2) places of a training's snapshots, first to last; none: empty.
        weights: of a plane of two weights, where they are: (variable, position).
        notes: what is worth saying of it.
    """

    center: Weights
    first: Weights
    second: Weights
    labels: tuple[str, str]
    spans: tuple[tuple[float, float], tuple[float, float]]
    trail: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))
    weights: tuple[tuple[int, tuple[int, ...]], ...] = ()
    notes: tuple[str, ...] = ()

    def at(self, a: float, b: float) -> Weights:
        """Return the weights at a point of the plane."""
        triples = zip(self.center, self.first, self.second, strict=True)
        return [(c + a * f + b * s).astype(c.dtype) for c, f, s in triples]


def two_weights(
    variables: Sequence[Any], values: Weights, names: Sequence[str], span: float = 1.0
) -> Plane:
    """Return the plane of two single weights, around their own values.

    Args:
        variables: the trainable ones.
        values: theirs.
        names: as hidden1/kernel[3,5]; none: the two largest of the last kernel.
        span: how far from their values is shown.

    Raises:
        UsageError: there is no such weight.
    """
    places = [find(variables, name) for name in names] or _largest(variables, values)
    if len(places) != 2 or places[0] == places[1]:
        raise UsageError("--weights: name two different weights, as hidden1/kernel[3,5],...")
    directions, spans, labels = [], [], []
    for which, position in places:
        one = [np.zeros_like(v) for v in values]
        one[which][position] = 1.0
        directions.append(one)
        spans.append((-span, span))
        value = float(values[which][position])
        labels.append(f"{title(variables, which, position)}, 0: {value:.3g}")
    return Plane(
        values, directions[0], directions[1], (labels[0], labels[1]), (spans[0], spans[1]),
        weights=tuple(places),
    )  # fmt: skip


def title(variables: Sequence[Any], which: int, position: tuple[int, ...]) -> str:
    """Return a weight's name, as it is typed.

    Args:
        variables: the trainable variables.
        which: position of the variable.
        position: index within it.
    """
    return f"{variables[which].path}[{','.join(map(str, position))}]"


def find(variables: Sequence[Any], name: str) -> tuple[int, tuple[int, ...]]:
    """Return the variable and the index of a weight named as hidden1/kernel[3,5].

    Raises:
        UsageError: nowhere.
    """
    matched = re.fullmatch(r"\s*(\S+?)\[([\d\s,]+)\]\s*", name)
    if not matched:
        raise UsageError(f"--weights: write LAYER/kernel[3,5] (got {name!r})")
    paths = [variable.path for variable in variables]
    path = matched.group(1)
    if path not in paths:
        raise UsageError(f"--weights: {unknown('weight', path, paths)}; there are {few(paths)}")
    which = paths.index(path)
    position = tuple(int(word) for word in matched.group(2).split(",") if word.strip())
    shape = tuple(variables[which].shape)
    if len(position) != len(shape) or any(p >= s for p, s in zip(position, shape, strict=True)):
        raise UsageError(f"--weights: {path} has shape {shape}, so it has no {name.strip()!r}")
    return which, position


def split_names(text: str) -> list[str]:
    """Return `a/kernel[1,2],b/kernel[3,4]` as two names; commas within brackets do not split."""
    return [word for word in re.split(r",(?![^\[]*\])", text) if word.strip()]


def _largest(variables: Sequence[Any], values: Weights) -> list[tuple[int, tuple[int, ...]]]:
    which = max(i for i, v in enumerate(variables) if len(v.shape) > 1)
    order = np.argsort(-np.abs(values[which]).ravel(), kind="stable")[:2]
    shape = values[which].shape
    return [(which, tuple(int(p) for p in np.unravel_index(flat, shape))) for flat in order]


def random_directions(values: Weights, seed: int, span: float = 1.0) -> Plane:
    """Return two random directions, normalized by filter to the norms of the model's own filters.

    Source: Li, Xu, Taylor, Studer and Goldstein, "Visualizing the loss landscape of neural nets"
    (2018). Biases and the factors of normalization layers stay as they are.

    Args:
        values: the model's weights.
        seed: of the directions.
        span: range of both coordinates, from -span to span.
    """
    generator = np.random.default_rng(seed)
    first, second = (_filter_normalized(values, generator) for _ in range(2))
    labels = "random direction 1", "random direction 2"
    return Plane(values, first, second, labels, ((-span, span), (-span, span)))


def _filter_normalized(values: Weights, generator: np.random.Generator) -> Weights:
    directions = []
    for value in values:
        drawn = generator.normal(size=value.shape).astype(value.dtype)
        if value.ndim < 2:
            directions.append(np.zeros_like(value))
            continue
        axes = tuple(range(value.ndim - 1))
        filter_norm = np.sqrt((value**2).sum(axis=axes, keepdims=True))
        drawn_norm = np.sqrt((drawn**2).sum(axis=axes, keepdims=True))
        directions.append(drawn * filter_norm / (drawn_norm + 1e-10))
    return directions


def path_directions(snapshots: Sequence[Weights], values: Weights) -> Plane:
    """Return the first two principal components of a training's snapshots, around its end."""
    flat = np.stack([_flat(s) for s in snapshots]) - _flat(values)
    # Few snapshots, many weights: the components come from the small matrix of their products.
    squares, vectors = np.linalg.eigh(flat @ flat.T)
    order = np.argsort(-squares)[:2]
    total = max(float(squares.clip(min=0).sum()), 1e-300)
    directions, shares = [], []
    for place in order:
        direction = vectors[:, place] @ flat
        directions.append(direction / max(float(np.linalg.norm(direction)), 1e-12))
        shares.append(max(0.0, float(squares[place])) / total)
    trail = np.stack([flat @ d for d in directions], axis=-1)
    spans = []
    for side in trail.T:
        low, high = min(0.0, side.min()), max(0.0, side.max())
        margin = 0.25 * (high - low) or 1.0
        spans.append((float(low - margin), float(high + margin)))
    labels = [f"component {i} ({share:.0%} of the path)" for i, share in enumerate(shares, 1)]
    first, second = (_unflat(d, values) for d in directions)
    return Plane(
        values, first, second, (labels[0], labels[1]), (spans[0], spans[1]), trail,
        notes=(f"two components hold {sum(shares):.0%} of the training's path",),
    )  # fmt: skip


def _flat(weights: Weights) -> np.ndarray:
    return np.concatenate([w.ravel() for w in weights]).astype("float64")


def _unflat(flat: np.ndarray, like: Weights) -> Weights:
    cuts = np.cumsum([w.size for w in like])[:-1]
    parts = np.split(flat, cuts)
    return [p.reshape(w.shape).astype(w.dtype) for p, w in zip(parts, like, strict=True)]
