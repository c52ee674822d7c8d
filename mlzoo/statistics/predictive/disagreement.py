"""Uncertainty of predictions by several models: of the data, and of the models.

Of numbers the law of total variance; of classes the entropy of the mean, which is the mean entropy
and the mutual information of class and model (Depeweg et al., "Decomposition of Uncertainty in
Bayesian Deep Learning", 2018). The models differ by their seeds or folds (Lakshminarayanan, Pritzel
and Blundell, "Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles", 2017).
"""

from __future__ import annotations

import numpy as np

from mlzoo.statistics.scorers import EPSILON, Array


def of_numbers(members: Array) -> dict[str, Array]:
    """Return `model_std` (n, t), and `data_std` where the models predict deviations.

    Args:
        members: (n, K, t) predictions of K models, (n, K, 2, t) means and deviations, or (n, K, q,
            t) of over two quantiles, the median first.
    """
    members = np.asarray(members, "float64")
    if members.ndim == 4 and members.shape[2] > 2:
        members = members[:, :, 0]
    if members.ndim == 3:
        return {"model_std": members.std(axis=1)}
    data = np.sqrt((members[:, :, 1] ** 2).mean(axis=1))
    return {"data_std": data, "model_std": members[:, :, 0].std(axis=1)}


def of_classes(members: Array) -> dict[str, Array]:
    """Return `data_entropy` and `model_entropy` (n, 1) in nats: mean entropy, and disagreement.

    Args:
        members: (n, K, k) probabilities of K models.
    """
    p = np.clip(np.asarray(members, "float64"), EPSILON, 1)
    data = -(p * np.log(p)).sum(axis=2).mean(axis=1)
    mean = p.mean(axis=1)
    total = -(mean * np.log(mean)).sum(axis=1)
    return {"data_entropy": data[:, None], "model_entropy": np.maximum(total - data, 0)[:, None]}
