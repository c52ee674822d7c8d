"""Distance in pixels within which 95 % of the boundaries of truth and prediction lie.

Of a class the larger of two 95th percentiles of the distances from boundary pixels of one mask to
the nearest one of the other (Huttenlocher, Klanderman and Rucklidge 1993, "Comparing images using
the Hausdorff distance"); the mean over classes, then over images. A class that has a boundary in
one mask only counts as the image's diagonal; an image without boundaries does not count. A volume's
distance is the mean of those of its slices that have boundaries.
"""

from __future__ import annotations

import numpy as np

from mlzoo.statistics.boundaries import hausdorff95
from mlzoo.statistics.scorers import Predictions, Scorer, ratio

TARGETS = ("classes per pixel",)
DIRECTION = "min"
BOUNDS = (0.0, None)
TITLE = "95 % Hausdorff distance"


def count(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Return the distance of one image, from masks (height, width); NaN without boundaries."""
    return hausdorff95(y_true, y_pred)


def score(predictions: Predictions) -> Scorer:
    """Return the mean over images that have boundaries, from the distances (n,) of all."""
    known = np.isfinite(predictions)
    values = np.where(known, predictions, 0.0)
    return lambda weights: ratio(weights @ values, weights @ known.astype("float64"))
