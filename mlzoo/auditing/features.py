"""Features of samples without a model, for clusters and projections."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlzoo.baselines._samples import SIDE, featurize
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import UsageError
from mlzoo.core.progress import Listener
from mlzoo.data import loading
from mlzoo.data.label_files.joined import bare
from mlzoo.data.samples import Part, Samples

FEWEST = 10
_CATEGORIES = 20
"""Categories of a column that get a feature of their own, the most frequent."""


@dataclass(frozen=True)
class SampleFeatures:
    """Features of n samples.

    Attributes:
        samples: all samples of the data.
        indices: (n,) positions of those that were drawn.
        values: (n, d) finite numbers of about the same scale.
        names: of the d features.
        side: of images: height and width of the pixels that are features; None for others.
    """

    samples: Samples
    indices: np.ndarray
    values: np.ndarray
    names: list[str]
    side: tuple[int, int] | None = None

    @property
    def classes(self) -> np.ndarray | None:
        """Return the class (n,) of each sample; None where samples have none."""
        if self.samples.target.sample_class:
            return self.samples.labels[self.indices].astype(int)
        return None


def features_of_samples(config: RunConfig, most: int, listener: Listener) -> SampleFeatures:
    """Read samples and return features of at most so many.

    Args:
        config: names the data.
        most: samples that are drawn at random.
        listener: receives progress.

    Raises:
        UsageError: there are fewer than 10 samples, or samples are no vectors: texts, equations.
        DataError: the data can't be read.
    """
    samples = bare(loading.read(config, listener.progress))
    if samples.kind == "text" or samples.problem is not None or samples.environment is not None:
        raise UsageError(f"samples of {samples.task} have no features to compare them by")
    if len(samples) < FEWEST:
        raise UsageError(f"{config.data} has {len(samples)} samples, and {FEWEST} are needed")
    order = np.random.default_rng([config.seed, 0xEB]).permutation(len(samples))
    part = Part(samples, np.sort(order[:most]))
    if samples.columns:
        values, names = _table(part)
        return SampleFeatures(samples, part.indices, values, names)
    features = featurize(part)[0]
    values = np.concatenate([features(part.inputs(at)) for at in part.chunks()])
    shape = samples.inputs.shape[1:]
    names = [f"feature {i}" for i in range(values.shape[1])]
    if samples.kind == "image" and len(shape) == 3:
        side = (min(shape[0], SIDE), min(shape[1], SIDE))
        scaled = values / max(np.abs(values).max(), 1e-12)
        names = [f"pixel ({y + 1}, {x + 1})" for y in range(side[0]) for x in range(side[1])]
        return SampleFeatures(samples, part.indices, scaled, names, side)
    return SampleFeatures(samples, part.indices, _standardized(values), names)


def _table(part: Part) -> tuple[np.ndarray, list[str]]:
    """Return standardized numbers, missing ones as the median, and one-hot categories.

    The indicators of a categorical column have the variance 1 together, rare ones as much as
    frequent ones, as a numeric column has (Pages, Analyse factorielle de donnees mixtes, 2004).
    """
    inputs, features, names = part.inputs().astype("float64"), [], []
    for column, values in zip(part.samples.columns, inputs.T, strict=True):
        if column.categories:
            codes, counts = np.unique(values[values >= 0].astype(int), return_counts=True)
            frequent = codes[np.argsort(-counts, kind="stable")[:_CATEGORIES]]
            for code in frequent:
                share = (values == code).mean()
                scale = (share * max(len(codes) - 1, 1)) ** 0.5
                features.append(((values == code) - share) / scale)
                names.append(f"{column.name}={column.categories[code]}")
        elif not np.isnan(values).all():
            filled = np.where(np.isnan(values), np.nanmedian(values), values)
            features.append(_standardized(filled))
            names.append(column.name)
    return np.stack(features, axis=1), names


def _standardized(values: np.ndarray) -> np.ndarray:
    """Return columns (n,) or (n, d) of mean 0 and deviation 1; constant ones are 0."""
    deviation = values.std(axis=0)
    return (values - values.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
