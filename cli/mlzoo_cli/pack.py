"""`mlzoo pack`: a run's model as a folder that serves it anywhere."""

from __future__ import annotations

import os

from mlzoo_cli.options import Fields, Json, RunPath, Trust, with_options
from mlzoo_cli.output import ConsoleReporter, show


@with_options(Fields("packing/settings.py", "PackConfig"))
def pack(
    run: RunPath,
    trust: Trust = False,
    json: Json = False,
    *,
    given: dict[str, object],
    problems: list[str],
) -> None:
    """Pack a run's model into a folder that serves it.

    It needs neither mlzoo nor Keras there. The folder holds the model as ONNX, a reader of rows or
    image files, an HTTP server, pinned requirements, a Dockerfile and examples. It is kept only if
    its answers are those of `mlzoo predict` within 1e-5. Runs of images and tables with a class or
    numbers a sample can be packed.
    """
    from mlzoo.core.configs import from_options
    from mlzoo.packing import pack as work
    from mlzoo.packing.settings import PackConfig

    config = from_options(PackConfig, given, problems)
    work.check()
    # The graph is TensorFlow's, whatever the model was trained on.
    os.environ["KERAS_BACKEND"] = "tensorflow"
    reporter = ConsoleReporter(quiet=json)
    try:
        record = work.pack(run, **dict(config), trust=trust, listener=reporter)
    finally:
        reporter.end()
    if json:
        show(record)
        return
    print(
        f"{record['folder']}  {record['bytes']:,} bytes\n"
        f"serve   cd {record['folder']}, then python -m served (README.md says all of it)"
    )
