"""Plan of a network for masks: what it is trained with, from sizes and classes of the images.

After Isensee et al., "nnU-Net: a self-configuring method for deep learning-based biomedical image
segmentation" (2021): rules in place of settings that are searched. What differs: images have no
spacing, the budget is that of a CPU, and the loss (cross-entropy and Dice) and the scaling of
inputs are those of every mask here.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from mlzoo.core.configs import RunConfig
    from mlzoo.data.contracts import Recipe
    from mlzoo.data.samples import Part

TILE = 256
"""Side of the crops of larger images, in pixels."""
STEP_PIXELS = 2**18
"""Pixels a step at most."""
PIXELS = {"good": 2**27, "best": 2**29}
"""Pixels that one training sees, about: a quarter of an hour and an hour on two cores."""
_STEPS_AN_EPOCH = 8
_MIRRORS = {"Symmetry": "both", "HorizontalFlip": "horizontal", "VerticalFlip": "vertical"}
"""Mirror images that are averaged, by the transform that training may apply."""
_EPOCHS = (3, 200)
_RARE = 0.1
"""Share of the pixels under which a class is rare."""
_COARSEST, _DEPTHS = 16, (1, 4)
"""Side of the coarsest map at least, in pixels; the fewest and the most halvings."""


class Shapes(NamedTuple):
    """Images of a training split, as a plan reads them.

    Attributes:
        images: how many there are.
        height: median, in pixels.
        width: median, in pixels.
        largest: the largest side.
        rarest: share of the pixels that the rarest class has which occurs; 1 without classes.
        side: of the crops, in pixels; that of the largest image where this is no larger.
        views: crops an epoch.
    """

    images: int
    height: int
    width: int
    largest: int
    rarest: float
    side: int
    views: int

    @property
    def tiled(self) -> bool:
        """Return whether images are larger than a crop."""
        return self.side < self.largest


def shapes_of(part: Part, tile: int | str) -> Shapes:
    """Return sizes and class shares of a training split of images with masks.

    Args:
        part: the split.
        tile: `--tile`: side of the crops, `none` or `auto`.
    """
    import numpy as np

    sizes = np.array([part.size(position) for position in range(len(part))])
    height, width = np.median(sizes, axis=0).astype(int)
    largest, rarest = int(sizes.max()), 1.0
    if part.samples.pixels is not None:
        counts = part.samples.pixels[part.indices].sum(axis=0)
        rarest = float(counts[counts > 0].min() / counts.sum())
    side = {"auto": TILE, "none": largest}.get(str(tile)) or int(tile)
    views = int(np.prod(-(-sizes // side), axis=1).sum()) if side < largest else len(part)
    return Shapes(len(part), int(height), int(width), largest, rarest, min(side, largest), views)


def mask_plan(part: Part, config: RunConfig) -> Recipe:
    """Return the plan of a network that halves its map `depth` times, with the reason of each part.

    Args:
        part: the training split: images with a class at every pixel.
        config: its preset says how many steps are taken.
    """
    import numpy as np

    from mlzoo.augmentation.choosing import flipped
    from mlzoo.data.contracts import Recipe

    shapes = shapes_of(part, config.tile)
    side = shapes.side
    most = max(2, min(32, STEP_PIXELS // side**2))
    batch = int(np.clip(shapes.views // _STEPS_AN_EPOCH, 2, most))
    steps = math.ceil(shapes.views / batch)
    budget = PIXELS[config.preset]
    epochs = int(np.clip(math.ceil(budget / (shapes.views * side**2)), *_EPOCHS))
    fields: dict[str, object] = {
        **({"tile": side} if shapes.tiled else {}),
        **({"sampler": "balanced"} if shapes.tiled and shapes.rarest < _RARE else {}),
        "batch_size": batch,
        "augment": "auto",
        "schedule": "cosine",
        "epochs": epochs,
        "early_stopping": 0,
    }
    depth = int(np.clip(math.log2(max(side, 1) / _COARSEST), *_DEPTHS))
    why = {
        "tile": f"images are up to {shapes.largest} pixels wide or high",
        "sampler": f"the rarest class has {shapes.rarest:.1%} of the pixels",
        "batch_size": f"{steps} steps an epoch of at most {STEP_PIXELS:,} pixels",
        "epochs": f"about {epochs * shapes.views * side**2 / 1e6:,.0f} million pixels",
        "depth": f"{side} pixels are halved to no less than {_COARSEST}",
    }
    settings: dict[str, object] = {"depth": depth}
    turns, reasons, _ = flipped(part)
    if turns:
        settings["mirrors"] = _MIRRORS[next(iter(turns[0]))]
        why["mirrors"] = "; ".join(reasons)
    classes = "" if shapes.rarest == 1 else f", rarest class {shapes.rarest:.1%} of the pixels"
    reason = f"{shapes.images:,} images of {shapes.height}x{shapes.width}{classes}"
    return Recipe(fields, settings, reason, averages=True, why=why)
