"""Which transforms a policy may name, for images, for sequences and for tables.

Those are the plug-ins of `transforms`, and for images albumentations' too.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from typing import Any

from mlzoo.augmentation.library import albumentations
from mlzoo.core import fields, registry

KINDS = ("images", "sequences", "tables")
COMPOSITES = ("OneOf", "SomeOf", "Sequential")
"""Transforms that hold others, under `transforms`: one of them, `n` of them, all of them."""
_ORIENTATION = (
    *("D4", "HorizontalFlip", "RandomGridShuffle", "RandomRotate90", "SquareSymmetry"),
    *("Transpose", "VerticalFlip"),
)
_COLOR = (
    *("ChromaticAberration", "FancyPCA", "HEStain", "HueSaturationValue", "ISONoise"),
    *("PlanckianJitter", "RGBShift", "RandomFog", "RandomGravel", "RandomRain", "RandomShadow"),
    *("RandomSnow", "RandomSunFlare", "Spatter", "ToSepia"),
)
_MARKS = {"ORIENTATION": _ORIENTATION, "COLOR": _COLOR}
"""Of albumentations' transforms, the marks that plug-ins set by constants of their modules."""

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
"""Transforms of albumentations that a policy may not name, each with the reason."""


@cache
def library_transforms() -> Mapping[str, type]:
    """Return albumentations' transforms of one image by name, sorted."""
    library = albumentations()
    bases = (library.DualTransform, library.ImageOnlyTransform)
    classes = {
        name: value
        for name, value in vars(library).items()
        if inspect.isclass(value) and issubclass(value, bases) and value not in bases
    }
    return {
        name: classes[name]
        for name in sorted(classes)
        if not name.startswith("Base") and not name.endswith("3D") and name != "CubicSymmetry"
        if name not in REFUSED
    }


def plugins(kind: str) -> list[str]:
    """Return the names of the plug-ins that are for a kind of data, sorted."""
    return [name for name in registry.names("transform") if is_plugin(kind, name)]


def is_plugin(kind: str, name: str) -> bool:
    """Return whether a transform is a plug-in for a kind of data."""
    return kind in registry.constants("transform", name).get("KINDS", ())


def names(kind: str) -> list[str]:
    """Return the names of all transforms of a kind of data, those of whole batches last.

    Args:
        kind: `images`, `sequences` or `tables`.
    """
    known = {*plugins(kind), *(library_transforms() if kind == "images" else ())}
    return sorted(known, key=lambda name: (is_marked(name, "MIXES"), name))


def find(kind: str, name: str) -> Any:
    """Return what builds a transform from its parameters: a class for images, else a function."""
    if is_plugin(kind, name):
        return registry.load("transform", name).build
    return library_transforms()[name]


def is_marked(name: str, mark: str) -> bool:
    """Return whether a transform says something of itself: ORIENTATION, COLOR, MIXES, ..."""
    declared = registry.constants("transform", name).get(mark, False)
    return bool(declared) or name in _MARKS.get(mark, ())


def moves(name: str) -> bool:
    """Return whether a transform of images moves pixels."""
    return not issubclass(find("images", name), albumentations().ImageOnlyTransform)


def parameters(kind: str, name: str) -> dict[str, object]:
    """Return the parameters of a transform by name, each with its default."""
    made = find(kind, name)
    signature = inspect.signature(made.__init__ if inspect.isclass(made) else made)
    internal = ("self", "strict", "always_apply")
    defaults = {n: p.default for n, p in signature.parameters.items() if n not in internal}
    return defaults if "p" in defaults else {**defaults, "p": 0.5}


def description(kind: str, name: str) -> str:
    """Return a transform's description, in a line."""
    file = registry.source_file("transform", name) if is_plugin(kind, name) else None
    text = fields.docstring(file) if file else inspect.getdoc(find(kind, name)) or ""
    return " ".join(text.partition("\n\n")[0].split())


def marks(name: str) -> tuple[str, ...]:
    """Return what to know of a transform before it is used."""
    notes = []
    if is_marked(name, "MIXES"):
        notes.append("mixes two samples and their labels")
    if is_marked(name, "ORIENTATION"):
        notes.append("may change the label where orientation matters")
    if is_marked(name, "COLOR"):
        notes.append("needs three channels")
    return tuple(notes)
