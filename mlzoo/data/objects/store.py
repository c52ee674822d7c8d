"""References to data that Python code has handed over; they stand where a path would.

`object:table-150x5-0f343b0931126a20` is a table of 150 rows and 5 columns whose SHA-256 begins so.
"""

from __future__ import annotations

from typing import Any

from mlzoo.core.errors import UsageError

FILE_COLUMN, LABEL_COLUMN = "file", "label"
"""Columns of images that were handed over as paths and labels."""
PREFIX = "object:"
"""Beginning of every reference."""
_SOURCES = {"table": ("table", "series"), "arrays": ("arrays",), "images": ("image_table",)}
"""Sources that read each kind of object, the usual one first."""
_DIGITS = 16
_held: dict[str, object] = {}


def hold(kind: str, size: str, digest: str, value: Any) -> str:
    """Keep an object until the process ends, and return its reference.

    Args:
        kind: `table`, `arrays` or `images`.
        size: what tells people the object, such as `150x5`.
        digest: a SHA-256 of its content in hexadecimal digits.
        value: the object as its sources take it.
    """
    reference = f"{PREFIX}{kind}-{size}-{digest[:_DIGITS]}"
    _held[reference] = value
    return reference


def is_reference(path: object) -> bool:
    """Return whether what stands for a path refers to an object."""
    return str(path).startswith(PREFIX)


def kind_of(reference: str) -> str:
    """Return `table`, `arrays` or `images`, or "" of a reference that was not made by `hold`."""
    kind = reference.removeprefix(PREFIX).partition("-")[0]
    return kind if kind in _SOURCES else ""


def sources_of(reference: str) -> tuple[str, ...]:
    """Return the sources that read an object, the usual one first."""
    return _SOURCES.get(kind_of(reference), ())


def held(reference: object) -> Any:
    """Return the object of a reference.

    Raises:
        UsageError: it was not handed over in this process.
    """
    if str(reference) not in _held:
        raise UsageError(
            f"the data are an object of Python code, {describe(reference)}, which is in no file; "
            "hand it over again, in Python: mlzoo.load(RUN, data=OBJECT), mlzoo.resume(RUN, "
            "data=OBJECT) or mlzoo.reproduce(RUN, data=OBJECT)"
        )
    return _held[str(reference)]


def check_same(recorded: str, given: str) -> None:
    """Raise UsageError where the object that was handed over is not that of a run.

    Args:
        recorded: the run's data: a path or a reference.
        given: the reference of the object.
    """
    if not is_reference(recorded):
        raise UsageError(f"the run was trained on {recorded}, a path; leave data out")
    if recorded != given:
        raise UsageError(
            f"the run was trained on {describe(recorded)}, but was given {describe(given)}; hand "
            "over the object that it was trained on, or start a new run"
        )


def describe(reference: object) -> str:
    """Return a reference for messages, `the table 150x5 (SHA-256 0f34...)`; a path as it is."""
    if not is_reference(reference):
        return str(reference)
    kind, size, digest = (str(reference).removeprefix(PREFIX).split("-") + ["", "", ""])[:3]
    return f"the {kind} {size} (SHA-256 {digest}...)"
