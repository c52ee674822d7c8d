"""Models that are served: their facts, the reader of their samples, and their answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from mlzoo.packing.served.tables import TableInputs


class ServedModel(ABC):
    """A model behind the server, whatever it is computed by.

    Args:
        facts: content of `model.json`.
    """

    def __init__(self, facts: dict[str, Any]) -> None:
        self.facts = facts
        self.takes_files = facts["kind"] == "image"
        self.read = self._reader()

    @abstractmethod
    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        """Return the model's outputs (n, units) for inputs (n, *shape)."""

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
