"""`mlzoo serve`: a run behind a small HTTP endpoint on this machine."""

from __future__ import annotations

import importlib.util
import os
from typing import Annotated

import typer

from mlzoo.core.errors import UsageError
from mlzoo_cli.options import RunPath, Trust
from mlzoo_cli.output import say

_CONNECTIONS = 64
"""Connections that are answered at the same time; more get status 503."""


def serve(
    run: RunPath,
    port: Annotated[int, typer.Option("--port", help="Port on localhost.")] = 8000,
    max_mb: Annotated[
        float, typer.Option("--max-mb", help="The largest upload that is read, in megabytes.")
    ] = 20.0,
    max_pixels: Annotated[
        int, typer.Option("--max-pixels", help="Images with more are refused undecoded.")
    ] = 40_000_000,
    max_rows: Annotated[
        int, typer.Option("--max-rows", help="Tables with more rows are refused.")
    ] = 10_000,
    timeout: Annotated[
        float, typer.Option("--timeout", help="Seconds in which an upload has to arrive.")
    ] = 30.0,
    no_map: Annotated[
        bool, typer.Option("--no-map", help="Leave out the Grad-CAM map of images of classes.")
    ] = False,
    trust: Trust = False,
) -> None:
    """Serve a run on localhost: a page and POST /predict.

    An image or a CSV table can be dropped on the page. Nobody else can reach it: it listens on
    127.0.0.1 alone, answers to localhost alone, and refuses uploads from pages of other origins.
    Requests that come together are predicted together. The body of POST /predict is the file
    itself, as in `curl --data-binary @image.png localhost:8000/predict`. Ctrl-C ends it.
    """
    _check(port, max_mb, max_pixels, max_rows, timeout)
    if not no_map:
        # Maps are computed on TensorFlow, whatever a model was trained on.
        os.environ["KERAS_BACKEND"] = "tensorflow"
    from mlzoo.api import load

    opened = load(run, trust=trust)
    opened.require_predictions("serve")
    import uvicorn

    from mlzoo.serving.answers import UploadPredictor
    from mlzoo.serving.app import create_app

    answers = UploadPredictor(opened, max_pixels, not no_map, max_rows)
    _ = opened.model  # so that what is wrong with it is told now
    say(f"http://localhost:{port} serves {run}; Ctrl-C ends it")
    uvicorn.run(
        create_app(answers, int(max_mb * 1e6), timeout),
        host="127.0.0.1",
        port=port,
        log_level="warning",
        limit_concurrency=_CONNECTIONS,
        server_header=False,
        use_colors=False,
    )


def _check(port: int, max_mb: float, max_pixels: int, max_rows: int, timeout: float) -> None:
    problems = []
    if not 1 <= port <= 65535:
        problems.append(f"--port: must be from 1 to 65535 (got {port})")
    if not 0 < max_mb <= 1000:
        problems.append(f"--max-mb: must be over 0, at most 1000 (got {max_mb:g})")
    if max_pixels < 1:
        problems.append(f"--max-pixels: must be at least 1 (got {max_pixels})")
    if max_rows < 1:
        problems.append(f"--max-rows: must be at least 1 (got {max_rows})")
    if not 0 < timeout <= 3600:
        problems.append(f"--timeout: must be over 0, at most 3600 (got {timeout:g})")
    missing = [name for name in ("fastapi", "uvicorn") if importlib.util.find_spec(name) is None]
    if missing and not problems:
        problems.append(f"serve needs {' and '.join(missing)}: pip install 'mlzoo[serve]'")
    if problems:
        raise UsageError(problems)
