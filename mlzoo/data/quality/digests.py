"""Digests of samples: exact ones to find copies, perceptual ones to find near copies."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np

from mlzoo.data.samples import Samples
from mlzoo.data.sequences.sequences import Sequences


def digest(array: np.ndarray) -> str:
    """SHA-256 of an array's shape, type and content, as 32 hexadecimal digits."""
    head = f"{array.shape}{array.dtype.str}".encode()
    return hashlib.sha256(head + np.ascontiguousarray(array).tobytes()).hexdigest()[:32]


def row_digests(inputs: np.ndarray) -> np.ndarray:
    """One digest a row; two rows share one exactly when their values are equal, NaN included."""
    rows = np.ascontiguousarray(inputs.reshape(len(inputs), -1))
    if rows.dtype.kind == "f":
        rows = rows + 0.0  # -0.0 and 0.0 are one value
    sha256 = hashlib.sha256
    return np.array([sha256(row.tobytes()).hexdigest()[:32] for row in rows])


_ROWS = 2**16
"""Rows on disk whose digests are held at once."""
SMALLEST_SIDE = 32
"""Images with a shorter side have too little in them for a perceptual hash to tell them apart."""


def difference_hash(image: np.ndarray) -> int:
    """The 64-bit difference hash of an image (height, width, channels).

    Each bit says whether one of 8x8 places is brighter than its right neighbor, so the hash
    stays nearly the same when an image is re-encoded, resized or made brighter. It is 0 for
    images with a side below `SMALLEST_SIDE`.

    Source:
        N. Krawetz, "Kind of Like That", hackerfactor.com, 2013.
    """
    import cv2

    if min(image.shape[:2]) < SMALLEST_SIDE:
        return 0
    gray = image[..., 0]
    if image.shape[-1] > 2:
        gray = cv2.cvtColor(np.ascontiguousarray(image[..., :3]), cv2.COLOR_RGB2GRAY)
    small = cv2.resize(gray.astype(np.float32), (9, 8), interpolation=cv2.INTER_AREA)
    bits = (small[:, 1:] > small[:, :-1]).ravel()
    return int(np.packbits(bits).view(">u8")[0])


def fingerprint(samples: Samples) -> str:
    """SHA-256 over all samples, weights and targets, in order."""
    hashes = samples.hashes
    if hashes is None and isinstance(samples.inputs, Sequences):
        hashes = samples.inputs.digests()
    elif hashes is None:
        hashes = row_digests(np.asarray(samples.inputs[:]))
    total = hashlib.sha256(repr((samples.task, samples.class_names)).encode())
    for digests in _parts(samples) if hashes.dtype.kind == "u" else [hashes]:
        total.update("".join(digests.tolist()).encode())
    if samples.weights is not None:
        total.update(np.ascontiguousarray(samples.weights).tobytes())
    if samples.target_hashes is not None:
        total.update("".join(samples.target_hashes.tolist()).encode())
    elif samples.classes is not None:
        total.update(np.ascontiguousarray(samples.classes).tobytes())
    elif not samples.target.is_input:
        total.update(np.ascontiguousarray(samples.targets).tobytes())
    return total.hexdigest()


def _parts(samples: Samples) -> Iterator[np.ndarray]:
    """Yield the digests of rows that stay on disk, of which `hashes` are the first bits."""
    for start in range(0, len(samples), _ROWS):
        yield row_digests(samples.inputs[start : start + _ROWS])
