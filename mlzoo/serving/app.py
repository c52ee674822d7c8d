"""The HTTP endpoint: a page, what the run is, and predictions of what is uploaded.

    GET  /               the page to drop a file on, with a form for one row
    GET  /run            what the run is, as JSON
    POST /predict        a file itself as the request's body, or a row as JSON; answers JSON
    POST /explain        what the prediction of one sample rests on: by column, or as a map
    POST /predict/batch  several samples: {"rows": [...]}, or {"images": [...]} as base64
    GET  /health         that it is up, and which model it serves
    GET  /metrics        counts and times, for Prometheus
    GET  /openapi.json   all of this for programs

Rows and the last five are answered by the code of the server of packed models (`packing/served`); a
run whose samples come in files alone, as signals or images with masks do, has the first three.

Errors are JSON too, {"error": "..."}, with status 403 (a page of another origin asks), 408 (the
upload takes too long), 413 (too large), 422 (not readable, too many pixels or rows), 500, or
503 (too much at once, or an explanation that takes too long).
"""

from __future__ import annotations

import functools
import os
import time
import traceback
from pathlib import Path

import anyio
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect

from mlzoo.core.errors import DataError
from mlzoo.serving.answers import UploadPredictor
from mlzoo.serving.guard import HEADERS, HOSTS, own_origin
from mlzoo.serving.samples import RunEndpoints
from mlzoo.serving.settings import TIMEOUT

_AT_ONCE = 8
"""Uploads that are decoded at the same time."""


def create_app(
    answers: UploadPredictor,
    max_bytes: int,
    timeout: float = TIMEOUT,
    samples: RunEndpoints | None = None,
) -> FastAPI:
    """Return the FastAPI application.

    Args:
        answers: what predicts.
        max_bytes: the largest upload that is read.
        timeout: seconds in which it has to arrive.
        samples: what answers single samples and batches of them; None: files alone are answered.
    """
    app = FastAPI(title="mlzoo", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=HOSTS)
    page = Path(__file__).with_name("page.html").read_text(encoding="utf-8")

    limiter = anyio.CapacityLimiter(_AT_ONCE)

    @app.get("/", response_class=HTMLResponse)
    def show() -> HTMLResponse:
        return HTMLResponse(page, headers=HEADERS)

    @app.get("/run")
    def about() -> dict[str, object]:
        rows = samples is not None and not samples.takes_files
        explains = samples is not None and samples.explainer is not None
        return {**answers.about(), "rows": rows, "explains": explains}

    one = samples.counted("/predict", samples.one) if samples else None
    if samples:
        app.router.routes += [each for each in samples.routes() if each.path != "/predict"]

    @app.post("/predict")
    async def predict(request: Request) -> Response:
        began, kind = time.perf_counter(), request.headers.get("content-type", "")
        if one is not None and kind.startswith("application/json"):
            return await one(request)
        response = await upload(request)
        if samples:
            samples.measures.answered("/predict", response.status_code, time.perf_counter() - began)
        return response

    async def upload(request: Request) -> Response:
        if not own_origin(request):
            return _refused(403, "a page of another origin can't use this one")
        try:
            with anyio.fail_after(timeout):
                body = await _body(request, max_bytes)
        except TimeoutError:
            return _refused(408, f"the upload took longer than {timeout:g} s (--timeout)")
        except ClientDisconnect:
            return Response(status_code=499)  # Nobody reads it.
        if body is None:
            limit = f"{max_bytes / 1e6:g} MB"
            return _refused(413, f"the upload is larger than {limit} (--max-mb)")
        work = functools.partial(answers.predict, body)
        try:
            answer = await anyio.to_thread.run_sync(work, limiter=limiter)
        except DataError as error:
            return _refused(422, str(error))
        except Exception as error:
            if os.environ.get("MLZOO_DEBUG"):
                traceback.print_exception(error)
            return _refused(500, f"the upload can't be predicted: {type(error).__name__}")
        return JSONResponse(answer, headers=HEADERS)

    return app


async def _body(request: Request, most: int) -> bytes | None:
    """Return a request's body, or None as soon as it is known to be longer than `most`."""
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > most:
        return None
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > most:
            return None
    return bytes(body)


def _refused(status: int, reason: str) -> JSONResponse:
    # What is left of a body that was not read would be taken for the next request.
    return JSONResponse({"error": reason}, status, headers={**HEADERS, "Connection": "close"})
