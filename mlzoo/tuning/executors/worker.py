"""A process that does fits: reads units as lines of JSON, writes the journal's records of them.

The first line is the search: `plan`, `folder` and `fast`. It ends when its input does, so that a
search that is killed leaves no process behind.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from mlzoo.core import registry
from mlzoo.core.errors import MlzooError, ResourceError
from mlzoo.runs import devices
from mlzoo.runs.config_loading import plugins
from mlzoo.tuning.plan import as_tuples, restore


def main() -> None:
    """Work until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the search decides when to stop
    answers = _answers()
    lines = _lines(sys.stdin)
    first = json.loads(next(lines))
    try:
        evaluator = make_evaluator(first)
    except MlzooError as error:
        _write(answers, {"failed": str(error)})
        return
    _write(answers, {"ready": os.getpid()})
    from mlzoo.tuning.trials.trial import Unit

    for line in lines:
        content = json.loads(line)
        units = content.get("units", [content])
        for unit in units:
            unit["values"] = {name: as_tuples(value) for name, value in unit["values"].items()}
        try:
            for record in evaluator.fit_all([Unit(**unit) for unit in units]):
                _write(answers, record)
        except ResourceError as error:
            _write(answers, {"lacking": str(error)})
            return


def make_evaluator(first: dict[str, Any]) -> Any:
    """What does the fits of a search: its `plan`, the `folder` of states, whether `fast`."""
    plan = restore(first["plan"])
    # The search has checked and run them.
    registry.trust(*(name for _, name in plugins(plan.run.model_dump())))
    devices.choose(plan.run.device)
    devices.prepare(plan.run.device, plan.run.precision)
    from mlzoo.tuning.trials.fitting import Evaluator

    evaluator = Evaluator(plan, Path(first["folder"]))
    if not first["fast"]:
        evaluator.fast = None
    return evaluator


def _answers() -> IO[str]:
    """The stream of answers: what else is printed goes to stderr."""
    own = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return own


def _lines(source: IO[str]) -> Iterator[str]:
    """Lines of the input; the process ends where it does, in mid-fit too."""
    found: queue.Queue[str] = queue.Queue()

    def listen() -> None:
        for line in source:
            found.put(line)
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    while True:
        yield found.get()


def _write(answers: IO[str], content: dict[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError):
        answers.write(json.dumps(content, allow_nan=False) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
