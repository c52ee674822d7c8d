"""Progress of long work, told to whoever started it; the library prints nothing itself."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def terminal() -> Any:
    """The stream of stderr for bars that move the cursor: the one below what escapes that."""
    return getattr(sys.stderr, "stream", sys.stderr)


class Listener:
    """Hears of progress; this one ignores it. The command line's prints it."""

    def note(self, text: str) -> None:
        """Something was inferred or done."""

    def warn(self, text: str) -> None:
        """Something is wrong but does not stop the work."""

    def progress(self, done: int, total: int, what: str) -> None:
        """Part of a countable piece of work (files checked, images predicted) is done."""

    def start(self, what: str, epochs: int, steps: int) -> None:
        """A training starts, or goes on; `what` tells it from others of the run."""

    def step(self, epoch: int, step: int, logs: Mapping[str, float]) -> None:
        """A training step is done; `logs` are means over the epoch so far."""

    def epoch(self, row: Mapping[str, Any]) -> None:
        """An epoch is done; `row` is its line of the history."""

    def trained(self, epoch: int, model: Any, data: Any, folder: Path) -> None:
        """An epoch's weights stand in the model; `folder` is the run's while it is written."""

    def end(self) -> None:
        """The training is over."""
