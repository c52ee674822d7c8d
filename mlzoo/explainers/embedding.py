"""Embedding: the model's last features of samples, projected to two dimensions.

Pearson (1901) for PCA; Schoelkopf, Smola and Mueller (1998) for kernel PCA; van der Maaten and
Hinton, "Visualizing Data using t-SNE" (2008), at several perplexities. Distances between clusters
of a t-SNE and their sizes mean nothing, and clusters appear in noise as well (Wattenberg, Viegas
and Johnson, "How to Use t-SNE Effectively", 2016).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator, Field

from mlzoo.core.configs import Settings
from mlzoo.core.setting_types import as_list

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.introspection.findings import Finding
    from mlzoo.introspection.probe import Probe

MODEL = True
_WARNING = (
    "t-SNE keeps neighbors only: how far apart clusters are and how large they look means "
    "nothing, and what changes with the perplexity is not in the data"
)


class Config(Settings):
    """Settings of embedding."""

    perplexities: Annotated[tuple[float, ...], BeforeValidator(as_list)] = (5.0, 30.0)
    """Perplexities of t-SNE, comma-separated; each is a fit of its own."""
    samples: int = Field(500, ge=10, le=20_000)
    """Number of samples to embed."""
    seed: int = Field(0, ge=0)
    """Seed of the choice of samples and of t-SNE's initialization."""


def explain(config: Config, model: Probe, x: np.ndarray, target: np.ndarray) -> list[Finding]:
    """Return the samples' positions in two dimensions by PCA, kernel PCA and t-SNE.

    Args:
        config: settings of the method.
        model: the opened model.
        x: inputs (n, *shape).
        target: weights on the outputs (n, ..., k) that select what is explained.
    """
    import numpy as np
    from sklearn.decomposition import PCA, KernelPCA
    from sklearn.manifold import TSNE

    from mlzoo.introspection.findings import Finding

    known = model.known
    rng = np.random.default_rng([config.seed, 0xE5])
    rows = x if known is None else known.x
    chosen = rng.permutation(len(rows))[: config.samples]
    features, name = model.vectors(model.inputs(rows[chosen]))
    truth = None if known is None or known.truth is None else known.truth[chosen].ravel()
    features = (features - features.mean(axis=0)) / max(features.std(), 1e-12)
    width = 1 / (features.shape[1] * max(features.var(), 1e-12))
    ways = {
        "PCA": PCA(2, random_state=config.seed),
        "kernel PCA": KernelPCA(
            2, kernel="rbf", gamma=width, random_state=config.seed, eigen_solver="dense"
        ),
    }
    for perplexity in config.perplexities:
        if perplexity < len(features):
            title = f"t-SNE, perplexity {perplexity:g}"
            ways[title] = TSNE(2, perplexity=perplexity, random_state=config.seed, init="pca")
    places = np.stack([way.fit_transform(features) for way in ways.values()])
    arrays = {"places": places.astype("float32")}
    if truth is not None:
        arrays["classes"] = truth
    outputs = list(known.outputs) if known is not None and known.classes else []
    title = f"{len(features)} samples in the features of layer {name}"
    return [Finding("points", title, arrays, [*ways, *outputs], _WARNING)]
