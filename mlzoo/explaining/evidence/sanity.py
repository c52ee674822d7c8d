"""Sanity checks: do maps depend on the learned weights, as these are randomized by layer?

Adebayo et al., "Sanity Checks for Saliency Maps" (2018). A map that stays as it was when the
weights are gone shows the input, not the model. Similarity is rank correlation, structural
similarity (Wang et al., "Image Quality Assessment", 2004) and that of histograms of oriented
gradients (Dalal and Triggs, 2005). The other check holds a class's map against another class's
(Sixt, Granz and Landgraf, "When Explanations Lie", 2020).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import NotRequired, TypedDict

import keras
import numpy as np

from mlzoo.data.volumes.slices import slices_of
from mlzoo.explaining.evidence.faithfulness import spearman
from mlzoo.introspection.graphs import all_layers

PASS, WARN = 0.35, 0.5
"""Rank correlation with all weights random: under the first passes, over the second fails."""
HEAD = 0.98
"""From this on a map does not use the classifier's head."""
STAGES = 8
"""At most so many layers, or groups of them, are randomized one after the other."""


class Likeness(TypedDict):
    """Similarity of maps to others: rank correlation, and of images of some size two more.

    Attributes:
        spearman: mean rank correlation.
        ssim: mean structural similarity.
        hog: mean cosine of histograms of gradients.
    """

    spearman: float
    ssim: NotRequired[float]
    hog: NotRequired[float]


class RandomizedStage(Likeness):
    """Likeness once some layers are randomized."""

    layers: list[str]


class SanityVerdict(TypedDict):
    """Verdict on the likeness with the output layer (`out`) and with all layers randomized."""

    out: float | None
    all: float
    verdict: str
    reason: str


class SanityCheck(SanityVerdict):
    """A sanity check of a method.

    Attributes:
        mode: `cascading`, `independent` or `labels`.
        how: way in which weights were changed, or the budget of the training on shuffled labels.
        stages: one or more.
        other_class: likeness of the maps of another class, where there are classes.
    """

    mode: str
    how: str
    stages: list[RandomizedStage]
    other_class: NotRequired[float]


def check(
    model: keras.Model,
    explain: Callable[[], np.ndarray],
    mode: str = "cascading",
    how: str = "permute",
    seed: int = 0,
    positive: bool = False,
    depth: int = 1,
) -> SanityCheck:
    """Return the similarity of maps to those of the trained model as weights are randomized.

    Args:
        model: its weights are changed and put back, bit for bit.
        explain: gives the maps (n, ...) of the model as it then is.
        mode: `cascading` randomizes from the output down and leaves what was randomized so;
            `independent` one stage at a time.
        how: `permute` shuffles each weight array; `redraw` draws it anew, with its mean and spread.
        seed: decides the new weights.
        positive: whether a map is what is positive in it, as of class activation maps.
        depth: slices of a volume, one below the other in its map.

    Returns:
        `stages`: of each the layers and the similarities; `out` and `all`: rank correlation with
        the output layer, and with all, randomized; `verdict`: pass, warn or fail; `reason`.
    """
    groups = stages(model)
    before = explain()
    rows: list[RandomizedStage] = []
    with restored(model):
        for group in groups:
            weights = [layer.get_weights() for layer in group]
            for layer in group:
                randomize(layer, how, seed)
            names = [layer.name for layer in group]
            rows.append({"layers": names, **alike(before, explain(), positive, depth)})
            if mode == "independent":
                for layer, old in zip(group, weights, strict=True):
                    layer.set_weights(old)
        if mode == "independent":
            for group in groups:
                for layer in group:
                    randomize(layer, how, seed)
            everything = alike(before, explain(), positive, depth)["spearman"]
        else:
            everything = rows[-1]["spearman"]
    judgement = verdict(rows[0]["spearman"], everything)
    return {"mode": mode, "how": how, "stages": rows, **judgement}


def check_labels(
    model: keras.Model,
    explain: Callable[[], np.ndarray],
    weights: list[np.ndarray],
    budget: str,
    positive: bool = False,
    depth: int = 1,
) -> SanityCheck:
    """Return the similarity of maps to those of the network trained on shuffled labels.

    Args:
        model: its weights are changed and put back, bit for bit.
        explain: gives the maps (n, ...) of the model as it then is.
        weights: what the network learned from shuffled labels.
        budget: what that training was, in words.
        positive: as of `check`.
        depth: as of `check`.

    Returns:
        As of `check`; `out` is None.
    """
    before = explain()
    with restored(model):
        model.set_weights(weights)
        similarities = alike(before, explain(), positive, depth)
    row: RandomizedStage = {"layers": ["trained on shuffled labels"], **similarities}
    return {
        "mode": "labels",
        "how": budget,
        "stages": [row],
        **verdict(None, similarities["spearman"]),
    }


def verdict(out: float | None, everything: float) -> SanityVerdict:
    """Return the verdict on the similarities, with the thresholds that decide."""
    other = "a random model" if out is not None else "a model of shuffled labels"
    if everything >= WARN:
        word, why = "fail", f"maps of {other} are {everything:.2f} like its own"
    elif everything >= PASS:
        word, why = "warn", f"maps of {other} are {everything:.2f} like its own"
    else:
        word, why = "pass", f"maps of {other} differ ({everything:.2f} < {PASS})"
    if out is not None and out >= HEAD:
        word = "fail" if word == "fail" else "warn"
        why += f"; it does not use the classifier's head ({out:.2f} >= {HEAD})"
    return {"out": out, "all": everything, "verdict": word, "reason": why}


