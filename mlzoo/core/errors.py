"""Classes of errors, and SIGTERM as one: what happened, what was received and what to do."""

from __future__ import annotations

import errno
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any


class MlzooError(Exception):
    """Something asked for could not be done. The message is one or more lines for a person."""


class UsageError(MlzooError):
    """A flag, a configuration file or a name is wrong. `problems` holds one line a mistake."""

    def __init__(self, problems: str | Iterable[str]) -> None:
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))


class DataError(MlzooError):
    """The data can't be used as they are: unreadable, inconsistent, leaking."""


class ResourceError(MlzooError):
    """Memory, disk or the device asked for is not there."""


class DivergedError(MlzooError):
    """The loss or the outputs became NaN or infinite. `facts` says where, as plain values."""

    def __init__(self, message: str, facts: Mapping[str, object] | None = None) -> None:
        self.facts = facts or {}
        super().__init__(message)


class Interrupted(BaseException):
    """SIGINT or SIGTERM stopped the work. Like KeyboardInterrupt it is no Exception.

    Attributes:
        what: what was stopped ("stopped while evaluating").
        signal: number of the signal.
        next: how to continue; empty where only the caller knows.
    """

    def __init__(self, what: str, signal: int, next: str = "") -> None:
        self.what, self.signal, self.next = what, signal, next
        super().__init__(f"{what}; {next}" if next else what)


FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""No space, no more of a quota, or beyond the limit of a file's size (`ulimit -f`)."""
_FULL_DISK = re.compile(
    r"No space left on device|Disk quota exceeded|File too large|"
    rf"errno = ({'|'.join(map(str, FULL_DISK))})\b|"
    r"\d+ requested and \d+ written|No usable temporary directory"
)
"""Messages of a full disk of libraries that pass no error number on: HDF5, TensorFlow, NumPy,
Python's tempfile."""


def find_disk_full(error: BaseException | None) -> BaseException | None:
    """Return the error, or the one that led to it, that says that the disk is full, if any."""
    while error is not None:
        full = isinstance(error, OSError) and error.errno in FULL_DISK
        if full or (not isinstance(error, MlzooError) and _FULL_DISK.search(str(error))):
            return error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return None


def disk_full(error: BaseException, path: object = None) -> str:
    """Return the sentence for an error of `find_disk_full`.

    Args:
        error: the error that was caught.
        path: the file or folder that was written; by default what the error names.
    """
    path = path or getattr(error, "filename", None)
    named = f": {path} could not be written" if path else ""
    if getattr(error, "errno", None) == errno.EFBIG or "File too large" in str(error):
        return f"the limit of a file's size is reached (ulimit -f){named}; raise it"
    if getattr(error, "errno", None) in FULL_DISK or not _limited():
        return f"the disk is full{named}; free some space"
    # Not all libraries tell which of both it is.
    return (
        f"the disk is full, or the limit of a file's size is reached (ulimit -f){named}; free some "
        "space or raise the limit"
    )


def _limited() -> bool:
    """Return whether the size of files is limited; never where the system knows no such limit."""
    try:
        import resource
    except ImportError:  # Windows
        return False
    return resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY


def raise_disk_full(error: BaseException) -> None:
    """Raise an error again where the disk is full, before it is taken for another failure."""
    if find_disk_full(error) is not None:
        raise error


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error, of Python or of a backend, says that memory ran out."""
    phrases = ("RESOURCE_EXHAUSTED", "OOM when", "out of memory")
    return isinstance(error, MemoryError) or any(word in str(error) for word in phrases)


STOPPED = "stopped"
"""Message of `terminable`; code that knows more says more."""


_AGAIN_AFTER = 0.02
"""Seconds, in which the code that can't pass an exception on is left."""


@contextmanager
def terminable() -> Iterator[None]:
    """Have SIGTERM raise Interrupted, as SIGINT raises KeyboardInterrupt.

    A handler that is there already stays, and threads other than the main one hear of no signal.
    Where Python drops what a signal raised, the signal is sent again, at the latest where the
    block ends without an error.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _terminate)
    hook, sent = sys.unraisablehook, list[tuple[int, threading.Timer]]()
    sys.unraisablehook = partial(_send_again, hook, sent)
    try:
        yield
        _send_now(sent)
    finally:
        try:
            for _, timer in sent:
                timer.cancel()
            for _, timer in sent:
                timer.join()
        finally:
            sys.unraisablehook = hook
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Interrupted(STOPPED, number)


def _send_now(sent: list[tuple[int, threading.Timer]]) -> None:
    """Send signals that a timer has not sent yet: after the block their handler is another."""
    for number, timer in sent:
        if timer.is_alive():
            timer.cancel()
            signal.raise_signal(number)


def _send_again(
    hook: Callable[[Any], Any], sent: list[tuple[int, threading.Timer]], dropped: Any
) -> None:
    """Send a signal again whose exception was raised where none can be passed on.

    JAX, which Keras imports, has Python code run at each garbage collection. While C code reads a
    large table that is the only Python code there is, and a signal that comes meanwhile is handled
    in it.
    """
    error = dropped.exc_value
    if not isinstance(error, KeyboardInterrupt | Interrupted):
        hook(dropped)
        return
    number = error.signal if isinstance(error, Interrupted) else signal.SIGINT
    # A real signal, which also ends a wait within C code.
    again = threading.get_ident(), number
    timer = threading.Timer(_AGAIN_AFTER, signal.pthread_kill, again)
    timer.daemon = True
    timer.start()
    sent.append((number, timer))
