"""Projections of features to two dimensions: PCA, kernel PCA, Isomap and t-SNE.

Pearson (1901) for PCA; Schoelkopf, Smola and Mueller (1998) for kernel PCA; Tenenbaum, de Silva and
Langford (2000) for Isomap, which keeps distances along the sheet that samples lie on; van der
Maaten and Hinton, "Visualizing Data using t-SNE" (2008), at several perplexities. Distances between
clusters of a t-SNE and their sizes mean nothing, and clusters appear in noise as well (Wattenberg,
Viegas and Johnson, "How to Use t-SNE Effectively", 2016).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

WARNING = (
    "t-SNE keeps neighbors only: how far apart clusters are and how large they look means "
    "nothing, and what changes with the perplexity is not in the data"
)

_NEIGHBORS = 10


def projections(
    features: np.ndarray, perplexities: Sequence[float], seed: int, isomap: bool = False
) -> dict[str, np.ndarray]:
    """Return the positions (n, 2) of samples by each way, by its title.

    Args:
        features: (n, d).
        perplexities: of t-SNE; those of n and more are left out.
        seed: of the initialization of t-SNE.
        isomap: add Isomap, on distances along steps between the 10 nearest neighbors.
    """
    import warnings

    from sklearn.decomposition import PCA, KernelPCA
    from sklearn.manifold import TSNE, Isomap

    features = (features - features.mean(axis=0)) / max(features.std(), 1e-12)
    width = 1 / (features.shape[1] * max(features.var(), 1e-12))
    ways = {
        "PCA": PCA(2, random_state=seed),
        "kernel PCA": KernelPCA(
            2, kernel="rbf", gamma=width, random_state=seed, eigen_solver="dense"
        ),
    }
    if isomap and len(features) > _NEIGHBORS:
        ways["Isomap"] = Isomap(n_neighbors=_NEIGHBORS, eigen_solver="dense")
    for perplexity in perplexities:
        if perplexity < len(features):
            title = f"t-SNE, perplexity {perplexity:g}"
            ways[title] = TSNE(2, perplexity=perplexity, random_state=seed, init="pca")
    with warnings.catch_warnings():
        # Clusters that no step leads between are joined where they are nearest.
        warnings.filterwarnings("ignore", message="The number of connected components")
        return {title: way.fit_transform(features) for title, way in ways.items()}
