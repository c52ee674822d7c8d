"""SIGINT and SIGTERM: training finishes its step and saves; all other work stops at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from mlzoo.core.errors import STOPPED, Interrupted, terminable


@dataclass
class Stop:
    """Return whether a signal asked to stop: its number, or 0."""

    signal: int = 0


@contextmanager
def caught(stop: Stop | None = None) -> Iterator[Stop]:
    """Catch SIGINT and SIGTERM for the time of the block; a second one acts at once.

    Args:
        stop: where a signal is noted; a new one by default, which is yielded.
    """
    stop = stop or Stop()
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


AGAIN = "nothing was written; run the same command again"


def again_over(folder: object) -> str:
    """Return how to continue where some of the files of a folder may be there already."""
    return f"run the same command again with --overwrite, which replaces what is in {folder}"


@dataclass
class Stage:
    """Stage of long work, and how to continue once it is stopped there."""

    doing: str
    next: str = AGAIN


@contextmanager
def stopping(doing: str, next: str = AGAIN) -> Iterator[Stage]:
    """Have SIGINT and SIGTERM stop the block at once, with a message that says how to continue.

    Args:
        doing: what the block does at first ("reading the data").
        next: how to continue. Both are changed through what is yielded.

    Raises:
        Interrupted: a signal came.
    """
    stage = Stage(doing, next)
    try:
        with terminable():
            yield stage
    except (Interrupted, KeyboardInterrupt) as error:
        what = error.what if isinstance(error, Interrupted) else STOPPED
        what = f"stopped while {stage.doing}" if what == STOPPED else what
        number = getattr(error, "signal", signal.SIGINT)
        raise Interrupted(what, number, stage.next) from None
