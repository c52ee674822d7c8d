"""Drawn samples beside real ones, in the space of the training split's principal components."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mlzoo.statistics.scorers import Array, Scorer, ratio, weighted_mean

COMPONENTS = 64
"""Principal components that samples are compared in."""
COPY_QUANTILE = 0.01
"""Share of real samples that lie as close to a training sample as what counts as a copy."""

NEIGHBORS = 3
"""Neighbor that reaches to the edge of what counts as near a sample."""
_KERNEL = 1_000
"""Samples that kernels are computed of, at most, of real and of drawn ones."""
_CLASSIFIED = 5_000
"""Training samples that the classifier of drawn samples learns from, at most."""


class ComponentSpace:
    """Principal components of training samples.

    Args:
        rows: (n, values) scaled training samples.
        seed: of the decomposition.
    """

    def __init__(self, rows: Array, seed: int = 0) -> None:
        from sklearn.decomposition import PCA

        count = min(COMPONENTS, *rows.shape)
        self._pca = PCA(count, random_state=seed).fit(rows)
        self.train = self.place(rows)

    def place(self, rows: Array) -> Array:
        """Return samples (n, values) as points (n, components)."""
        return np.asarray(self._pca.transform(rows), "float64")


@dataclass(frozen=True)
class Draws:
    """Comparison of n real samples with m drawn ones, m at most n.

    Weights over the real samples are those of the drawn ones in the same places too.

    Attributes:
        real: (n, d) real samples that were not trained on.
        drawn: (m, d) drawn samples.
        real_alone: (n,) whether the nearest other sample of a real one is real.
        drawn_alone: (m,) whether that of a drawn one is drawn.
        copied: (m,) whether a drawn sample is nearly a training sample.
        within: (m,) whether a drawn sample lies where real ones are.
        covered: (n,) whether a real sample lies where drawn ones are.
        nearest_ratio: (m,) distance of a drawn sample to the nearest training sample, divided by
            that to the second nearest.
        agreed: (m,) whether a drawn sample is of the class that was asked for, by a classifier of
            real ones; None where no class was asked for.
        learned: (n,) whether a classifier that learned from the drawn samples is right on each real
            one; None where no class was asked for.
        measured: (k,) positions of the real samples that the model has a likelihood of.
        log_weights: (k, codes) of these; see `likelihood.py`. None of a model without one.
    """

    real: Array
    drawn: Array
    real_alone: Array
    drawn_alone: Array
    copied: Array
    within: Array
    covered: Array
    nearest_ratio: Array
    agreed: Array | None = None
    learned: Array | None = None
    measured: Array | None = None
    log_weights: Array | None = None

    def two_sample(self) -> Scorer:
        """Return the accuracy of a 1-nearest-neighbor classifier of real and drawn samples.

        Each sample is left out in turn (Lopez-Paz and Oquab, "Revisiting classifier two-sample
        tests", 2017). At .5 they can't be told apart.
        """
        real, drawn = weighted_mean(self.real_alone), weighted_mean(self.drawn_alone)
        return lambda weights: (real(weights) + drawn(weights[:, : len(self.drawn)])) / 2

    def copies(self) -> Scorer:
        """Return the share of drawn samples that are nearly training samples."""
        copied = weighted_mean(self.copied)
        return lambda weights: copied(weights[:, : len(self.drawn)])

    def precision(self) -> Scorer:
        """Return the share of drawn samples that lie where real ones are.

        That is within the distance of some real sample to its third neighbor (Kynkaanniemi et al.,
        "Improved precision and recall metric for assessing generative models", 2019).
        """
        within = weighted_mean(self.within)
        return lambda weights: within(weights[:, : len(self.drawn)])

    def recall(self) -> Scorer:
        """Return the share of real samples that lie where drawn ones are; see `precision`."""
        return weighted_mean(self.covered)

    def ratios(self) -> Scorer:
        """Return the mean ratio of distances to the nearest two training samples."""
        mean = weighted_mean(self.nearest_ratio)
        return lambda weights: mean(weights[:, : len(self.drawn)])

    def kernel_distance(self) -> Scorer:
        """Return the squared maximum mean discrepancy by the kernel (x y / d + 1)^3, unbiased.

        Binkowski et al., "Demystifying MMD GANs" (2018), who take it in features of a classifier.
        """
        real, drawn = self.real[:_KERNEL], self.drawn[:_KERNEL]
        scale = real.shape[1]
        within, beside, across = (
            (a @ b.T / scale + 1) ** 3 for a, b in ((real, real), (drawn, drawn), (real, drawn))
        )

        def inner(kernel: Array, weights: Array) -> Array:
            total = weights.sum(axis=1)
            pairs = ((weights @ kernel) * weights).sum(axis=1) - weights @ kernel.diagonal()
            return ratio(pairs, total * (total - 1))

        def distances(weights: Array) -> Array:
            w, v = weights[:, : len(real)], weights[:, : len(drawn)]
            mixed = ratio(((w @ across) * v).sum(axis=1), w.sum(axis=1) * v.sum(axis=1))
            return inner(within, w) + inner(beside, v) - 2 * mixed

        return distances

    def class_agreement(self) -> Scorer | None:
        """Return the share of drawn samples that are of the class that was asked for."""
        if self.agreed is None:
            return None
        agreed = weighted_mean(self.agreed)
        return lambda weights: agreed(weights[:, : len(self.drawn)])

    def train_on_drawn(self) -> Scorer | None:
        """Return the accuracy on real samples of a classifier that learned from drawn ones."""
        return None if self.learned is None else weighted_mean(self.learned)

    def likelihood(self, of: Callable[[Array], Array]) -> Scorer | None:
        """Return the mean of what `of` makes of the log weights (k, codes) of each sample, (k,)."""
        if self.log_weights is None:
            return None
        mean, measured = weighted_mean(of(self.log_weights)), self.measured
        return lambda weights: mean(weights[:, measured])

    def frechet(self) -> Scorer:
        """Return the Frechet distance of two Gaussians with the samples' means and covariances.

        |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) (Dowson and Landau, 1982), which Heusel et al.
        (2017) take in the features of a classifier.
        """

        def distances(weights: Array) -> Array:
            pairs = ((_moments(self.real, w), _moments(self.drawn, w)) for w in weights)
            return np.array([_frechet(*first, *second) for first, second in pairs])

        return distances


def compare(space: ComponentSpace, real: Array, drawn: Array) -> Draws:
    """Return what is known of drawn samples beside real ones.

    Args:
        space: of the training split.
        real: (n, values) scaled samples that were not trained on.
        drawn: (m, values) scaled drawn samples, m at most n.
    """
    from sklearn.neighbors import NearestNeighbors

    real, drawn = space.place(real), space.place(drawn)
    both = np.concatenate([real, drawn])
    nearest = NearestNeighbors(n_neighbors=1).fit(both).kneighbors(return_distance=False)[:, 0]
    same = (nearest < len(real)) == (np.arange(len(both)) < len(real))
    train = NearestNeighbors(n_neighbors=min(2, len(space.train))).fit(space.train)
    usual, close = (train.kneighbors(rows)[0] for rows in (real, drawn))
    copied = close[:, 0] < np.quantile(usual[:, 0], COPY_QUANTILE)
    alone = same.astype("float64")
    return Draws(
        real,
        drawn,
        alone[: len(real)],
        alone[len(real) :],
        copied.astype("float64"),
        _near(real, drawn),
        _near(drawn, real),
        ratio(close[:, 0], close[:, -1]),
    )


def _near(known: Array, others: Array) -> Array:
    """Return whether others (m, d) lie within the reach of any known sample (n, d), (m,).

    The reach of a sample is its distance to the third nearest of the others that are known.
    """
    from sklearn.metrics import pairwise_distances_chunked
    from sklearn.neighbors import NearestNeighbors

    count = min(NEIGHBORS + 1, len(known))  # the sample itself is the first
    reach = NearestNeighbors(n_neighbors=count).fit(known).kneighbors(known)[0][:, -1]
    chunks = pairwise_distances_chunked(others, known)
    return np.concatenate([(chunk <= reach).any(axis=1) for chunk in chunks]).astype("float64")


def agreement(space: ComponentSpace, classes: Array, drawn: Array, wanted: Array) -> Array:
    """Return whether a classifier gives drawn samples the classes that were asked for, (m,).

    It is a support-vector machine on the components of the training split.

    Args:
        space: of the training split.
        classes: (k,) of its samples.
        drawn: (m, values) scaled drawn samples.
        wanted: (m,) their classes.
    """
    return _right(space.train, classes, space.place(drawn), wanted)


def learned_from(
    space: ComponentSpace, drawn: Array, wanted: Array, real: Array, classes: Array
) -> Array:
    """Return whether a classifier that learned from drawn samples is right on real ones, (n,).

    Args:
        space: of the training split.
        drawn: (m, values) scaled samples to learn from.
        wanted: (m,) their classes.
        real: (n, values) scaled samples.
        classes: (n,) of these.
    """
    return _right(space.place(drawn), wanted, space.place(real), classes)


def _right(points: Array, classes: Array, others: Array, wanted: Array) -> Array:
    """Return whether a support-vector machine gives other points their classes, (m,)."""
    from sklearn.svm import SVC

    some = np.linspace(0, len(classes) - 1, min(len(classes), _CLASSIFIED)).astype(int)
    if len(np.unique(classes[some])) < 2:
        return np.asarray(wanted == classes[0], "float64")
    classifier = SVC(C=10.0).fit(points[some], classes[some])
    return np.asarray(classifier.predict(others) == wanted, "float64")


def _moments(rows: Array, weights: Array) -> tuple[Array, Array]:
    weights = weights[: len(rows)]
    total = weights.sum()
    mean = ratio(weights @ rows, total)
    centered = rows - mean
    return mean, (centered * weights[:, None]).T @ centered / max(total - 1, 1)


def _frechet(mean: Array, covariance: Array, other_mean: Array, other: Array) -> float:
    values, vectors = np.linalg.eigh(covariance)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    # The eigenvalues of C1 C2 are those of the symmetric C1^(1/2) C2 C1^(1/2).
    product = np.linalg.eigvalsh(root @ other @ root)
    overlap = np.sqrt(np.maximum(product, 0)).sum()
    return float(
        ((mean - other_mean) ** 2).sum() + covariance.trace() + other.trace() - 2 * overlap
    )
