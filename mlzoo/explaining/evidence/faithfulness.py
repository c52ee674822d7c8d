"""Faithfulness of a map to its model: scores of one map of one sample.

Every score hides or shows the positions that a map ranks first and looks at what the model says.
None of them is enough alone, so each stands beside those of a random map and an edge detector.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from zlib import crc32

import numpy as np

from mlzoo.data.volumes.slices import slices_of
from mlzoo.explaining.evidence import imputing
from mlzoo.introspection.probe import Probe
from mlzoo.introspection.resampling import upsample

STEPS = 20
PERCENTS = (10, 20, 30, 40, 50, 60, 70, 80, 90)
SUBSETS = 64
_CELLS = 8


@dataclass(frozen=True, eq=False)
class Sample:
    """One sample, opened for scoring: (1, ...) arrays.

    `seed` decides the order of equal values, the noise and the subsets: `sample_seed`.
    """

    probe: Probe
    x: np.ndarray
    target: np.ndarray
    baseline: np.ndarray
    seed: int


def sample_seed(name: str, seed: int) -> int:
    """Return a seed of a sample's own, so that no random draw is shared by all samples."""
    return crc32(name.encode(), seed)


def score(sample: Sample, values: np.ndarray) -> dict[str, float]:
    """Return all scores of a map.

    Returns:
        `deletion`: area under what the model is sure of while the map's strongest positions are
        blurred away, low is good (Petsiuk et al., "RISE", 2018); `insertion`: while they appear
        in the blurred input, high is good; `gain`: insertion less deletion; `road`: of images,
        how much surer the model is after removing the weakest than after removing the strongest
        (Rong et al. 2022); `iou_drop`: of masks, the share of the predicted region that is lost
        when the strongest tenth is blurred away; `sensitivity_n`: correlation of what random
        halves of the map sum to and what hiding them costs (Ancona et al., "Towards better
        understanding of gradient-based attribution methods", 2018); `sparseness`: the Gini index
        (Chalasani et al., "Concise Explanations of Neural Networks using Adversarial Training",
        2020).
    """
    # A number may be what it is because of what lowers it.
    strength = np.asarray(values, "float64")
    strongest = strength * direction(sample)
    deletion, insertion = deletion_insertion(sample, strongest)
    scores = {
        "deletion": deletion,
        "insertion": insertion,
        "gain": insertion - deletion,
        "sensitivity_n": sensitivity(sample, strength),
        "sparseness": gini(strength),
    }
    if strength.ndim == 2 and sample.x.ndim == 4:
        if sample.target.ndim == 4 and sample.probe.head != "linear":
            scores["iou_drop"] = iou_drop(sample, strength)
        scores["road"] = road(sample, strongest)
    return {name: round(float(value), 6) for name, value in scores.items()}


def direction(sample: Sample) -> int:
    """Return 1, or -1 if a number is smaller for the sample than for its baseline."""
    if sample.probe.head != "linear":
        return 1
    ends = [sample.probe.scores(sample.x, sample.target, z)[0] for z in (None, sample.baseline)]
    return 1 if ends[0] >= ends[1] else -1


def ranks(values: np.ndarray, seed: int) -> np.ndarray:
    """Return each position's rank from the strongest (0) on; ties in random order."""
    flat = values.ravel()
    shuffled = np.random.default_rng([seed, 0xF1]).permutation(flat.size)
    order = shuffled[np.argsort(-flat[shuffled], kind="stable")]
    place = np.empty(flat.size, np.int64)
    place[order] = np.arange(flat.size)
    return place.reshape(values.shape)


def deletion_insertion(sample: Sample, values: np.ndarray) -> tuple[float, float]:
    """Return the areas under both curves, of `STEPS` steps each, by the trapezoid rule."""
    place = ranks(values, sample.seed)
    counts = np.rint(np.linspace(0, values.size, STEPS + 1))
    shown = place[None] < counts.reshape(-1, *(1,) * values.ndim)
    masks = np.concatenate([~shown, shown]).astype("float32")
    sure = confidences(sample, masks)
    return area(sure[: STEPS + 1]), area(sure[STEPS + 1 :])


