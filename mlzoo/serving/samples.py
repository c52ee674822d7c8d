"""Single samples and batches of them: what the server of a packed model answers, for a run.

Beside it `/explain` says what the prediction of a sample rests on.
"""

from __future__ import annotations

import asyncio
import functools
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.routing import Route

from mlzoo.core.errors import DataError, UsageError
from mlzoo.packing.openapi import description
from mlzoo.packing.pack import check_kind, facts_of
from mlzoo.packing.served.errors import InputError
from mlzoo.packing.served.model import Answer, ServedModel
from mlzoo.packing.served.server import Endpoints, Limits, RefusedError
from mlzoo.runs.predicting import novelty
from mlzoo.runs.predicting.settings import UNLIKE
from mlzoo.serving.batches import Served
from mlzoo.serving.explanations import SampleExplainer, TooSlowError
from mlzoo.serving.settings import EXPLAIN_SECONDS


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


class RunEndpoints(Endpoints):
    """The answers to requests for a run.

    Args:
        model: what answers.
        openapi: the description of the server.
        limits: of requests.
        explainer: of single samples; None: there are no explanations.
        seconds: that one may take.
    """

    def __init__(
        self,
        model: ServedRun,
        openapi: dict[str, Any],
        limits: Limits,
        explainer: SampleExplainer | None,
        seconds: float,
    ) -> None:
        super().__init__(model, openapi, limits, "")
        self.explainer, self._seconds = explainer, seconds
        self._thread = ThreadPoolExecutor(1, "explain")

    def routes(self) -> list[Route]:
        """Return the routes of the application."""
        if self.explainer is None:
            return super().routes()
        explain = Route("/explain", self.counted("/explain", self._explain), methods=["POST"])
        return [*super().routes(), explain]

    async def _explain(self, request: Request) -> dict[str, object]:
        """Explain the prediction of one sample, or the output that `?target=` names."""
        assert self.explainer is not None
        inputs, _ = await self._sample(request)
        target = request.query_params.get("target")
        if target is None:
            answer = self._predictor.answer(await self._model(inputs), [])
            # By a rule of decision, the class is not always the most probable one.
            predicted = str(answer["prediction"]) if "probabilities" in answer else None
            target = self.explainer.position(predicted)
        deadline = time.monotonic() + self._seconds
        work = functools.partial(self.explainer.explain, inputs[None], target, deadline)
        try:
            async with asyncio.timeout(self._seconds):
                return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except (TimeoutError, TooSlowError):
            raise RefusedError(
                503, f"the explanation takes longer than {self._seconds:g} s (--explain-seconds)"
            ) from None
        except (DataError, UsageError) as error:
            raise InputError(str(error)) from None


def endpoints(
    run: Served,
    max_pixels: int,
    limits: Limits,
    unlike: float = UNLIKE,
    explain_seconds: float = EXPLAIN_SECONDS,
) -> RunEndpoints | None:
    """Return the endpoints for samples of a run; None where its samples come in files alone.

    Args:
        run: the run.
        max_pixels: images with more are refused.
        limits: of requests.
        unlike: samples unlike the training data are marked at this rate of false alarms; 0: none.
        explain_seconds: that an explanation may take; 0: there are none.
    """
    try:
        model = ServedRun(run, max_pixels, unlike)
    except UsageError:
        return None
    explainer = _explainer(run) if explain_seconds else None
    openapi = _extended(description(model.facts, None), model.marks, explainer is not None)
    return RunEndpoints(model, openapi, limits, explainer, explain_seconds)


def _explainer(run: Served) -> SampleExplainer | None:
    try:
        return SampleExplainer(run)
    except UsageError:
        return None


def _extended(openapi: dict[str, Any], marks: bool, explains: bool) -> dict[str, Any]:
    """Add to a description that tables are taken as files, marks of samples, and explanations."""
    if explains:
        openapi["paths"]["/explain"] = {"post": _explaining(openapi["paths"]["/predict"]["post"])}
    content = openapi["paths"]["/predict"]["post"]["requestBody"]["content"]
    if "application/json" in content:
        content["text/csv"] = {"schema": {"type": "string", "format": "binary"}}
    if marks:
        properties = openapi["components"]["schemas"]["Answer"]["properties"]
        properties |= {"unlike": {"type": "boolean"}, "unlike_p": {"type": "number"}}
    del openapi["security"], openapi["components"]["securitySchemes"]
    return openapi


def _explaining(predicting: dict[str, Any]) -> dict[str, Any]:
    """Return the description of `/explain`, which takes what `/predict` takes."""
    texts = {name: {"type": "string"} for name in ("target", "method", "is", "picture", "map")}
    numbers = {"type": "object", "additionalProperties": {"type": "number"}}
    schema = {"type": "object", "properties": {**texts, "contributions": numbers}}
    answered = {"description": "explained", "content": {"application/json": {"schema": schema}}}
    content = predicting["requestBody"]["content"]
    return {
        "summary": "Explain the prediction of one sample",
        "parameters": [{"name": "target", "in": "query", "schema": {"type": "string"}}],
        "requestBody": {"required": True, "content": dict(content)},
        "responses": {**predicting["responses"], "200": answered},
    }
