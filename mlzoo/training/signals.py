"""SIGINT and SIGTERM wait for the running step; the loop then saves and stops."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass
class Stop:
    """Whether a signal asked to stop: its number, or 0."""

    signal: int = 0


@contextmanager
def caught() -> Iterator[Stop]:
    """Catch SIGINT and SIGTERM for the time of the block; a second one acts at once."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop  # signals reach the main thread only
        return

    def remember(number: int, frame: FrameType | None) -> None:
        stop.signal = number
        for caught_signal, handler in before.items():
            signal.signal(caught_signal, handler)

    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, remember)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
