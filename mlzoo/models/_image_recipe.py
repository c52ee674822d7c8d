"""Recipe of convolutional networks that predict a class, or labels, of each image."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlzoo.core.configs import RunConfig
    from mlzoo.data.contracts import Recipe
    from mlzoo.data.samples import Data

_EPOCHS, _FEWEST_EPOCHS = 30, 10
_STEPS, _MOST_STEPS = 1_000, 20_000
_BATCH = 32


def image_recipe(data: Data, config: RunConfig) -> Recipe:
    """Return augmentation and a rate that decays to zero for images with a class or labels.

    Measured with `cnn` beside a constant rate without augmentation: accuracy .986 and .992 in place
    of .969 and .981 on digits (two splits), .946 in place of .928 on photographs of cracks.

    A decaying rate makes the last weights the best, so nothing stops early. The budget is 30
    epochs: more where the images are few (at least 1,000 steps), fewer where they are many (10
    epochs or 20,000 steps, whichever is more).
    """
    from mlzoo.data.contracts import Recipe

    target = data.samples.target
    if not (target.sample_class or target.is_label_set) or config.full_batch or data.inputs.depth:
        return Recipe()
    images = len(data.train)
    size = config.batch_size if isinstance(config.batch_size, int) else _BATCH
    steps = math.ceil(images / size)
    most = max(_FEWEST_EPOCHS, _MOST_STEPS // steps)
    epochs = min(max(_EPOCHS, math.ceil(_STEPS / steps)), most)
    fields = {"augment": "auto", "schedule": "cosine", "epochs": epochs, "early_stopping": 0}
    return Recipe(fields, reason=f"{images:,} images", averages=True)
