"""Progress of long work, told to whoever started it; the library prints nothing itself."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

STEERS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Control characters but for tab and line end, marks that turn the direction of writing, separators
of lines, and halves of characters."""


def printable(text: str) -> str:
    """A text that can't steer a terminal: such characters are escaped as Python writes them."""
    return STEERS.sub(lambda match: ascii(match[0])[1:-1], text)


def one_line(text: str) -> str:
    """`printable`, line ends and tabs escaped too: a name that a line of text holds."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


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