def confidences(sample: Sample, masks: np.ndarray) -> np.ndarray:
    """Return the model's confidence for masks (m, *positions) of the sample.

    Of numbers, which have no scale of their own, 0 is the baseline's and 1 the whole sample's.
    """
    probe = sample.probe
    sure = probe.masked(sample.x, sample.target, probe.spread(masks), sample.baseline)[1]
    if probe.head != "linear":
        return sure
    ends = np.stack([np.zeros(masks.shape[1:]), np.ones(masks.shape[1:])]).astype("float32")
    low, high = probe.masked(sample.x, sample.target, probe.spread(ends), sample.baseline)[1]
    return (sure - low) / (high - low) if high != low else np.zeros_like(sure)


def area(curve: np.ndarray) -> float:
    """Return the area under a curve of equal steps over a width of 1."""
    return float(np.trapezoid(curve, dx=1 / (len(curve) - 1)))


def road(sample: Sample, values: np.ndarray) -> float:
    """Return the mean confidence after removing the weakest less that after the strongest."""
    probe, z = sample.probe, sample.probe.enter(sample.x)
    place = ranks(values, sample.seed)
    limits = np.rint(np.array(PERCENTS) / 100 * values.size)
    strongest = place[None] < limits[:, None, None]
    weakest = place[None] >= values.size - limits[:, None, None]
    gone = np.concatenate([strongest, weakest])
    images = imputing.fill(np.repeat(z, len(gone), axis=0), gone, depth=probe.depth or 1)
    rng = np.random.default_rng([sample.seed, 0x40AD])
    noise = rng.standard_normal(z.shape, np.float32) * (imputing.NOISE * np.ptp(z))
    images = np.where(gone[..., None], images + noise, images).astype("float32")
    many = np.repeat(sample.x, len(gone), axis=0)
    sure = probe.evidence(many, np.repeat(sample.target, len(gone), axis=0), images)[1]
    return float((sure[len(PERCENTS) :] - sure[: len(PERCENTS)]).mean())


def iou_drop(sample: Sample, values: np.ndarray, share: float = 0.1) -> float:
    """Return the loss of a predicted region when a map's strongest tenth is blurred away.

    1 less the intersection over union of the class's mask before and after; within the target's
    region, where that is only a part of the class.

    Args:
        sample: the sample.
        values: map (height, width).
        share: share of pixels that are blurred, in (0, 1).
    """
    hidden = ranks(values, sample.seed) < round(share * values.size)
    whole = np.ones(values.shape)
    before, after = (
        _class_mask(sample.probe.masked_outputs(sample.x, mask, sample.baseline), sample.target)
        for mask in (whole, ~hidden)
    )
    within = (sample.target[0] != 0).any(axis=-1)
    if (before & ~within).any():
        before, after = before & within, after & within
    either = (before | after).sum()
    return float(1 - (before & after).sum() / either) if either else 0.0


