"""Single samples and batches of them: what the server of a packed model answers, for a run."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlzoo.core.errors import UsageError
from mlzoo.packing.openapi import description
from mlzoo.packing.pack import check_kind, facts_of
from mlzoo.packing.served.model import ServedModel
from mlzoo.packing.served.server import Endpoints, Limits
from mlzoo.serving.batches import Served


class ServedRun(ServedModel):
    """A run behind the server of packed models.

    Args:
        run: the run, of images or tables with a class or numbers a sample.
        max_pixels: images with more are refused.

    Raises:
        UsageError: the run is of another kind.
    """

    def __init__(self, run: Served, max_pixels: int) -> None:
        check_kind(run)
        super().__init__(facts_of(run, run.path / "model.keras", max_pixels))
        self._run = run

    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        """Return the model's outputs (n, units) for inputs (n, *shape)."""
        return self._run.outputs(inputs)


def endpoints(run: Served, max_pixels: int, limits: Limits) -> Endpoints | None:
    """Return the endpoints for samples of a run; None where its samples come in files alone.

    Args:
        run: the run.
        max_pixels: images with more are refused.
        limits: of requests.
    """
    try:
        model = ServedRun(run, max_pixels)
    except UsageError:
        return None
    return Endpoints(model, _with_files(description(model.facts, None)), limits, "")


def _with_files(openapi: dict[str, Any]) -> dict[str, Any]:
    """Add to a description that tables are taken as files, too."""
    content = openapi["paths"]["/predict"]["post"]["requestBody"]["content"]
    if "application/json" in content:
        content["text/csv"] = {"schema": {"type": "string", "format": "binary"}}
    del openapi["security"], openapi["components"]["securitySchemes"]
    return openapi
