"""Embedding: the model's code of samples, or its last features, in two dimensions.

Pearson (1901) for PCA; Schoelkopf, Smola and Mueller (1998) for kernel PCA; van der Maaten and
Hinton, "Visualizing Data using t-SNE" (2008), at several perplexities. `mlzoo data embed` projects
the inputs themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator, Field

from mlzoo.core.configs import Settings
from mlzoo.core.setting_types import as_list

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from mlzoo.introspection.findings import Background, Finding
    from mlzoo.introspection.probe import Probe

MODEL = True


class Config(Settings):
    """Settings of embedding."""

    perplexities: Annotated[tuple[float, ...], BeforeValidator(as_list)] = (5.0, 30.0)
    """Perplexities of t-SNE, comma-separated; each is a fit of its own."""
    samples: int = Field(500, ge=10, le=20_000)
    """Number of samples to embed."""
    seed: int = Field(0, ge=0)
    """Seed of the choice of samples and of t-SNE's initialization."""


def explain(config: Config, model: Probe, x: np.ndarray, target: np.ndarray) -> list[Finding]:
    """Return the samples' positions by PCA, kernel PCA and t-SNE, and a code of 2 as it is.

    Args:
        config: settings of the method.
        model: the opened model.
        x: inputs (n, *shape).
        target: weights on the outputs (n, ..., k) that select what is explained.
    """
    import numpy as np

    from mlzoo.introspection.findings import Finding
    from mlzoo.statistics.unlabeled.projections import WARNING, projections

    known = model.known
    rng = np.random.default_rng([config.seed, 0xE5])
    rows = x if known is None else known.x
    chosen = rng.permutation(len(rows))[: config.samples]
    features, name = model.vectors(model.inputs(rows[chosen]), code=True)
    colors, outputs = _colors(known)
    ways = projections(features, config.perplexities, config.seed)
    if features.shape[1] == 2:
        ways = {name: features, **ways}
    places = np.stack(list(ways.values()))
    arrays = {"places": places.astype("float32")}
    if colors is not None:
        arrays["classes"] = colors[chosen]
    title = f"{len(features)} samples in the features of layer {name}"
    return [Finding("points", title, arrays, [*ways, *outputs], WARNING)]


def _colors(known: Background | None) -> tuple[np.ndarray | None, Sequence[str]]:
    """Return a class or a number of each sample, None where unknown, and the names of classes."""
    if known is None:
        return None, ()
    if known.labels is not None:
        return known.labels, known.label_names
    colors = None if known.truth is None else known.truth.reshape(len(known.x), -1)[:, 0]
    return colors, known.outputs if known.classes else ()
