"""Worker process: reads jobs as lines of JSON, and writes their records for the journal.

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
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, TypedDict

from mlzoo.core import registry
from mlzoo.core.errors import MlzooError, ResourceError
from mlzoo.core.validation.values import named_plugins
from mlzoo.runs import devices
from mlzoo.tuning.plan import PlanRecord, as_tuples, restore


def main() -> None:
    """Run jobs until the input ends."""
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
    from mlzoo.tuning.trials.trial import FitJob

    for line in lines:
        content = json.loads(line)
        jobs = content.get("units", [content])
        for job in jobs:
            job["values"] = {name: as_tuples(value) for name, value in job["values"].items()}
        try:
            for record in evaluator.fit_all([FitJob(**job) for job in jobs]):
                _write(answers, record)
        except ResourceError as error:
            _write(answers, {"lacking": str(error)})
            return


class WorkerStart(TypedDict):
    """First message to a worker: the search, the folder of states, and `fast`.

    `fast`: fits share compiled programs.
    """

    plan: PlanRecord
    folder: str
    fast: bool


def make_evaluator(first: WorkerStart) -> Any:
    """Return the evaluator of a search."""
    plan = restore(first["plan"])
    # The search has checked and run them.
    registry.trust(*(name for _, name in named_plugins(plan.run.model_dump())))
    devices.choose(plan.run.device)
    devices.prepare(plan.run.device, plan.run.precision)
    from mlzoo.tuning.trials.fitting import Evaluator

    evaluator = Evaluator(plan, Path(first["folder"]))
    if not first["fast"]:
        evaluator.fast = None
    return evaluator


def _answers() -> IO[str]:
    """Return the stream of answers; all other output goes to stderr."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def _lines(source: IO[str]) -> Iterator[str]:
    """Yield the lines of the input; the process exits when it ends, even during a fit."""
    lines: queue.Queue[str] = queue.Queue()

    def listen() -> None:
        for line in source:
            lines.put(line)
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    while True:
        yield lines.get()


def _write(answers: IO[str], content: Mapping[str, object]) -> None:
    with contextlib.suppress(BrokenPipeError):
        answers.write(json.dumps(content, allow_nan=False) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
