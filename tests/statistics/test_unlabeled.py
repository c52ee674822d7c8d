"""Clusters and projections of samples without labels."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.decomposition import PCA

from mlzoo.statistics.unlabeled.clusters import clusters_of, elbow
from mlzoo.statistics.unlabeled.projections import projections


def test_the_number_of_clusters_is_found_by_the_silhouette_and_the_elbow() -> None:
    x, y = make_blobs([90, 60, 30], 2, cluster_std=0.4, random_state=0)
    found = clusters_of(x, None, 0)
    assert found.sizes.tolist() == [90, 60, 30] and found.elbow == 3
    assert [row["clusters"] for row in found.tried] == list(range(2, 11))
    of_cluster = [set(y[found.labels == k]) for k in range(3)]
    assert of_cluster == [{0}, {1}, {2}]
    centers = np.stack([x[y == k].mean(axis=0) for k in range(3)])
    for k, typical in enumerate(found.typical):
        apart = np.linalg.norm(x - centers[k], axis=1)
        assert typical == apart.argmin()
    given = clusters_of(x, 2, 0)
    assert len(given.tried) == 1 and given.elbow is None and len(given.sizes) == 2


def test_the_elbow_is_farthest_below_the_line_between_the_ends() -> None:
    assert elbow([100, 40, 10, 8, 6, 5]) == 4
    assert elbow([100, 50]) is None


def test_projections_are_those_of_scikit_learn_and_too_large_perplexities_are_left_out() -> None:
    x = np.random.default_rng(0).normal(size=(25, 4)) * [3, 1, 1, 1]
    ways = projections(x, (5, 30), 0)
    assert list(ways) == ["PCA", "kernel PCA", "t-SNE, perplexity 5"]
    expected = PCA(2).fit_transform(x)
    for axis in (0, 1):
        r = np.corrcoef(ways["PCA"][:, axis], expected[:, axis])[0, 1]
        assert abs(r) == pytest.approx(1, abs=1e-6)


def test_isomap_unrolls_a_sheet() -> None:
    rng = np.random.default_rng(0)
    place, height = rng.uniform(5, 14, 500), rng.uniform(0, 10, 500)
    x = np.stack([place * np.cos(place), height, place * np.sin(place)], axis=1)
    ways = projections(x, (), 0, isomap=True)
    assert list(ways) == ["PCA", "kernel PCA", "Isomap"]
    along = {t: abs(np.corrcoef(ways[t][:, 0], place**2)[0, 1]) for t in ("PCA", "Isomap")}
    assert along["Isomap"] > 0.98 and along["PCA"] < 0.5
