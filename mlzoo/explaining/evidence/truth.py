"""Comparison of maps with the true location of evidence, given as masks or boxes."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mlzoo.core.errors import DataError
from mlzoo.core.files import refuse_special
from mlzoo.core.messages import few
from mlzoo.data.images.headers import BadFileError
from mlzoo.data.new_samples import existing, image_files
from mlzoo.data.volumes.tiff import read_stack

SIDES = ("left", "top", "right", "bottom")
"""Columns of a table of boxes, in pixels; `name` beside them, and `width` and `height` of the image
where it differs in size from what the model gets."""


def check_truth(path: str, names: Sequence[str], depth: int = 0) -> int:
    """Return the number of samples that have a mask or a box.

    Args:
        path: as of `read_truth`.
        names: of the samples.
        depth: slices of a volume; 0: samples are no volumes.

    Raises:
        DataError: none has, or a table of boxes can't be read, or is given for volumes.
    """
    if depth and existing(path).suffix.lower() == ".csv":
        raise DataError(
            f"--truth {path}: boxes are for images, and samples are volumes of {depth} slices; "
            "give a folder of masks, TIFF files of as many pages"
        )
    known = _stems(path)
    count = sum(Path(name).stem in known for name in names)
    if not count:
        raise DataError(
            f"--truth {path}: none of its names ({few(sorted(known), 3) or 'there are none'}) is "
            f"that of a sample ({few(names, 3)})"
        )
    return count


def read_truth(path: str, name: str, size: tuple[int, ...], depth: int = 0) -> np.ndarray | None:
    """Return the true location of an image's evidence (height, width); None if unknown.

    Args:
        path: a folder of masks, of which any value over 0 is inside, or a CSV file of boxes
            (`name`, `left`, `top`, `right`, `bottom`; several rows an image).
        name: of the image; a mask or box belongs to it that has its name, without suffix.
        size: height and width of the map.
        depth: slices of a volume, one below the other in its map, of which a mask has as many
            pages; 0: it is an image.

    Raises:
        DataError: it can't be read, or has another number of slices.
    """
    location = existing(path)
    if location.suffix.lower() == ".csv":
        return _boxed(location, Path(name).stem, size)
    import cv2

    file = next((f for f in image_files(location) if f.stem == Path(name).stem), None)
    if file is None:
        return None
    if depth:
        return _stack(file, size, depth)
    mask = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
    if mask is None:
        raise DataError(f"{file} can't be read as a mask")
    sized = cv2.resize(mask, (size[1], size[0]), interpolation=cv2.INTER_AREA)
    return sized > 0


def _stack(file: Path, size: tuple[int, ...], depth: int) -> np.ndarray:
    """Return the mask (depth * height, width) of a volume."""
    import cv2

    try:
        volume = read_stack(file)
    except BadFileError as error:
        raise DataError(f"{file} can't be read as the mask of a volume: it {error}") from None
    if len(volume) != depth:
        raise DataError(f"{file} has {len(volume)} slices, but volumes have {depth}")
    inside = (volume > 0).any(axis=-1).astype("float32")
    plane = (size[1], size[0] // depth)
    return np.concatenate([cv2.resize(s, plane, interpolation=cv2.INTER_AREA) for s in inside]) > 0


def _stems(path: str) -> set[str]:
    location = existing(path)
    if location.suffix.lower() == ".csv":
        return {Path(row["name"]).stem for row in _rows(location)}
    return {file.stem for file in image_files(location)}


def _boxed(location: Path, stem: str, size: tuple[int, ...]) -> np.ndarray | None:
    rows = [row for row in _rows(location) if Path(row["name"]).stem == stem]
    if not rows:
        return None
    inside = np.zeros(size[:2], bool)
    for row in rows:
        across = size[1] / float(row.get("width") or size[1])
        down = size[0] / float(row.get("height") or size[0])
        left, top, right, bottom = (
            round(float(row[side]) * scale)
            for side, scale in zip(SIDES, (across, down, across, down), strict=True)
        )
        inside[max(top, 0) : max(bottom, top + 1), max(left, 0) : max(right, left + 1)] = True
    return inside


def _rows(location: Path) -> list[dict[str, str]]:
    refuse_special(location)
    with location.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        missing = [name for name in ("name", *SIDES) if name not in (reader.fieldnames or ())]
        if missing:
            raise DataError(
                f"{location} has no column {', '.join(missing)}; a table of boxes has name, "
                f"{', '.join(SIDES)} in pixels, and width and height of the image if it is resized"
            )
        rows = list(reader)
    for number, row in enumerate(rows, 2):
        try:
            [float(row[side]) for side in SIDES]
        except (TypeError, ValueError):
            raise DataError(f"{location}, line {number}: the sides of a box are numbers") from None
    return rows


def against_truth(values: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Score a map (height, width) against truth values of the same shape.

    Returns:
        `pointing`: 1 where its largest value lies inside (Zhang et al., "Top-down Neural
        Attention by Excitation Backprop", 2018); `mass`: the share of its positive values inside;
        `inside`: the share of pixels that are inside, which is what `mass` is by chance;
        `truth_auc`: the area under the ROC of inside against outside; `truth_iou`: intersection
        over union of the truth and the map's strongest pixels, as many as are inside.
    """
    flat, inside = np.asarray(values, "float64").ravel(), truth.ravel()
    positive = np.maximum(flat, 0)
    total = positive.sum()
    largest = flat == flat.max()
    return {
        "pointing": round(float(inside[largest].mean()), 6),
        "mass": round(float(positive[inside].sum() / total) if total else 0.0, 6),
        "inside": round(float(inside.mean()), 6),
        "truth_auc": round(roc_area(flat, inside), 6),
        "truth_iou": round(overlap(flat, inside), 6),
    }


def overlap(values: np.ndarray, inside: np.ndarray) -> float:
    """Return the intersection over union of `inside` and as many of the largest values."""
    count = int(inside.sum())
    strongest = np.zeros(values.size, bool)
    strongest[np.argsort(-values, kind="stable")[:count]] = True
    both = int((strongest & inside).sum())
    return both / (2 * count - both) if count else 0.0


def roc_area(values: np.ndarray, inside: np.ndarray) -> float:
    """Return the area under the ROC: how often a pixel inside exceeds one outside."""
    from scipy.stats import rankdata

    positives = int(inside.sum())
    negatives = inside.size - positives
    if not positives or not negatives:
        return 0.5
    total = rankdata(values)[inside].sum() - positives * (positives + 1) / 2
    return float(total / (positives * negatives))
