"""Miss rates of masks on images that were set aside, and on the test split."""

from __future__ import annotations

from typing import TypedDict

import keras
import numpy as np

from mlzoo.core.progress import Listener
from mlzoo.data.samples import Data, Part
from mlzoo.runs.models import outputs_of
from mlzoo.statistics.calibration.risk import MissRates, image_miss_rates, needed_images
from mlzoo.statistics.metrics import number
from mlzoo.tasks._dense import whole

MOST = 0.1
"""Share of missed pixels that the test split is scored at."""


def miss_rates(model: keras.Model, data: Data, part: Part | None) -> MissRates | None:
    """Return the miss rates of the rarer of two classes; None without images that were set aside.

    Args:
        model: as it is saved.
        data: as split for the run.
        part: images that were set aside.
    """
    if part is None or not data.outputs.target.pixel_class or len(data.samples.class_names) != 2:
        return None
    counts = [np.bincount(part.target(i).ravel(), minlength=2)[:2] for i in range(len(part))]
    positive = int(np.sum(counts, axis=0).argmin())
    rates = [_rates(model, data, part, i, positive) for i in range(len(part))]
    return MissRates(len(part), positive, np.mean(rates, axis=0))


def _rates(model: keras.Model, data: Data, part: Part, position: int, positive: int) -> np.ndarray:
    """Return the miss rates of one image."""
    image, mask = part.image(position), part.target(position)
    outputs = whole(image, lambda x: outputs_of(model, x), data.cut(*image.shape[:2]), False)
    return image_miss_rates(outputs[..., positive][mask == positive])


MissRateScore = TypedDict(
    "MissRateScore", {"class": str, "most": float, "threshold": float, "rate": float | None}
)
"""Share of a class's pixels that a threshold misses in the test split, `most` being its bound."""


def tested(
    model: keras.Model, data: Data, rates: MissRates | None, listener: Listener
) -> MissRateScore | None:
    """Return the miss rate of the test split at the threshold for `MOST`, and tell it.

    None without a test split, or where too few images were set aside.
    """
    if rates is None or not len(data.test) or rates.images < needed_images(MOST):
        return None
    threshold = rates.threshold(MOST)
    place = round(threshold * (len(rates.rates) - 1))
    each = [_rates(model, data, data.test, i, rates.positive)[place] for i in range(len(data.test))]
    name = data.samples.class_names[rates.positive]
    record: MissRateScore = {
        "class": name,
        "most": MOST,
        "threshold": threshold,
        "rate": number(np.mean(each)),
    }
    listener.note(
        f"a threshold of {threshold:.3g} is to miss at most {MOST:.0%} of the pixels of {name}, "
        f"and misses {np.mean(each):.1%} in the test split (`predict --coverage {1 - MOST:g}`)"
    )
    return record
