"""The HTTP server of a packed model: `python -m served --help` in its folder.

    GET  /health         that it is up, and which model it serves; needs no token
    GET  /metrics        counts and times, for Prometheus
    GET  /openapi.json   all of this for programs
    POST /predict        one sample: a row as JSON, or an image file itself as the body
    POST /predict/batch  several: {"rows": [...]}, or {"images": [...]} as base64

Errors are {"error": "..."} with status 400 (no JSON), 401 (no or a wrong token), 403 (a page of
another origin asks), 408 (the body takes too long), 413 (too large), 422 (a sample can't be read)
or 503 (too many requests wait).
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import binascii
import contextlib
import functools
import hmac
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from starlette.applications import Starlette
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from mlzoo.packing.served.batching import Batcher
from mlzoo.packing.served.errors import InputError
from mlzoo.packing.served.measures import TYPE, Measures
from mlzoo.packing.served.model import Answer, ServedModel

TOKEN = "MODEL_TOKEN"
"""Environment variable of the token."""
_LOCAL = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Limits:
    """Limits of one request, and of how many may wait."""

    megabytes: float = 20.0
    samples: int = 1000
    seconds: float = 30.0
    waiting: int = 256
    batch: int = 64


class RefusedError(Exception):
    """A request is not answered: its status and the reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Endpoints:
    """The answers to requests.

    Args:
        model: what answers.
        openapi: the description of the server.
        limits: of requests.
        token: that requests must bring; "": none is needed.
    """

    def __init__(
        self, model: ServedModel, openapi: Mapping[str, object], limits: Limits, token: str
    ) -> None:
        self._predictor, self._openapi = model, openapi
        self._limits, self._token = limits, token
        self.measures, self.takes_files = Measures(), model.takes_files
        self._model = Batcher(model.outputs, limits.batch, self.measures.called)
        self._decoders = ThreadPoolExecutor(os.cpu_count(), "decode")

    def routes(self) -> list[Route]:
        """Return the routes of the application."""
        return [
            Route("/health", self._health),
            Route("/metrics", self._metrics),
            Route("/openapi.json", self._description),
            Route("/predict", self.counted("/predict", self.one), methods=["POST"]),
            Route("/predict/batch", self.counted("/predict/batch", self._many), methods=["POST"]),
        ]

    async def _health(self, request: Request) -> Response:
        facts = self._predictor.facts
        return JSONResponse({"status": "ok", "model": facts["name"], "digest": facts["digest"]})

    async def _metrics(self, request: Request) -> Response:
        try:
            self._admit(request)
        except RefusedError as error:
            return _refused(error)
        return PlainTextResponse(self.measures.text(), media_type=TYPE)

    async def _description(self, request: Request) -> Response:
        try:
            self._admit(request)
        except RefusedError as error:
            return _refused(error)
        return JSONResponse(self._openapi)

    def counted(
        self, path: str, work: Callable[[Request], Awaitable[Any]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Return an endpoint that admits, counts and times requests, and turns errors to JSON."""

        async def endpoint(request: Request) -> Response:
            start = time.perf_counter()
            self.measures.in_flight += 1
            try:
                response = await self._answer(request, work)
            finally:
                self.measures.in_flight -= 1
            self.measures.answered(path, response.status_code, time.perf_counter() - start)
            return response

        return endpoint

    async def _answer(
        self, request: Request, work: Callable[[Request], Awaitable[Any]]
    ) -> Response:
        try:
            self._admit(request)
            if self.measures.in_flight > self._limits.waiting:
                raise RefusedError(503, f"{self._limits.waiting} requests wait; try again later")
            return JSONResponse(await work(request))
        except RefusedError as error:
            return _refused(error)
        except InputError as error:
            return _refused(RefusedError(422, str(error)))
        except ClientDisconnect:
            return Response(status_code=499)  # Nobody reads it.

    def _admit(self, request: Request) -> None:
        """Raise RefusedError for a wrong token or a page of another origin."""
        origin = request.headers.get("origin")
        if self._token:
            given = request.headers.get("authorization", "").removeprefix("Bearer ")
            if not hmac.compare_digest(given.encode(), self._token.encode()):
                raise RefusedError(401, "send the token as `Authorization: Bearer TOKEN`")
        elif origin is not None and origin.partition("//")[2] != request.headers.get("host"):
            raise RefusedError(403, "a page of another origin can't use this server")

    async def one(self, request: Request) -> Answer:
        """Answer a request with one sample."""
        inputs, warnings = await self._sample(request)
        return self._predictor.answer(await self._model(inputs), warnings)

    async def _sample(self, request: Request) -> tuple[np.ndarray, list[str]]:
        """Return the sample (*shape) in a request's body, and warnings."""
        body = await self._body(request)
        return await self._read(body if self._predictor.takes_files else _json(body))

    async def _many(self, request: Request) -> dict[str, list[Answer]]:
        name = "images" if self._predictor.takes_files else "rows"
        content = _json(await self._body(request))
        samples = content.get(name) if isinstance(content, dict) else None
        if not isinstance(samples, list) or not samples:
            raise InputError(f'the body is {{"{name}": [...]}} with at least one of them')
        if len(samples) > self._limits.samples:
            raise RefusedError(
                413, f"{len(samples)} {name} are more than the limit of {self._limits.samples}"
            )
        read = []
        for index, sample in enumerate(samples):
            try:
                read.append(await self._read(_bytes(sample) if name == "images" else sample))
            except InputError as error:
                raise InputError(f"{name}[{index}]: {error}") from None
        outputs = await asyncio.gather(*(self._model(inputs) for inputs, _ in read))
        return {
            "predictions": [
                self._predictor.answer(output, warnings)
                for output, (_, warnings) in zip(outputs, read, strict=True)
            ]
        }

    async def _read(self, sample: Any) -> tuple[np.ndarray, list[str]]:
        """Read a sample; images are decoded beside the event loop."""
        if not self._predictor.takes_files:
            return self._predictor.read(sample)
        loop = asyncio.get_running_loop()
        work = functools.partial(self._predictor.read, sample)
        return await loop.run_in_executor(self._decoders, work)

    async def _body(self, request: Request) -> bytes:
        """Return the body, refused as soon as it is known to be too large or too slow."""
        most, limits = int(self._limits.megabytes * 1e6), self._limits
        too_large = RefusedError(413, f"the body is larger than {limits.megabytes:g} MB")
        length = request.headers.get("content-length", "")
        if length.isdigit() and int(length) > most:
            raise too_large
        body = bytearray()
        try:
            async with asyncio.timeout(limits.seconds):
                async for piece in request.stream():
                    body += piece
                    if len(body) > most:
                        raise too_large
        except TimeoutError:
            raise RefusedError(408, f"the body took longer than {limits.seconds:g} s") from None
        return bytes(body)


def create_app(
    folder: str | Path, limits: Limits, token: str = "", threads: int = 1, local: bool = True
) -> Starlette:
    """Return the application for a packed folder.

    Args:
        folder: the packed folder.
        limits: of requests.
        token: that requests must bring; "": none is needed.
        threads: of one call of the model.
        local: answer to names of this machine alone, so that no site that a browser shows can
            reach the server by a name of its own.
    """
    from mlzoo.packing.served.predictor import Predictor

    openapi = json.loads((Path(folder) / "openapi.json").read_text("utf-8"))
    endpoints = Endpoints(Predictor(folder, threads), openapi, limits, token)
    app = Starlette(routes=endpoints.routes())
    if local:
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=["localhost", "127.0.0.1", "[::1]"])
    return app


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RefusedError(400, f"the body is no JSON: {error}") from None


def _bytes(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise InputError("it is no text in base64") from None


def _refused(error: RefusedError) -> Response:
    # What is left of a body that was not read would be taken for the next request.
    headers = {"Connection": "close"}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if error.status == 503:
        headers["Retry-After"] = "1"
    return JSONResponse({"error": str(error)}, error.status, headers)


def main(arguments: list[str] | None = None) -> None:
    """Serve the folder that this package lies in."""
    import uvicorn

    given = _parser().parse_args(arguments)
    token, local = given.token or os.environ.get(TOKEN, ""), given.host in _LOCAL
    limits = Limits(given.max_mb, given.max_samples, given.timeout, given.waiting, given.batch)
    app = create_app(Path(__file__).parents[1], limits, token, given.threads, local)
    if not local and not token:
        print(f"warning: anybody who reaches {given.host} can use it; set {TOKEN}", file=sys.stderr)
    config = uvicorn.Config(
        app,
        host=given.host,
        port=given.port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
    )
    listener = config.bind_socket()
    listener.listen()
    port = listener.getsockname()[1]
    print(f"http://{given.host}:{port} serves POST /predict; Ctrl-C ends it", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run([listener])


def _parser() -> argparse.ArgumentParser:
    limits = Limits()
    parser = argparse.ArgumentParser("python -m served", description="Serve this model over HTTP.")
    add = functools.partial(parser.add_argument, metavar="")
    add("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0: all (%(default)s)")
    add("--port", type=int, default=8000, help="port to listen on, 0: a free one (%(default)s)")
    add("--token", default="", help=f"token that requests must bring; better set {TOKEN}")
    add("--threads", type=int, default=1, help="threads of one call of the model (%(default)s)")
    add("--batch", type=int, default=limits.batch, help="samples of one call (%(default)s)")
    add("--waiting", type=int, default=limits.waiting, help="requests at once (%(default)s)")
    add("--max-mb", type=float, default=limits.megabytes, help="largest body (%(default)s)")
    add("--max-samples", type=int, default=limits.samples, help="samples a body (%(default)s)")
    add("--timeout", type=float, default=limits.seconds, help="seconds for a body (%(default)s)")
    return parser
