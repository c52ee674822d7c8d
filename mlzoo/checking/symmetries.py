"""Distance of a run's predictions from symmetries of its images.

A prediction of the whole image should not change where the image is turned, mirrored or shifted;
one of each pixel should be turned, mirrored or shifted with it. Both are compared on test samples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlzoo.core.errors import UsageError
from mlzoo.core.progress import Listener

if TYPE_CHECKING:
    from mlzoo.runs.opened import OpenedRun

MOST_SAMPLES = 500


@dataclass(frozen=True)
class SymmetryError:
    """Distance of predictions from one symmetry.

    Attributes:
        symmetry: its name.
        samples: how many were compared.
        change: mean absolute change of a prediction: of probabilities, or of numbers in standard
            deviations of the predictions.
        changed_classes: share of samples, or pixels, whose most probable class changes; None of
            numbers.
    """

    symmetry: str
    samples: int
    change: float
    changed_classes: float | None


def measure_symmetries(
    run: OpenedRun, symmetries: Sequence[str], seed: int = 0, listener: Listener | None = None
) -> list[SymmetryError]:
    """Compare a run's predictions for images of its test split with those of changed images.

    Args:
        run: an open run.
        symmetries: names of `CHANGES`.
        seed: of the choice of samples, of which there are up to 500.
        listener: progress callback.

    Raises:
        DataError: its data are gone.
        UsageError: its samples are no images; they are not square and would have to be turned.
    """
    run.require_predictions("check")
    data = run.own_data(listener)
    rows = data.test if len(data.test) else data.train
    count = min(MOST_SAMPLES, len(rows))
    chosen = np.sort(np.random.default_rng(seed).choice(len(rows), count, replace=False))
    x = np.asarray(rows.inputs(chosen))
    flat = data.inputs.flat or data.inputs.depth
    if x.ndim != 4 or data.samples.kind == "sequence" or flat:
        raise UsageError(
            f"--symmetry is for images (height, width, channels), but a sample here is of kind "
            f"{data.samples.kind} and shape {x.shape[1:]}; leave it out"
        )
    dense = run.target.dense
    if "rot90" in symmetries and x.shape[1] != x.shape[2] and not dense:
        raise UsageError(
            f"rot90 needs square images, but they are {x.shape[1]}x{x.shape[2]}; use rot180"
        )
    straight = run.outputs(x)
    changes = []
    for number, name in enumerate(symmetries, 1):
        change = CHANGES[name]
        expected = change(straight) if dense else straight
        outputs = run.outputs(np.ascontiguousarray(change(x)))
        changes.append(_compare(name, expected, outputs, run.target.is_class))
        if listener is not None:
            listener.progress(number, len(symmetries), "measuring symmetries")
    return changes


def _compare(name: str, expected: np.ndarray, outputs: np.ndarray, classes: bool) -> SymmetryError:
    """Return how far outputs (n, ..., k) are from those that a symmetry asks for."""
    change = float(np.abs(outputs - expected).mean())
    if not classes:
        spread = float(expected.std(axis=tuple(range(expected.ndim - 1))).mean())
        return SymmetryError(name, len(outputs), change / spread if spread else change, None)
    changed = _classes(outputs) != _classes(expected)
    return SymmetryError(name, len(outputs), change, float(changed.mean()))


def _classes(outputs: np.ndarray) -> np.ndarray:
    return outputs[..., 0] > 0.5 if outputs.shape[-1] == 1 else outputs.argmax(axis=-1)


def _shift(images: np.ndarray) -> np.ndarray:
    """Shift images down and right by a tenth of their sides; what leaves enters opposite."""
    steps = tuple(max(1, side // 10) for side in images.shape[1:3])
    return np.roll(images, steps, axis=(1, 2))


CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "rot90": lambda images: np.rot90(images, 1, (1, 2)),
    "rot180": lambda images: np.rot90(images, 2, (1, 2)),
    "flip": lambda images: images[:, :, ::-1],
    "flip_vertical": lambda images: images[:, ::-1],
    "shift": _shift,
}
"""By the names of `--symmetry`."""
