"""Characters to insert, delete or replace in what is predicted, per character of the true text.

Levenshtein's distance, summed over the texts, over the summed lengths of the true ones; above 1
where more is predicted than there is.
"""

from __future__ import annotations

from mlzoo.statistics.scorers import Predictions, Scorer, ratio

TARGETS = ("classes per symbol",)
DIRECTION = "min"
BOUNDS = (0.0, None)


def score(predictions: Predictions) -> Scorer:
    """Return the metric as a function of weights over pairs of texts."""
    edits, lengths = predictions.edits, predictions.lengths
    return lambda weights: ratio(weights @ edits, weights @ lengths)
