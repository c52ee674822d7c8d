"""The HTTP endpoint: a page, what the run is, and predictions of what is uploaded.

    GET  /          the page to drop a file on
    GET  /run       what the run is, as JSON
    POST /predict   the file itself as the request's body; answers JSON

Errors are JSON too, {"error": "..."}, with status 413 (too large) or 422 (not readable, too many
pixels).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.middleware.trustedhost import TrustedHostMiddleware

from mlzoo.errors import DataError
from mlzoo.serving.answers import Answers

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; connect-src 'self'; img-src data: blob:; script-src 'unsafe-inline'; "
        "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
"""Names by which it may be asked for, so that no site that a browser shows can reach it by one of
its own."""


def create_app(answers: Answers, max_bytes: int) -> FastAPI:
    """The application.

    Args:
        answers: what predicts.
        max_bytes: the largest upload that is read.
    """
    app = FastAPI(title="mlzoo", docs_url=None, redoc_url=None)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=_HOSTS)
    page = Path(__file__).with_name("page.html").read_text(encoding="utf-8")

    @app.get("/", response_class=HTMLResponse)
    def show() -> HTMLResponse:
        return HTMLResponse(page, headers=HEADERS)

    @app.get("/run")
    def about() -> dict[str, Any]:
        return answers.about()

    @app.post("/predict")
    async def predict(request: Request) -> JSONResponse:
        body = await _body(request, max_bytes)
        if body is None:
            limit = f"{max_bytes / 1e6:g} MB"
            return _refused(413, f"the upload is larger than {limit} (--max-mb)")
        try:
            return JSONResponse(await run_in_threadpool(answers.predict, body), headers=HEADERS)
        except DataError as error:
            return _refused(422, str(error))

    return app


async def _body(request: Request, most: int) -> bytes | None:
    """A request's body, or None as soon as it is known to be longer than `most`."""
    said = request.headers.get("content-length", "")
    if said.isdigit() and int(said) > most:
        return None
    found = bytearray()
    async for piece in request.stream():
        found += piece
        if len(found) > most:
            return None
    return bytes(found)


def _refused(status: int, reason: str) -> JSONResponse:
    return JSONResponse({"error": reason}, status, headers=HEADERS)
