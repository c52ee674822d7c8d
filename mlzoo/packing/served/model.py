"""Models that are served: their facts, the reader of their samples, and their answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NotRequired, TypedDict

import numpy as np

from mlzoo.packing.served.tables import TableInputs


class ModelColumn(TypedDict):
    """A column of a table; one without categories holds numbers."""

    name: str
    categories: list[str]


class ImageFacts(TypedDict):
    """Images as the model takes them; `maximum` is the value that white has."""

    height: int
    width: int
    channels: int
    dtype: str
    maximum: float
    max_pixels: int


class ServedDecision(TypedDict):
    """The rule by which classes are decided: by a threshold, or by the expected cost.

    Attributes:
        costs: {true class: {predicted class: cost}}.
        positive: the class that the threshold is of; None where there is none.
        threshold: the probability from which on it is decided for.
    """

    costs: dict[str, dict[str, float]]
    positive: str | None
    threshold: float | None


class ModelFacts(TypedDict):
    """Content of `model.json`.

    Attributes:
        name: of the run.
        model: plug-in that it was trained by.
        task: kind of prediction.
        kind: `image` or `table`.
        classes: their names; empty for numbers.
        targets: names of the numbers that are predicted.
        columns: of a table, in their order.
        decision: None where the most probable class is decided for.
        digest: SHA-256 of the model's file.
        image: of a model of images.
    """

    name: str
    model: str
    task: str
    kind: str
    classes: list[str]
    targets: list[str]
    columns: list[ModelColumn]
    decision: NotRequired[ServedDecision | None]
    digest: str
    image: NotRequired[ImageFacts]


class Answer(TypedDict):
    """Answer for one sample: a class with the probabilities of all, or numbers.

    Where the run is served, whether it is unlike the training data, and the p-value of that, join.
    """

    prediction: str | float | dict[str, float]
    probabilities: NotRequired[dict[str, float]]
    warnings: list[str]
    unlike: NotRequired[bool]
    unlike_p: NotRequired[float]


class ServedModel(ABC):
    """A model behind the server, whatever it is computed by.

    Args:
        facts: content of `model.json`.
    """

    def __init__(self, facts: ModelFacts) -> None:
        self.facts = facts
        self.takes_files = facts["kind"] == "image"
        self.read = self._reader()

    @abstractmethod
    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        """Return the model's outputs (n, units) for inputs (n, *shape)."""

    def answer(self, output: np.ndarray, warnings: list[str]) -> Answer:
        """Return the answer for the outputs (units,) of one sample."""
        values = output.astype(np.float64).tolist()
        classes, targets = self.facts["classes"], self.facts["targets"]
        if classes:
            # A sigmoid gives the probability of the second class alone.
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
        threshold, name = rule["threshold"], rule["positive"]
        if threshold is not None and name is not None:
            positive = classes.index(name)
            return positive if probabilities[positive] >= threshold else 1 - positive
        pairs = list(zip(classes, probabilities, strict=True))
        costs = [sum(p * rule["costs"][true][each] for true, p in pairs) for each in classes]
        return costs.index(min(costs))

    def _reader(self) -> Any:
        if not self.takes_files:
            return TableInputs(self.facts["columns"]).read
        # Pillow is installed only where it is needed.
        from mlzoo.packing.served.images import ImageInputs

        return ImageInputs(self.facts["image"]).read
