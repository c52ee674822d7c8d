"""Samples of data in two dimensions, for `mlzoo data embed`."""

from __future__ import annotations

from typing import TypedDict

import numpy as np

from mlzoo.auditing.features import features_of_samples
from mlzoo.auditing.settings import EmbedConfig
from mlzoo.core import files
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import UsageError
from mlzoo.core.progress import Listener
from mlzoo.reporting.figures.embedding import Components, draw_embedding
from mlzoo.statistics.unlabeled.projections import projections

COMPONENTS = 10
"""Principal components that are reported, at most."""
_LARGEST = 3


class EmbeddedSamples(TypedDict):
    """Files of an embedding, and what its principal components are made of."""

    picture: str
    csv: str
    samples: int
    components: list[dict[str, object]]


def embed(config: RunConfig, settings: EmbedConfig, listener: Listener) -> EmbeddedSamples:
    """Project samples to two dimensions, and draw them.

    Args:
        config: names the data.
        settings: what is drawn, and where.
        listener: receives progress.

    Raises:
        UsageError: samples have a single feature, or are too few.

    Returns:
        `picture` and `csv`, the files that are written, `samples`, and `components`: of each
        principal component the share of the variance and the features with the largest loadings.
    """
    from sklearn.decomposition import PCA

    features = features_of_samples(config, settings.samples, listener)
    if features.values.shape[1] < 2:
        raise UsageError("data embed needs at least 2 features, and these samples have one")
    most = min(COMPONENTS, *features.values.shape)
    fit = PCA(most, random_state=config.seed).fit(features.values)
    listener.note(f"projecting {len(features.values):,} samples of {len(features.names)} features")
    ways = projections(features.values, settings.perplexities, config.seed, isomap=True)
    components = Components(
        fit.explained_variance_ratio_, fit.components_, features.names, features.side
    )
    samples, classes = features.samples, features.classes
    numbers = None
    if samples.target.sample_numbers:
        numbers = samples.labels[features.indices].reshape(len(features.values), -1)[:, 0]
    draw_embedding(settings.picture, ways, components, classes, samples.class_names, numbers)

    csv = settings.picture.with_suffix(".csv")
    rows = []
    for row, index in enumerate(features.indices):
        line: dict[str, object] = {"name": samples.name_of(int(index))}
        if classes is not None:
            line["class"] = samples.class_names[classes[row]]
        for title, places in ways.items():
            key = title.replace(",", "").replace(" ", "_").lower()
            line |= {
                f"{key}_{axis}": round(float(places[row, i]), 5) for i, axis in enumerate("xy")
            }
        rows.append(line)
    files.write_text(csv, files.csv_text(rows))
    return {
        "picture": str(settings.picture),
        "csv": str(csv),
        "samples": len(rows),
        "components": [
            {
                "component": i + 1,
                "variance": round(float(share), 4),
                "largest loadings": _largest(fit.components_[i], features.names),
            }
            for i, share in enumerate(fit.explained_variance_ratio_)
        ],
    }


def _largest(loadings: np.ndarray, names: list[str]) -> str:
    order = np.argsort(-np.abs(loadings), kind="stable")[:_LARGEST]
    return ", ".join(f"{names[k]} {loadings[k]:+.2f}" for k in order)
