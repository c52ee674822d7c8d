"""Reports of a run while it trains, beside what its listener hears: to its folder, to trackers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlzoo.core import files, registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import UsageError
from mlzoo.core.progress import EpochTable, Listener
from mlzoo.data.contracts import RunInfo, Tracker
from mlzoo.runs.run_folder import EPOCHS, RunFolder

if TYPE_CHECKING:
    from mlzoo.trackers._system import SystemFigures

_UNTRACKED = ("epoch", "seconds")


def check_installed(config: RunConfig) -> None:
    """Raise UsageError where the libraries of trackers are missing; nothing is imported."""
    problems = []
    for name in config.log:
        needs = registry.constants("tracker", name).get("NEEDS", ())
        missing = [package for module, package in needs if find_spec(module) is None]
        if missing:
            problems.append(f"--log {name} needs {missing[0]}: pip install {missing[0]}")
    if problems:
        raise UsageError(problems)


class TrackedListener(Listener):
    """Listener that passes everything on, and epochs to the run folder and to trackers too.

    Args:
        listener: hears of progress.
        config: names the trackers.
        run: the run that is reported.
    """

    def __init__(self, listener: Listener, config: RunConfig, run: RunInfo) -> None:
        self._listener, self._training = listener, ""
        self._trackers: dict[str, Tracker] = {}
        self._table: EpochTable | None = None
        with contextlib.suppress(OSError):  # A full disk is told by what the run can't do without.
            self._table = EpochTable(run.folder / EPOCHS)
        self._system: SystemFigures | None = None
        if config.log:
            self._open_system()
        for name in config.log:
            self._guarded(name, partial(self._open, name, run))

    def _open(self, name: str, run: RunInfo) -> None:
        self._trackers[name] = registry.load("tracker", name).track(run)

    def _open_system(self) -> None:
        from mlzoo.trackers._system import SystemFigures

        with contextlib.suppress(Exception):  # Some containers hide the machine.
            self._system = SystemFigures()

    def _guarded(self, name: str, call: Callable[[], Any]) -> None:
        """Call a tracker; what it raises is told, and it is asked no more."""
        try:
            call()
        except Exception as error:
            self._trackers.pop(name, None)
            self._listener.warn(
                f"--log {name}: stopped, {type(error).__name__}: {error}; the training goes on "
                "without it"
            )

    def _each(self, call: Callable[[Tracker], Any]) -> None:
        for name, tracker in list(self._trackers.items()):
            self._guarded(name, partial(call, tracker))

    def note(self, text: str) -> None:
        """Pass it on."""
        self._listener.note(text)

    def warn(self, text: str) -> None:
        """Pass it on."""
        self._listener.warn(text)

    def progress(self, done: int, total: int, what: str) -> None:
        """Pass it on."""
        self._listener.progress(done, total, what)

    def start(self, what: str, epochs: int, steps: int) -> None:
        """Pass it on; what follows is of that training."""
        self._training = what
        self._listener.start(what, epochs, steps)

    def step(self, epoch: int, step: int, logs: Mapping[str, float]) -> None:
        """Pass it on."""
        self._listener.step(epoch, step, logs)

    def epoch(self, row: Mapping[str, Any]) -> None:
        """Pass it on, and report it; trackers also get the load of the machine."""
        self._listener.epoch(row)
        values = {
            name: float(value)
            for name, value in row.items()
            if name not in _UNTRACKED and isinstance(value, int | float)
        }
        number = int(row["epoch"])
        if self._table is not None:
            with contextlib.suppress(OSError):
                self._table.epoch(self._training, number, values)
        if self._trackers and self._system is not None:
            with contextlib.suppress(Exception):
                values |= self._system.read()
        self._each(lambda tracker: tracker.epoch(self._training, number, values))

    def trained(self, epoch: int, model: Any, data: Any, folder: Path) -> None:
        """Pass it on."""
        self._listener.trained(epoch, model, data, folder)

    def end(self) -> None:
        """Pass it on."""
        self._listener.end()

    def finish(self, folder: Path) -> None:
        """Report the files of a run folder, and the scores on the test split."""
        if not self._trackers:
            return
        metrics = files.read_mapping(folder / "metrics.json", ("test",))["test"]["metrics"]
        scores = {
            name: float(value) for name, value in metrics.items() if isinstance(value, int | float)
        }
        self._each(lambda tracker: tracker.finish(folder, scores))

    def close(self) -> None:
        """Close the trackers; a run that was stopped reports to them again when it is resumed."""
        self._each(lambda tracker: tracker.close())


@contextmanager
def tracked(listener: Listener, config: RunConfig, folder: RunFolder) -> Iterator[Listener]:
    """Give a listener that reports a run's epochs, and its end where it comes to one.

    Args:
        listener: hears of progress.
        config: names the trackers.
        folder: the run's.
    """
    settings = {name: value for name, value in config.model_dump(mode="json").items() if value}
    info = RunInfo(folder.final.name, folder.path, settings)
    tracking = TrackedListener(listener, config, info)
    try:
        yield tracking
        tracking.finish(folder.path)
    finally:
        tracking.close()
