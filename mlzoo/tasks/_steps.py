"""Base of tasks that predict a class at every step of a sequence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from mlzoo.core.errors import DivergedError
from mlzoo.data.contracts import Predict
from mlzoo.data.samples import Part
from mlzoo.data.specs import Outputs
from mlzoo.tasks._tallies import TallyTask

_CHUNK = 64


class StepTask(TallyTask):
    """Task that predicts a class at every step."""

    losses = ("crossentropy",)
    followed: ClassVar[tuple[str, ...]] = ("accuracy",)

    def output_spec(self, train: Part) -> Outputs:
        """Return one output per class."""
        return Outputs(self.name, len(train.samples.class_names))


def labels_of(predict: Predict, rows: Part) -> list[np.ndarray]:
    """Return the most likely class at every step of each sequence of a split, (steps,) uint8.

    Raises:
        DivergedError: the model's outputs hold NaN or infinity.
    """
    return [classes_of(outputs) for outputs in step_outputs(predict, rows)]


def classes_of(outputs: np.ndarray) -> np.ndarray:
    """Return the most likely class (steps,) uint8 of outputs (steps, classes)."""
    return outputs.argmax(axis=-1).astype(np.uint8)


def step_outputs(predict: Predict, rows: Part) -> Iterator[np.ndarray]:
    """Yield outputs (steps, classes) for each sequence of a split, without padding."""
    for start in range(0, len(rows), _CHUNK):
        positions = np.arange(start, min(start + _CHUNK, len(rows)))
        batch_outputs = np.asarray(predict(rows.inputs(positions)))
        for position, padded in zip(positions, batch_outputs, strict=True):
            outputs = padded[: len(rows.image(int(position)))]
            if not np.isfinite(outputs).all():
                raise DivergedError(
                    "the model's outputs are NaN or infinite; train again with a smaller "
                    "--learning-rate or --clip-norm 1"
                )
            yield outputs
