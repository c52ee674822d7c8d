"""Nearest neighbors: the training samples that are most like a sample to the model.

Nearness is that of the model's last features, whitened, as Caruana et al., "Case-based Explanation
of Non-case-based Learning Methods" (1999), find cases for a network in its hidden layer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.introspection.findings import Background, Finding
    from mlzoo.introspection.probe import Probe

KINDS = ("image", "table")
MODEL = True
COMPARES = True
BACKGROUND = 4096


class Config(Settings):
    """Settings of neighbors."""

    count: int = Field(4, ge=1, le=9)
    """Number of training samples shown beside each sample."""


def explain(config: Config, model: Probe, x: np.ndarray, target: np.ndarray) -> list[Finding]:
    """Return each sample with its nearest training samples, a row each.

    Args:
        config: settings of the method.
        model: the opened model.
        x: inputs (n, *shape).
        target: weights on the outputs (n, ..., k) that select what is explained.

    Raises:
        UsageError: there are no training samples to compare with.
    """
    import numpy as np

    from mlzoo.core.errors import UsageError
    from mlzoo.introspection.findings import Finding
    from mlzoo.statistics.novelty.distances import nearest, whitening

    training = model.background
    if training is None or len(training.x) < 2:
        raise UsageError("neighbors needs training samples of the run, and there are none")
    known, layer = model.vectors(model.inputs(training.x))
    features, _ = model.vectors(x)
    whitened = whitening(known, [known.shape[1]])
    count = min(config.count, len(known))
    positions, distances = nearest(whitened(features), whitened(known), count)
    note = f"of {len(known):,} training samples, by the whitened features of layer {layer}"
    findings = []
    for number, (sample, near, apart) in enumerate(zip(x, positions, distances, strict=True), 1):
        values = np.concatenate([sample[None], training.x[near]])
        labels = ["explained", *_texts(training, near, apart)]
        title = f"sample {number} and the training samples nearest to it"
        if values.ndim == 4:
            arrays = {"values": values, "range": _ends(training.x)}
            findings.append(Finding("images", title, arrays, labels, note))
            continue
        arrays = {
            "values": values,
            "low": np.nanmin(training.x, axis=0),
            "high": np.nanmax(training.x, axis=0),
        }
        names = list(training.names) or [f"x{i}" for i in range(values.shape[1])]
        findings.append(Finding("profiles", title, arrays, [*labels, *names], note))
    return findings


def _texts(training: Background, near: np.ndarray, apart: np.ndarray) -> list[str]:
    """Return the truth and the distance of neighbors, as text."""
    if training.truth is None:
        return [f"distance {distance:.3g}" for distance in apart]
    truths: list[Any] = [_truth(training, int(i)) for i in near]
    pairs = zip(truths, apart, strict=True)
    return [f"{truth}, distance {distance:.3g}" for truth, distance in pairs]


def _truth(training: Background, position: int) -> str:
    import numpy as np

    assert training.truth is not None
    values = np.ravel(training.truth[position])
    if training.classes:
        return training.outputs[int(values[0])]
    return ", ".join(f"{value:.4g}" for value in values)


def _ends(images: np.ndarray) -> np.ndarray:
    """Return the smallest and largest value, by which all images of a row are drawn."""
    import numpy as np

    return np.array([images.min(), images.max()], "float64")
