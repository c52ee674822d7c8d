"""Progress in a notebook: one output below the cell, which is replaced as the work goes on."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from html import escape
from importlib import import_module
from typing import Any

from mlzoo.core.progress import Listener
from mlzoo.notebooks.html import card, shown

_SECONDS = 0.25
"""Least time between two changes of what is shown: each is sent to the browser."""
_UNSHOWN = ("epoch", "seconds")


def in_notebook() -> bool:
    """Return whether a notebook's kernel runs this process."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def listener_for(given: Any) -> Any:
    """Return the listener that a caller gave, or else the notebook's own within a notebook.

    Args:
        given: a `Listener` or None.
    """
    return NotebookProgress() if given is None and in_notebook() else given


class NotebookProgress(Listener):
    """Show a bar, the scores of the last epoch and warnings; of a search the best trial."""

    def __init__(self) -> None:
        self._title, self._line, self._warnings = "preparing", "", list[str]()
        self._done = self._total = self._epochs = self._steps = 0
        self._handle: Any = None
        self._shown = 0.0

    def warn(self, text: str) -> None:
        """Keep a warning below the bar."""
        self._warnings.append(f"warning: {text}")
        self._show(now=True)

    def progress(self, done: int, total: int, what: str) -> None:
        """Move the bar of a countable piece of work."""
        if what != self._title:
            self._line = ""
        self._title, self._done, self._total = what, done, total
        self._show(now=done == total)

    def start(self, what: str, epochs: int, steps: int) -> None:
        """Begin the bar of a training."""
        self._title, self._epochs, self._steps = f"training {what}", epochs, max(steps, 1)
        self._done, self._total, self._line = 0, epochs * self._steps, ""
        self._show(now=True)

    def step(self, epoch: int, step: int, logs: Mapping[str, float]) -> None:
        """Move the bar of a training."""
        self._done = (epoch - 1) * self._steps + step
        self._show()

    def epoch(self, row: Mapping[str, Any]) -> None:
        """Show the scores of an epoch."""
        number = int(row["epoch"])
        self._done = number * self._steps
        values = [f"{k} {shown(v)}" for k, v in row.items() if k not in _UNSHOWN and v is not None]
        self._line = f"epoch {number} of {self._epochs}: {', '.join(values)}"
        self._show(now=number == self._epochs)

    def fitted(self, record: Any, trial: Any, best_trial: Any) -> None:
        """Show the best trial of a search so far; see `SearchListener`."""
        self._title, self._total = "search", 0
        if best_trial is not None:
            self._line = f"best so far: trial {best_trial.number}, {shown(best_trial.mean)}"
        self._show()

    def proposed(self, trial: Any) -> None:
        """Show the number of the newest trial of a search; see `SearchListener`."""
        self._title, self._total = f"search: trial {trial.number}", 0
        self._show()

    def end(self) -> None:
        """Show that a training is over, after however many epochs."""
        self._done = self._total
        self._show(now=True)

    def _show(self, now: bool = False) -> None:
        """Replace what is shown, unless it was replaced a moment ago and `now` is false."""
        if not now and time.monotonic() - self._shown < _SECONDS:
            return
        self._shown = time.monotonic()
        label = escape(self._title, quote=True)
        share = f'max="{self._total}" value="{min(self._done, self._total)}"'
        bar = f'<progress aria-label="{label}" {share}></progress>' if self._total else ""
        warnings = [f"<div>{escape(text, quote=True)}</div>" for text in self._warnings]
        content = {
            "text/html": card(self._title, [self._line], [bar, *warnings]),
            "text/plain": f"{self._title} {self._line}".strip(),
        }
        if self._handle is None:
            output = import_module("IPython.display")  # which a kernel has, and mlzoo need not
            self._handle = output.display(content, raw=True, display_id=True)
        else:
            self._handle.update(content, raw=True)
