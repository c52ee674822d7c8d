"""What can go wrong, as classes. Each message says what was received and what to do next."""

from __future__ import annotations

from collections.abc import Iterable
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

    def __init__(self, message: str, facts: dict[str, Any] | None = None) -> None:
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


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error, of Python or of a backend, says that memory ran out."""
    words = ("RESOURCE_EXHAUSTED", "OOM when", "out of memory")
    return isinstance(error, MemoryError) or any(word in str(error) for word in words)
