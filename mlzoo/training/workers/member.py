"""Process of a training that a worker of Ray has started: one rank of a group.

The first line of its input is the order; its output is lines of JSON: calls of a listener, and how
it ended. It ends when its input does, so that a worker that is killed leaves no process behind.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, TypedDict

from mlzoo.core import files, registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import (
    Interrupted,
    MlzooError,
    ResourceError,
    disk_full,
    find_disk_full,
    is_out_of_memory,
    terminable,
)
from mlzoo.core.progress import Listener
from mlzoo.runs.config_loading import Merged
from mlzoo.training.distributed.group import Group, current
from mlzoo.training.distributed.running import resume_shared, train_shared
from mlzoo.training.distributed.settings import Machines

STEP_SECONDS = 0.2
"""Seconds between two steps that are reported at least."""


class Order(TypedDict):
    """Order to a process to train.

    Attributes:
        machines: fields of `Machines`: rank, world and coordinator; none where it trains alone.
        folder: current folder.
        shipment: folder of files that were sent here; None: the disk is shared.
        scratch: folder of the worker, which goes with it.
        resume: run to resume; None: a new one.
        epochs: train a resumed run up to this many, if not None.
        trust: run code that the folder of a resumed run holds or names, as the user said.
        trusted: names of files of code that the user has let run.
        config: of a new run, JSON-able.
        given: fields of it that the user gave.
        warnings: about unused ones.
        allow_unused: whether what only the data show to be unused is a warning too.
        overwrite: replace a run of the same name.
    """

    machines: dict[str, Any]
    folder: str
    shipment: str | None
    scratch: str
    resume: str | None
    epochs: int | None
    trust: bool
    trusted: list[str]
    config: dict[str, Any]
    given: list[str]
    warnings: list[str]
    allow_unused: bool
    overwrite: bool


class Reporter(Listener):
    """Listener that writes what it hears as lines of JSON."""

    def __init__(self, output: IO[str]) -> None:
        self._output, self._lock = output, threading.Lock()
        self._told = 0.0

    def write(self, content: Mapping[str, Any]) -> None:
        """Write a line."""
        with self._lock:
            self._output.write(json.dumps(content, default=float) + "\n")
            self._output.flush()

    def _call(self, name: str, *arguments: Any) -> None:
        self.write({"call": name, "with": arguments})

    def note(self, text: str) -> None:
        """Pass it on."""
        self._call("note", text)

    def warn(self, text: str) -> None:
        """Pass it on."""
        self._call("warn", text)

    def progress(self, done: int, total: int, what: str) -> None:
        """Pass it on, at most every `STEP_SECONDS`."""
        if done >= total or self._due():
            self._call("progress", done, total, what)

    def begun(self, folder: Path) -> None:
        """Pass it on, as the path on the machine that gave the order."""
        self._call("begun", str(files.original(folder.absolute())))

    def start(self, what: str, epochs: int, steps: int) -> None:
        """Pass it on."""
        self._call("start", what, epochs, steps)

    def step(self, epoch: int, step: int, logs: Mapping[str, float]) -> None:
        """Pass it on, at most every `STEP_SECONDS`."""
        if self._due():
            self._call("step", epoch, step, dict(logs))

    def epoch(self, row: Mapping[str, Any]) -> None:
        """Pass it on."""
        self._call("epoch", dict(row))

    def end(self) -> None:
        """Pass it on."""
        self._call("end")

    def _due(self) -> bool:
        now = time.monotonic()
        if now - self._told < STEP_SECONDS:
            return False
        self._told = now
        return True


def main() -> None:
    """Carry out an order, and report how it ended."""
    reporter = Reporter(_reports())
    order: Order = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_input, args=(order["scratch"],), daemon=True).start()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        with terminable():
            reporter.write({"done": _carry_out(order, reporter)})
    except BaseException as error:
        if os.environ.get("MLZOO_DEBUG"):
            traceback.print_exception(error)
        reporter.write({"failed": failure(error)})


def _carry_out(order: Order, reporter: Reporter) -> str | None:
    """Train; return the path of the run as the machine that gave the order knows it."""
    if order["shipment"] is not None:
        files.use_shipment(Path(order["shipment"]))
    os.chdir(order["folder"])
    Group.supervised = True
    registry.trust(*order["trusted"])
    machines = Machines(**order["machines"])
    listener = Listener() if machines.rank else reporter
    if order["resume"] is not None:
        given = machines, order["epochs"], order["trust"], listener
        run = resume_shared(Path(order["resume"]), *given)
    else:
        config = RunConfig(**order["config"])
        given_fields, warnings = frozenset(order["given"]), tuple(order["warnings"])
        merged = Merged(config, given_fields, warnings, order["allow_unused"])
        run = train_shared(merged, machines, order["overwrite"], listener)
    return None if run is None else str(files.original(run.path.absolute()))


def failure(error: BaseException) -> dict[str, Any]:
    """Return the record of an error: its class, its text, and the signal that stopped the work."""
    number = signal.SIGINT if isinstance(error, KeyboardInterrupt) else 0
    record = {"kind": type(error).__name__, "text": str(error), "signal": int(number)}
    if isinstance(error, Interrupted):
        return {**record, "text": error.what, "signal": error.signal}
    if isinstance(error, MlzooError):
        return record
    lacking = ResourceError.__name__
    if (full := find_disk_full(error)) is not None:
        return {**record, "kind": lacking, "text": disk_full(full)}
    if isinstance(error, Exception) and is_out_of_memory(error):
        return {**record, "kind": lacking, "text": "out of memory; try a smaller --batch-size"}
    return {**record, "text": f"{type(error).__name__}: {str(error).strip() or 'no message'}"}


def _reports() -> IO[str]:
    """Return the stream of reports; all other output goes to stderr."""
    reports = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return reports


def _end_with_input(worker_scratch: str) -> None:
    for _ in sys.stdin:
        pass
    shutil.rmtree(worker_scratch, ignore_errors=True)
    if (scratch := current().scratch) is not None:
        shutil.rmtree(scratch, ignore_errors=True)
    os._exit(1)


if __name__ == "__main__":
    main()
