"""Predictions of a packed model: `Predictor(FOLDER).predict(sample)`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from mlzoo.packing.served.errors import InputError
from mlzoo.packing.served.tables import TableInputs


class Predictor:
    """A packed model with the reader of its samples.

    Args:
        folder: the packed folder, which holds `model.onnx` and `model.json`.
        threads: of one call of the model.
    """

    def __init__(self, folder: str | Path, threads: int = 1) -> None:
        folder = Path(folder)
        self.facts: dict[str, Any] = json.loads((folder / "model.json").read_text("utf-8"))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = threads, 3
        self._session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, ["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name
        self.takes_files = self.facts["kind"] == "image"
        self.read = self._reader()

    def predict(self, sample: Any) -> dict[str, Any]:
        """Predict one sample: a row as a dict, or the bytes of an image file.

        Returns:
            `prediction`; of classes also `probabilities`; and `warnings`.

        Raises:
            InputError: the sample can't be read.
        """
        return self.predict_batch([sample])[0]

    def predict_batch(self, samples: Sequence[Any]) -> list[dict[str, Any]]:
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

    def answer(self, output: np.ndarray, warnings: list[str]) -> dict[str, Any]:
        """Return the answer for the outputs (units,) of one sample."""
        values = output.astype(np.float64).tolist()
        classes, targets = self.facts["classes"], self.facts["targets"]
        if classes:
            values = values if len(values) > 1 else [1 - values[0], values[0]]
            prediction = classes[self._decided(values)]
            named = dict(zip(classes, values, strict=True))
            return {"prediction": prediction, "probabilities": named, "warnings": warnings}
        if len(values) == 1:
            return {"prediction": values[0], "warnings": warnings}
        return {"prediction": dict(zip(targets, values, strict=True)), "warnings": warnings}

    def _decided(self, probabilities: list[float]) -> int:
        """Return the position of the class that costs least, by default the most probable one."""
        rule, classes = self.facts.get("decision"), self.facts["classes"]
        if rule is None:
            return probabilities.index(max(probabilities))
        if rule["threshold"] is not None:
            positive = classes.index(rule["positive"])
            return positive if probabilities[positive] >= rule["threshold"] else 1 - positive
        pairs = list(zip(classes, probabilities, strict=True))
        costs = [sum(p * rule["costs"][true][each] for true, p in pairs) for each in classes]
        return costs.index(min(costs))

    def _reader(self) -> Any:
        if not self.takes_files:
            return TableInputs(self.facts["columns"]).read
        # Pillow is installed only where it is needed.
        from mlzoo.packing.served.images import ImageInputs

        return ImageInputs(self.facts["image"]).read
