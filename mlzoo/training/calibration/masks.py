"""Miss rates of masks on held-out images, and on the test split."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

import keras
import numpy as np

from mlzoo.core.progress import Listener
from mlzoo.data.samples import Data, Part
from mlzoo.statistics.calibration.risk import MissRates, image_miss_rates, needed_images
from mlzoo.statistics.metrics import number
from mlzoo.training.calibration.operating_masks import of_images, out_of_fold

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlzoo.training.members import Ensemble

MOST = 0.1
"""Share of missed pixels that the test split is scored at."""


def miss_rates(
    model: keras.Model,
    data: Data,
    part: Part | None,
    ensemble: Ensemble | None,
    temperature: Mapping[str, Any] | None,
) -> MissRates | None:
    """Return the miss rates of the rarer of two classes; None without held-out images.

    Args:
        model: as it is saved.
        data: as split for the run.
        part: images that were set aside.
        ensemble: the members of the model, if there are several: on folds the rates are those of
            the member that never saw the image.
        temperature: the record of the temperature that the model's logits are divided by.
    """
    if not data.outputs.target.pixel_class or len(data.samples.class_names) != 2:
        return None
    if ensemble is not None and ensemble.outputs is not None:
        rows, outputs = ensemble.pool, out_of_fold(ensemble, temperature)
    elif part is not None:
        rows, outputs = part, of_images(model, data, part)
    else:
        return None
    counts = [np.bincount(rows.target(i).ravel(), minlength=2)[:2] for i in range(len(rows))]
    positive = int(np.sum(counts, axis=0).argmin())
    rates = [_rates(each, rows.target(i), positive) for i, each in enumerate(outputs)]
    return MissRates(len(rows), positive, np.mean(rates, axis=0))


def _rates(outputs: np.ndarray, mask: np.ndarray, positive: int) -> np.ndarray:
    """Return the miss rates of one image, from its outputs (height, width, k)."""
    return image_miss_rates(outputs[..., positive][mask == positive])


MissRateScore = TypedDict(
    "MissRateScore", {"class": str, "most": float, "threshold": float, "rate": float | None}
)
"""Share of a class's pixels that a threshold misses in the test split, `most` being its bound."""


def tested(
    model: keras.Model, data: Data, rates: MissRates | None, listener: Listener
) -> MissRateScore | None:
    """Return the miss rate of the test split at the threshold for `MOST`, and tell it.

    None without a test split, or where too few images were held out.
    """
    if rates is None or not len(data.test) or rates.images < needed_images(MOST):
        return None
    threshold = rates.threshold(MOST)
    place = round(threshold * (len(rates.rates) - 1))
    outputs = of_images(model, data, data.test)
    each = [
        _rates(values, data.test.target(i), rates.positive)[place]
        for i, values in enumerate(outputs)
    ]
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
