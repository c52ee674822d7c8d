"""Single samples and batches of them: what the server of a packed model answers, for a run."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlzoo.core.errors import UsageError
from mlzoo.packing.openapi import description
from mlzoo.packing.pack import check_kind, facts_of
from mlzoo.packing.served.model import Answer, ServedModel
from mlzoo.packing.served.server import Endpoints, Limits
from mlzoo.runs.predicting import novelty
from mlzoo.runs.predicting.settings import UNLIKE
from mlzoo.serving.batches import Served


class ServedRun(ServedModel):
    """A run behind the server of packed models.

    Args:
        run: the run, of images or tables with a class or numbers a sample.
        max_pixels: images with more are refused.
        unlike: samples unlike the training data are marked at this rate of false alarms; 0: none.

    Raises:
        UsageError: the run is of another kind.
    """

    def __init__(self, run: Served, max_pixels: int, unlike: float) -> None:
        check_kind(run)
        super().__init__(facts_of(run, run.path / "model.keras", max_pixels))
        self._run, self._rate = run, unlike
        reference = run.reference if unlike and run.marks_unlike else None
        self._reference = None if novelty.limitation(reference, unlike or 1) else reference

    @property
    def marks(self) -> bool:
        """Return whether answers say which samples are unlike the training data."""
        return self._reference is not None

    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        """Return the model's outputs (n, units) for inputs (n, *shape), and features if marked."""
        if self._reference is None:
            return self._run.outputs(inputs)
        return self._run.joint_outputs(inputs)

    def answer(self, output: np.ndarray, warnings: list[str]) -> Answer:
        """Return the answer for one sample, with whether it is unlike the training data."""
        if self._reference is None:
            return super().answer(output, warnings)
        outputs, features = self._run.joint_model.split(output[None])
        mean = outputs[:, 0] if self._run.spread_model is not None else outputs
        answer = super().answer(mean[0], warnings)
        marks = novelty.marks(features, self._reference, self._rate)
        assert marks is not None
        return {**answer, "unlike": bool(marks[0][0]), "unlike_p": float(marks[1][0])}


def endpoints(
    run: Served, max_pixels: int, limits: Limits, unlike: float = UNLIKE
) -> Endpoints | None:
    """Return the endpoints for samples of a run; None where its samples come in files alone.

    Args:
        run: the run.
        max_pixels: images with more are refused.
        limits: of requests.
        unlike: samples unlike the training data are marked at this rate of false alarms; 0: none.
    """
    try:
        model = ServedRun(run, max_pixels, unlike)
    except UsageError:
        return None
    return Endpoints(model, _extended(description(model.facts, None), model.marks), limits, "")


def _extended(openapi: dict[str, Any], marks: bool) -> dict[str, Any]:
    """Add to a description that tables are taken as files, and how samples are marked."""
    content = openapi["paths"]["/predict"]["post"]["requestBody"]["content"]
    if "application/json" in content:
        content["text/csv"] = {"schema": {"type": "string", "format": "binary"}}
    if marks:
        properties = openapi["components"]["schemas"]["Answer"]["properties"]
        properties |= {"unlike": {"type": "boolean"}, "unlike_p": {"type": "number"}}
    del openapi["security"], openapi["components"]["securitySchemes"]
    return openapi
