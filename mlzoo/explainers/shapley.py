"""Shapley values: a column's mean marginal contribution over all orders of the columns.

Lundberg and Lee, "A Unified Approach to Interpreting Model Predictions" (2017), by permutation
sampling in the package shap (extra `mlzoo-keras[shap]`). It is exact for few columns and slow for
many.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.introspection.probe import Probe

KINDS = ("table",)
EXTRA = "shap"
COMPARES = True


class Config(Settings):
    """Settings of shapley."""

    background: int = Field(64, ge=1, le=4096)
    """Number of training samples that replace the values of unknown columns."""
    rounds: int = Field(10, ge=1, le=10_000)
    """Number of permutations of the columns, each evaluated in both directions."""
    seed: int = Field(0, ge=0)
    """Seed of the background and the permutations."""


def explain(config: Config, model: Probe, x: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return attributions (n, columns) of the target's score.

    Args:
        config: settings of the method.
        model: the opened model.
        x: inputs (n, *shape).
        target: weights on the outputs (n, ..., k) that select what is explained.

    Raises:
        UsageError: the package shap is not installed.
    """
    import numpy as np

    from mlzoo.core.errors import UsageError

    try:
        import shap
    except ImportError:
        raise UsageError(
            "shapley needs the package shap: pip install 'mlzoo-keras[shap]'"
        ) from None
    rows = model.background_rows(config.background, config.seed)
    attributions = np.empty(x.shape, "float32")
    for i in range(len(x)):

        def score(many: np.ndarray, weights: np.ndarray = target[i : i + 1]) -> np.ndarray:
            repeated = np.repeat(weights, len(many), axis=0)
            return model.evidence(model.inputs(many), repeated)[0]

        masker = shap.maskers.Independent(rows, max_samples=len(rows))
        explainer = shap.PermutationExplainer(score, masker, seed=config.seed)
        calls = config.rounds * (2 * x.shape[1] + 1)
        explanation = explainer(x[i : i + 1], max_evals=calls, silent=True)
        attributions[i] = explanation.values[0]
    return attributions