def beside_another_class(check: SanityCheck, likeness: float) -> SanityCheck:
    """Return a check's result with the similarity of another class's maps."""
    result: SanityCheck = {**check, "other_class": likeness}
    if likeness >= HEAD:
        result["verdict"] = "fail" if check["verdict"] == "fail" else "warn"
        result["reason"] += f"; maps of another class are the same ({likeness:.2f} >= {HEAD})"
    return result


def stages(model: keras.Model) -> list[list[keras.layers.Layer]]:
    """Return layers with weights from the output down, the first alone, the rest in even groups."""
    weighted = [la for la in all_layers(model) if la.weights and not _composite(la)]
    top, rest = weighted[-1:], weighted[:-1][::-1]
    count = min(STAGES - 1, len(rest))
    parts = np.array_split(np.arange(len(rest)), count) if count else []
    return [top, *([rest[i] for i in part] for part in parts)]


def _composite(layer: keras.layers.Layer) -> bool:
    """Return True if a layer's weights are those of layers within it."""
    return any(inner.weights for inner in layer._flatten_layers(include_self=False))


def randomize(layer: keras.layers.Layer, how: str, seed: int) -> None:
    """Give a layer new weights; variances of batch normalization stay positive.

    Args:
        layer: the layer to change.
        how: `permute` or `redraw`.
        seed: decides the new weights.
    """
    rng = np.random.default_rng([seed, *layer.name.encode()])
    new = []
    for variable, old in zip(layer.weights, layer.get_weights(), strict=True):
        if old.dtype.kind != "f" or how == "permute":
            new.append(rng.permutation(old.ravel()).reshape(old.shape))
            continue
        drawn = rng.normal(old.mean(), old.std() or 0.0, old.shape).astype(old.dtype)
        new.append(np.abs(drawn) if "variance" in variable.name else drawn)
    layer.set_weights(new)


@contextmanager
def restored(model: keras.Model) -> Iterator[None]:
    """Put all weights back at the end, bit for bit."""
    before = [weight.copy() for weight in model.get_weights()]
    try:
        yield
    finally:
        model.set_weights(before)


def alike(
    first: np.ndarray, second: np.ndarray, positive: bool = False, depth: int = 1
) -> Likeness:
    """Return mean similarities of maps (n, ...), of absolute or positive values.

    Args:
        first: maps (n, ...).
        second: maps (n, ...).
        positive: compare positive parts, not absolute values.
        depth: slices of a volume, one below the other in its map.
    """
    sides = [np.maximum(maps, 0) if positive else np.abs(maps) for maps in (first, second)]
    pairs = list(zip(*sides, strict=True))
    similarities: Likeness = {"spearman": _rounded(spearman(a, b) for a, b in pairs)}
    if first.ndim == 3 and min(first.shape[1] // depth, first.shape[2]) >= 8:
        similarities["ssim"] = _rounded(ssim(a, b, depth) for a, b in pairs)
        similarities["hog"] = _rounded(
            np.dot(hog(a, depth=depth), hog(b, depth=depth)) for a, b in pairs
        )
    return similarities


def _rounded(values: Iterable[float]) -> float:
    return round(float(np.mean(list(values))), 6)


def ssim(first: np.ndarray, second: np.ndarray, depth: int = 1) -> float:
    """Return the structural similarity of two maps, each scaled to 0..1; 1 for equal ones.

    Args:
        first: map (height, width).
        second: the same.
        depth: slices of a volume, one below the other in its map.
    """
    from scipy.ndimage import gaussian_filter

    def blurred(values: np.ndarray) -> np.ndarray:
        return np.asarray(gaussian_filter(values, (0, 1.5, 1.5)))

    a, b = (slices_of(_unit(values), depth) for values in (first, second))
    mean_a, mean_b = blurred(a), blurred(b)
    var_a = blurred(a * a) - mean_a**2
    var_b = blurred(b * b) - mean_b**2
    both = blurred(a * b) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    above = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    return float((above / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))).mean())


def hog(values: np.ndarray, cells: int = 8, bins: int = 9, depth: int = 1) -> np.ndarray:
    """Return histograms of gradient directions in a grid of cells, as one vector of length 1.

    Args:
        values: map (height, width).
        cells: cells along each side.
        bins: directions.
        depth: slices of a volume, one below the other in its map, each with a grid of its own.
    """
    slices = slices_of(_unit(values), depth)
    down, right = np.gradient(slices, axis=(1, 2))
    size, angle = np.hypot(down, right), np.arctan2(down, right) % np.pi
    place = np.minimum((angle / np.pi * bins).astype(int), bins - 1)
    rows, columns = (np.arange(side) * cells // side for side in slices.shape[1:])
    grid = np.arange(depth)[:, None, None] * cells**2
    cell = grid + rows[:, None] * cells + columns[None]
    flat = np.bincount((cell * bins + place).ravel(), size.ravel(), depth * cells * cells * bins)
    length = np.linalg.norm(flat)
    return flat / length if length else flat


def _unit(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, "float64")
    span = np.ptp(values)
    return (values - values.min()) / span if span else np.zeros_like(values)