def _class_mask(outputs: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Where the outputs (1, height, width, k) say the class that a target weighs."""
    if outputs.shape[-1] == 1:
        return (outputs[0, ..., 0] > 0.5) == (target.sum() > 0)
    return outputs[0].argmax(axis=-1) == target.max(axis=(0, 1, 2)).argmax()


def sensitivity(sample: Sample, values: np.ndarray) -> float:
    """Return the correlation over random halves of a map's sum and the log-odds it costs.

    Exactly half of the cells are hidden each time. Where cells differ in size, a positive map would
    still say more of a larger half, so its mean is taken off first; of even cells that changes
    nothing.
    """
    hidden, left = hidden_halves(sample, values.shape)
    sums = hidden.reshape(SUBSETS, -1) @ (values - values.mean()).ravel()
    if np.ptp(sums) <= 1e-9 * np.abs(values).sum() or np.ptp(left) == 0:
        return 0.0
    return float(np.corrcoef(sums, -left)[0, 1])


@lru_cache(maxsize=4)
def hidden_halves(sample: Sample, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return random halves of a sample's cells, and the log-odds without them.

    Returns:
        (SUBSETS, *shape) truth values, true where a position is hidden, and (SUBSETS,) log-odds;
        the same ones for all maps of a sample.
    """
    parts = cells(shape)
    count = int(parts.max()) + 1
    rng = np.random.default_rng([sample.seed, 0x5E])
    order = rng.permuted(np.tile(np.arange(count), (SUBSETS, 1)), axis=1)
    hidden = (order < count // 2)[:, parts]
    masks = sample.probe.spread((~hidden).astype("float32"))
    return hidden, sample.probe.masked(sample.x, sample.target, masks, sample.baseline)[0]


def cells(shape: tuple[int, ...]) -> np.ndarray:
    """Return a cell index for each position, of a grid of at most 8 by 8 or its own cell."""
    if len(shape) == 1:
        return np.arange(shape[0]) * min(shape[0], _CELLS**2) // shape[0]
    if len(shape) > 2:  # films: whole pictures
        return np.broadcast_to(cells(shape[:1]).reshape(-1, *(1,) * (len(shape) - 1)), shape)
    rows, columns = (np.arange(side) * min(side, _CELLS) // side for side in shape)
    return rows[:, None] * min(shape[1], _CELLS) + columns[None]


def gini(values: np.ndarray) -> float:
    """Return the Gini index of the absolute values: 0 if all are equal, near 1 for one peak."""
    flat = np.sort(np.abs(values).ravel())
    total = flat.sum()
    if total == 0:
        return 0.0
    rank = np.arange(1, flat.size + 1)
    return float((2 * rank - flat.size - 1) @ flat / (flat.size * total))


def random_map(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Return a random map: cells of an 8x8 grid, enlarged as maps are."""
    rng = np.random.default_rng([seed, 0xAD])
    if len(shape) != 2 or min(shape) < _CELLS:
        return rng.random(shape).astype("float32")
    return upsample(rng.random((1, _CELLS, _CELLS)), shape)[0]


def edges(image: np.ndarray, depth: int = 1) -> np.ndarray:
    """Return the edge strength (height, width) of an image, a model-free map.

    Args:
        image: (height, width, channels).
        depth: slices of a volume, one below the other in its image, each with edges of its own.
    """
    from scipy.ndimage import sobel

    slices = slices_of(np.asarray(image, "float32").mean(axis=-1), depth)
    strength = [np.hypot(sobel(gray, 0), sobel(gray, 1)) for gray in slices]
    return np.concatenate(strength).astype("float32")


def spearman(first: np.ndarray, second: np.ndarray) -> float:
    """Return the rank correlation of two maps; 1 if both are constant, 0 if one is."""
    from scipy.stats import rankdata

    a, b = rankdata(first.ravel()), rankdata(second.ravel())
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return float(np.ptp(a) == np.ptp(b))
    return float(np.corrcoef(a, b)[0, 1])


def stability(
    explain: Callable[[np.ndarray], np.ndarray], x: np.ndarray, maps: np.ndarray, seed: int
) -> np.ndarray:
    """Return the rank correlation (n,) of maps with those of inputs under 2 % noise.

    Args:
        explain: from inputs (n, *shape) to maps (n, ...).
        x: inputs (n, *shape).
        maps: their maps (n, ...).
        seed: seed of the noise.
    """
    rng = np.random.default_rng([seed, 0x57AB])
    # Columns of a table have scales of their own, known from the rows at hand.
    axes = (0,) if x.ndim == 2 else tuple(range(1, x.ndim))
    span = np.nanmax(x, axis=axes, keepdims=True) - np.nanmin(x, axis=axes, keepdims=True)
    noisy = x + 0.02 * span * rng.standard_normal(x.shape[1:])
    if x.dtype.kind == "u":
        noisy = np.clip(np.rint(noisy), 0, np.iinfo(x.dtype).max)
    again = explain(noisy.astype(x.dtype))
    return np.array([spearman(a, b) for a, b in zip(maps, again, strict=True)])
