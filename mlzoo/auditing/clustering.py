"""Clusters of the samples of data, for `mlzoo data inspect --clusters`."""

from __future__ import annotations

import numpy as np

from mlzoo.auditing.features import features_of_samples
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import UsageError
from mlzoo.core.progress import Listener
from mlzoo.statistics.unlabeled.clusters import clusters_of

MOST = 5000
"""Samples that are put into clusters, at most."""


def cluster(config: RunConfig, count: int | None, listener: Listener) -> dict[str, object]:
    """Return clusters of samples by k-means as plain values.

    Args:
        config: names the data.
        count: number of clusters; None: the number with the largest silhouette.
        listener: receives progress.

    Returns:
        `samples` that were clustered, `tried` numbers of clusters with inertia and silhouette,
        `elbow`, `clusters` with size, typical sample and commonest class, and `agreement` with the
        classes, the adjusted Rand index; None without classes.

    Raises:
        UsageError: there are too few samples for so many clusters.
    """
    features = features_of_samples(config, MOST, listener)
    if count is not None and count >= len(features.values):
        raise UsageError(
            f"--clusters {count}: there are {len(features.values)} samples, and clusters must be "
            "fewer"
        )
    clusters = clusters_of(features.values, count, config.seed)
    classes, samples = features.classes, features.samples
    rows = []
    for number, (size, typical) in enumerate(zip(clusters.sizes, clusters.typical, strict=True), 1):
        row: dict[str, object] = {"cluster": number, "size": int(size)}
        row["typical"] = samples.name_of(int(features.indices[typical]))
        if classes is not None:
            counts = np.bincount(classes[clusters.labels == number - 1])
            row["commonest class"] = samples.class_names[int(counts.argmax())]
            row["share"] = round(float(counts.max() / counts.sum()), 3)
        rows.append(row)
    agreement = None
    if classes is not None:
        from sklearn.metrics import adjusted_rand_score

        agreement = float(adjusted_rand_score(classes, clusters.labels))
    return {
        "samples": len(features.values),
        "tried": clusters.tried,
        "elbow": clusters.elbow,
        "clusters": rows,
        "agreement": agreement,
    }
