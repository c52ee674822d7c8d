"""Clusters of samples by k-means, with the elbow and the silhouette of each number of clusters.

Lloyd, Least Squares Quantization in PCM (1982); Rousseeuw, Silhouettes (1987). The elbow is the
number whose inertia lies farthest below the line from the first to the last one (Satopaa et al.,
Finding a "Kneedle" in a Haystack, 2011).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MOST = 10
"""Clusters that are tried."""
_SILHOUETTE = 2000
"""Samples that a silhouette is computed of, at most."""


@dataclass(frozen=True)
class Clusters:
    """Clusters of n samples.

    Attributes:
        labels: (n,) the cluster of each, the largest first.
        typical: (k,) the sample nearest to the center of each.
        tried: for each number of clusters `clusters`, `inertia` (sum of squared distances to the
            centers) and `silhouette` (from -1 to 1).
        elbow: number of clusters at the elbow of the inertia; None where only one was tried.
    """

    labels: np.ndarray
    typical: np.ndarray
    tried: list[dict[str, float | int]]
    elbow: int | None

    @property
    def sizes(self) -> np.ndarray:
        """Return the number of samples (k,) of each cluster."""
        return np.bincount(self.labels, minlength=len(self.typical))


def clusters_of(features: np.ndarray, count: int | None, seed: int) -> Clusters:
    """Return clusters of samples.

    Args:
        features: (n, d), n above 2.
        count: clusters, from 2 to n - 1; None: the number from 2 to 10 with the largest
            silhouette.
        seed: of the first centers, and of the samples whose silhouettes are computed.
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    most = min(MOST, len(features) - 1)
    numbers = range(2, most + 1) if count is None else [count]
    fits, tried = {}, []
    for k in numbers:
        fit = KMeans(k, n_init=4, random_state=seed).fit(features)
        size = min(len(features), _SILHOUETTE)
        silhouette = 0.0
        if len(np.unique(fit.labels_)) > 1:
            silhouette = silhouette_score(
                features, fit.labels_, sample_size=size, random_state=seed
            )
        fits[k] = fit
        tried.append(
            {"clusters": k, "inertia": float(fit.inertia_), "silhouette": float(silhouette)}
        )
    best = max(tried, key=lambda row: row["silhouette"])["clusters"]
    fit = fits[int(best)]
    order = np.argsort(-np.bincount(fit.labels_, minlength=int(best)), kind="stable")
    place = np.argsort(order)
    typical = fit.transform(features).argmin(axis=0)[order]
    return Clusters(place[fit.labels_], typical, tried, elbow([row["inertia"] for row in tried]))


def elbow(inertia: list[float]) -> int | None:
    """Return the number of clusters, from 2 on, at the elbow; None with fewer than 3 numbers."""
    if len(inertia) < 3:
        return None
    values = np.array(inertia)
    line = np.linspace(values[0], values[-1], len(values))
    return int((line - values).argmax()) + 2
