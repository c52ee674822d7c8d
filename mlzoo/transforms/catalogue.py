"""Which transforms a policy may name, for images, for sequences and for tables.

Those of images are albumentations' and a few of our own beside them.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from typing import Any

from mlzoo.transforms import mixing, rows, signals
from mlzoo.transforms._albumentations import albumentations

KINDS = ("images", "sequences", "tables")
COMPOSITES = ("OneOf", "SomeOf", "Sequential")
"""What holds other transforms, under `transforms`: one of them, `n` of them, all of them."""
MIXING = tuple(mixing.TRANSFORMS)
"""Transforms of a whole batch, whose labels become shares of two classes."""
ORIENTATION = (
    "D4",
    "HorizontalFlip",
    "RandomGridShuffle",
    "RandomRotate90",
    "SquareSymmetry",
    "Symmetry",
    "Transpose",
    "VerticalFlip",
)
"""Transforms after which a digit, a letter or an arrow may be another one."""
COLOR = (
    "ChromaticAberration",
    "FancyPCA",
    "HEStain",
    "HueSaturationValue",
    "ISONoise",
    "PlanckianJitter",
    "RGBShift",
    "RandomFog",
    "RandomGravel",
    "RandomRain",
    "RandomShadow",
    "RandomSnow",
    "RandomSunFlare",
    "Spatter",
    "ToSepia",
)
"""Transforms that need three channels, red, green and blue."""

_OTHER_FILES = "needs other images or fonts"
_BOXES = "needs boxes"
_RANGE = "changes what numbers mean to the network, which scales its own inputs"
REFUSED = {
    "FDA": _OTHER_FILES,
    "HistogramMatching": _OTHER_FILES,
    "PixelDistributionAdaptation": _OTHER_FILES,
    "Mosaic": _OTHER_FILES,
    "OverlayElements": _OTHER_FILES,
    "TextImage": _OTHER_FILES,
    "AtLeastOneBBoxRandomCrop": _BOXES,
    "BBoxSafeRandomCrop": _BOXES,
    "ConstrainedCoarseDropout": _BOXES,
    "RandomCropNearBBox": _BOXES,
    "RandomSizedBBoxSafeCrop": _BOXES,
    "CropNonEmptyMaskIfExists": "needs a mask for every image",
    "MaskDropout": "takes objects out of masks",
    "FromFloat": _RANGE,
    "Normalize": _RANGE,
    "ToFloat": _RANGE,
    "ToRGB": _RANGE,
    "Lambda": "runs code",
}
"""What albumentations has and a policy may not name, each with the reason."""


@cache
def image_transforms() -> Mapping[str, type]:
    """Names and classes of the transforms of one image, those of `mixing` left out."""
    library = albumentations()
    from mlzoo.transforms import own

    bases = (library.DualTransform, library.ImageOnlyTransform)
    classes = {
        name: value
        for name, value in vars(library).items()
        if inspect.isclass(value) and issubclass(value, bases) and value not in bases
    }
    classes = {
        name: value
        for name, value in classes.items()
        if not name.startswith("Base") and not name.endswith("3D") and name != "CubicSymmetry"
    }
    classes |= {value.__name__: value for value in own.TRANSFORMS}
    return {name: classes[name] for name in sorted(classes) if name not in REFUSED}


def transforms(kind: str) -> Mapping[str, Any]:
    """Names of all transforms of a kind of data, and the class or function of each.

    Args:
        kind: `images`, `sequences` or `tables`.
    """
    if kind == "images":
        return {**image_transforms(), **mixing.TRANSFORMS}
    if kind == "sequences":
        return signals.TRANSFORMS
    return {**rows.TRANSFORMS, "MixUp": mixing.TRANSFORMS["MixUp"]}


def parameters(kind: str, name: str) -> dict[str, Any]:
    """The parameters of a transform by name, each with its default."""
    made = transforms(kind)[name]
    signature = inspect.signature(made.__init__ if inspect.isclass(made) else made)
    internal = ("self", "strict", "always_apply", *_GIVEN)
    defaults = {n: p.default for n, p in signature.parameters.items() if n not in internal}
    return defaults if "p" in defaults else {**defaults, "p": 0.5}


_GIVEN = ("x", "labels", "spread", "rng", "numeric")
"""What the transforms of sequences and tables are handed, beside their parameters."""


def description(kind: str, name: str) -> str:
    """Return a transform's description, in a line."""
    text = inspect.getdoc(transforms(kind)[name]) or ""
    return " ".join(text.partition("\n\n")[0].split())


def marks(name: str) -> tuple[str, ...]:
    """Return what to know of a transform before it is used."""
    notes = []
    if name in MIXING:
        notes.append("mixes two samples and their labels")
    if name in ORIENTATION:
        notes.append("may change the label where orientation matters")
    if name in COLOR:
        notes.append("needs three channels")
    return tuple(notes)
