"""Predictions of a packed model: `Predictor(FOLDER).predict(sample)`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from mlzoo.packing.served.errors import InputError
from mlzoo.packing.served.model import Answer, ServedModel


class Predictor(ServedModel):
    """A packed model with the reader of its samples.

    Args:
        folder: the packed folder, which holds `model.onnx` and `model.json`.
        threads: of one call of the model.
    """

    def __init__(self, folder: str | Path, threads: int = 1) -> None:
        folder = Path(folder)
        super().__init__(json.loads((folder / "model.json").read_text("utf-8")))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = threads, 3
        self._session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, ["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name

    def predict(self, sample: Any) -> Answer:
        """Predict one sample: a row as a dict, or the bytes of an image file.

        Returns:
            `prediction`; of classes also `probabilities`; and `warnings`.

        Raises:
            InputError: the sample can't be read.
        """
        return self.predict_batch([sample])[0]

    def predict_batch(self, samples: Sequence[Any]) -> list[Answer]:
        """Predict several samples by one call of the model; see `predict`."""
        if not samples:
            raise InputError("there are no samples")
        read = [self.read(sample) for sample in samples]
        outputs = self.outputs(np.stack([inputs for inputs, _ in read]))
        return [
            self.answer(output, warnings)
            for output, (_, warnings) in zip(outputs, read, strict=True)
        ]

    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        """Return the model's outputs (n, units) for inputs (n, *shape)."""
        outputs: np.ndarray = self._session.run(None, {self._input: inputs})[0]
        return outputs
