"""Two masks: counts of pixels or of boundary pixels that lie close, and distances of boundaries.

Boundary F1 after Csurka, Larlus and Perronnin, What is a good evaluation measure for semantic
segmentation? (BMVC 2013): precision is the share of the predicted boundary that is close to a
true one, recall the share of the true boundary that is close to a predicted one. The paper
averages F1 over images; here are counts, which can be summed over images before the division.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from mlzoo.data.specs import IGNORED

TOLERANCE = 0.0075
"""Default distance that still counts as close, as a share of the image's diagonal."""
_LARGEST_DISK = 16
"""Radius up to which a dilation is faster than a distance transform."""


def boundary_counts(
    truth: np.ndarray, predicted: np.ndarray, classes: int, tolerance: float | None = None
) -> np.ndarray:
    """Return counts of boundary pixels of each class, (classes, 4) int64.

    A boundary pixel has a 4-neighbor of another class. The image's border is no boundary. Ignored
    pixels are neither boundary pixels nor turn their neighbors into such, in both masks.

    Args:
        truth: (height, width) uint8 class positions, 255 where a pixel doesn't count.
        predicted: (height, width) uint8 class positions.
        classes: k, the number of classes.
        tolerance: the Euclidean distance in pixels that still counts as close. None: 0.75 % of
            the image's diagonal, at least 1.

    Returns:
        A row a class: predicted boundary pixels close to a true one of the class, all predicted
        ones, true boundary pixels close to a predicted one, all true ones.
    """
    if tolerance is None:
        tolerance = max(1.0, TOLERANCE * math.hypot(*truth.shape))
    predicted = np.where(truth == IGNORED, IGNORED, predicted)
    true_boundary, predicted_boundary = _boundary(truth), _boundary(predicted)
    counts = np.zeros((classes, 4), "int64")
    for position in range(classes):
        true = true_boundary & (truth == position)
        predicted_class_boundary = predicted_boundary & (predicted == position)
        counts[position] = _counts_close(true, predicted_class_boundary, tolerance)
    return counts


def tolerant_counts(
    truth: np.ndarray, predicted: np.ndarray, classes: int, tolerance: float
) -> np.ndarray:
    """Return counts of pixels of each class that lie close, (classes, 4) int64.

    As in the evaluation of cracks and roads, whose labels are a few pixels off (Mnih and Hinton,
    "Learning to detect roads in high-resolution aerial images", 2010).

    Args:
        truth: (height, width) uint8 class positions, 255 where a pixel doesn't count.
        predicted: (height, width) uint8 class positions.
        classes: k, the number of classes.
        tolerance: the Euclidean distance in pixels that still counts as close.

    Returns:
        A row a class: predicted pixels close to a true one of the class, all predicted ones, true
        pixels close to a predicted one, all true ones.
    """
    predicted = np.where(truth == IGNORED, IGNORED, predicted)
    return np.array(
        [
            _counts_close(truth == position, predicted == position, tolerance)
            for position in range(classes)
        ],
        "int64",
    )


def _counts_close(
    true: np.ndarray, predicted: np.ndarray, tolerance: float
) -> tuple[int, int, int, int]:
    """Return how many predicted pixels are close to true ones, of how many; and the reverse."""
    return (
        _close(predicted, true, tolerance),
        int(np.count_nonzero(predicted)),
        _close(true, predicted, tolerance),
        int(np.count_nonzero(true)),
    )


def hausdorff95(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Return the mean over classes of the 95 % Hausdorff distance of two masks, in pixels.

    Args:
        truth: (height, width) uint8 class positions, 255 where a pixel doesn't count.
        predicted: (height, width) uint8 class positions.

    Returns:
        NaN where no class has a boundary; a class that has one in one mask only counts as the
        image's diagonal.
    """
    predicted = np.where(truth == IGNORED, IGNORED, predicted)
    true_boundary, predicted_boundary = _boundary(truth), _boundary(predicted)
    present = np.union1d(truth[true_boundary], predicted[predicted_boundary])
    distances = []
    for position in present:
        true = np.argwhere(true_boundary & (truth == position))
        predicted_pixels = np.argwhere(predicted_boundary & (predicted == position))
        if len(true) and len(predicted_pixels):
            distances.append(
                max(_percentile(true, predicted_pixels), _percentile(predicted_pixels, true))
            )
        else:
            distances.append(math.hypot(*truth.shape))
    return float(np.mean(distances)) if distances else math.nan


def _percentile(pixels: np.ndarray, targets: np.ndarray) -> float:
    """Return the 95th percentile of the distances of pixels (n, 2) to the nearest target."""
    from scipy.spatial import cKDTree

    return float(np.percentile(cKDTree(targets).query(pixels)[0], 95))


def _boundary(mask: np.ndarray) -> np.ndarray:
    """Return a mask of the valid pixels with a valid 4-neighbor of another class."""
    counts = mask != IGNORED
    boundary = np.zeros(mask.shape, bool)
    for one, other in ((np.s_[:, 1:], np.s_[:, :-1]), (np.s_[1:], np.s_[:-1])):
        change = (mask[one] != mask[other]) & counts[one] & counts[other]
        boundary[one] |= change
        boundary[other] |= change
    return boundary


def _close(pixels: np.ndarray, targets: np.ndarray, tolerance: float) -> int:
    """Count the pixels that lie within the tolerance of a target.

    Small distances by dilation with an exact disk (OpenCV's ellipse is not one), whose cost grows
    with its area; larger ones by the exact distance transform, whose cost does not.
    """
    if not pixels.any() or not targets.any():
        return 0
    if tolerance <= _LARGEST_DISK:
        near = cv2.dilate(targets.view("uint8"), _disk(tolerance)).view(bool)
    else:
        distances = cv2.distanceTransform(
            (~targets).view("uint8"), cv2.DIST_L2, cv2.DIST_MASK_PRECISE
        )
        near = distances <= tolerance + 1e-3  # float32; distances under 500 lie further apart
    return int(np.count_nonzero(pixels & near))


def _disk(radius: float) -> np.ndarray:
    offsets = np.arange(-int(radius), int(radius) + 1)
    return (offsets[:, None] ** 2 + offsets**2 <= radius**2).astype("uint8")
