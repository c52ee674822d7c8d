"""`mlzoo serve`: a run behind a small HTTP endpoint on this machine."""

from __future__ import annotations

import importlib.util
import os

from mlzoo.core.errors import UsageError
from mlzoo_cli.options import Fields, RunPath, Trust, with_options
from mlzoo_cli.output import say

_CONNECTIONS = 64
"""Connections that are answered at the same time; more get status 503."""


@with_options(Fields("serving/settings.py", "ServeConfig"))
def serve(
    run: RunPath, trust: Trust = False, *, given: dict[str, object], problems: list[str]
) -> None:
    """Serve a run on localhost: a page and POST /predict.

    An image or a CSV table can be dropped on the page, or one row filled in, whose prediction is
    explained: by what each column adds to it, or by a map. Nobody else can
    reach it: it listens on 127.0.0.1 alone, answers to localhost alone, and refuses uploads from
    pages of other origins. Requests that come together are predicted together. The body of POST
    /predict is the file itself, as in `curl --data-binary @image.png localhost:8000/predict`, or a
    row as JSON; beside it are /explain, and /predict/batch, /health, /metrics and /openapi.json of
    packed models.
    Ctrl-C ends it.
    """
    from mlzoo.core.configs import from_options
    from mlzoo.serving.settings import ServeConfig

    config = from_options(ServeConfig, given, problems)
    missing = [name for name in ("fastapi", "uvicorn") if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(f"serve needs {' and '.join(missing)}: pip install 'mlzoo-keras[serve]'")
    if config.map or config.explain_seconds:
        # Explanations are computed on TensorFlow, whatever a model was trained on.
        os.environ["KERAS_BACKEND"] = "tensorflow"
    from mlzoo.api import load
    from mlzoo.runs.devices import prepare

    opened = load(run, trust=trust)
    opened.require_predictions("serve")
    prepare()  # before the server's modules import Keras, which would print TensorFlow's log
    import uvicorn

    from mlzoo.packing.served.server import Limits
    from mlzoo.serving.answers import UploadPredictor
    from mlzoo.serving.app import create_app
    from mlzoo.serving.samples import endpoints

    answers = UploadPredictor(opened, config.max_pixels, config.map, config.max_rows, config.unlike)
    _ = opened.model  # so that what is wrong with it is told now
    limits = Limits(config.max_mb, config.max_rows, config.timeout, waiting=_CONNECTIONS)
    samples = endpoints(
        answers.run, config.max_pixels, limits, config.unlike, config.explain_seconds
    )
    settings = uvicorn.Config(
        create_app(answers, int(config.max_mb * 1e6), config.timeout, samples),
        host="127.0.0.1",
        port=config.port,
        log_level="warning",
        limit_concurrency=_CONNECTIONS,
        server_header=False,
        use_colors=False,
    )
    listener = settings.bind_socket()
    listener.listen()  # who comes at once waits until the server has started
    say(f"http://localhost:{listener.getsockname()[1]} serves {run}; Ctrl-C ends it")
    uvicorn.Server(settings).run([listener])
