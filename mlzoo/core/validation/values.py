"""Checks of single values that need no plug-in."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from typing import Any


def shares(text: str) -> tuple[float, float, float]:
    """`60/20/20` as three fractions that sum to 1; all but the first may be 0."""
    parts = text.replace(",", "/").split("/")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) != 3 or abs(sum(numbers) - 100) > 1e-6 or min(numbers) < 0:
        raise ValueError("write three shares that sum to 100, as 60/20/20")
    if numbers[0] == 0:
        raise ValueError("the training share can't be 0")
    return numbers[0] / 100, numbers[1] / 100, numbers[2] / 100


def image_size(text: str | None) -> tuple[int, int] | None:
    """`64` or `48x64` as (height, width)."""
    if text is None:
        return None
    sides = [int(side) for side in text.split("x")]
    return sides[0], sides[-1]


def split_words(text: str) -> list[str]:
    """Return the words of a comma-separated text; one that holds a comma stands in quotes."""
    [row] = csv.reader([text.replace("\n", " ")], skipinitialspace=True) if text else [[]]
    return [word.strip() for word in row if word.strip()]


def join_words(names: Iterable[str]) -> str:
    """Return words as one comma-separated text, the inverse of `split_words`."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(names)
    return text.getvalue()


def as_text(value: Any) -> Any:
    """A number as text, so that `variant=18` from YAML is the choice "18"."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def words(value: Any) -> Any:
    """`a,b` and `[a, b]` both mean a list of words."""
    return split_words(value) if isinstance(value, str) else value


def cost_text(value: Any) -> Any:
    """A ratio of costs as text, which must be above 0, or the path of a file."""
    if value is None or isinstance(value, bool):
        return value
    try:
        ratio = float(value)
    except (TypeError, ValueError):
        return value
    if not 0 < ratio < float("inf"):
        raise ValueError("write a ratio above 0, or the path of a YAML file")
    return str(value)


def three_shares(value: str) -> str:
    """Check the shares of the three splits."""
    shares(value)
    return value


def image_sides(value: str | None) -> str | None:
    """Check the text of an image size."""
    if value is not None and not re.fullmatch(r"[1-9]\d*(x[1-9]\d*)?", value):
        raise ValueError("write one number, or height x width as 48x64")
    return value


_DEGRADATIONS = {"noise": (0.0, 10.0), "scale": (2.0, 8.0), "mask": (0.0, 1.0)}
"""Kinds of degradation of images, each with the range of its number."""


def degradation(text: str) -> tuple[str, float]:
    """`noise=.35` as ("noise", 0.35)."""
    kind, _, number = text.partition("=")
    try:
        amount = float(number)
    except ValueError:
        amount = float("nan")
    low, high = _DEGRADATIONS.get(kind, (0.0, 0.0))
    whole = kind == "scale"
    fits = low <= amount <= high if whole else low < amount < high
    if not fits or (whole and amount % 1):
        raise ValueError(
            "write noise=.35 (over 0, under 10), scale=2 (a whole number from 2 to 8) or mask=.3 "
            "(over 0, under 1)"
        )
    return kind, amount


def degradation_text(value: str | None) -> str | None:
    """Check the text of a degradation."""
    if value is not None:
        degradation(value)
    return value


def half_at_most(value: float | str) -> float | str:
    """Check a share of at most a half, or auto."""
    if not isinstance(value, str) and not 0 <= value <= 0.5:
        raise ValueError("must be from 0 to 0.5, or auto")
    return value


def on_off(value: Any) -> Any:
    """Return a bare on or off as text."""
    # YAML reads a bare on or off as true or false.
    return ("on" if value else "off") if isinstance(value, bool) else value


def processes(value: int | str) -> int | str:
    """Check a number of processes."""
    if isinstance(value, int) and not 0 <= value <= 256:
        raise ValueError("must be from 0 to 256, or auto")
    return value


def devices(value: Any) -> Any:
    """Check which devices share a batch, and return it as text without spaces."""
    if isinstance(value, list):  # as YAML has numbers
        value = "".join(f"{number}," for number in value)
    text = re.sub(r"\s", "", str(value))
    if not re.fullmatch(r"all|[1-9]\d*|\d+,|\d+(,\d+)+,?", text):
        raise ValueError("write all, how many devices, or their numbers as 0,1")
    numbers = [int(word) for word in text.split(",") if word.isdecimal()]
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"names a device twice: {text}")
    return text


def batch(value: int | str) -> int | str:
    """Check a number of samples per step."""
    if isinstance(value, int) and value < 1:
        raise ValueError("must be at least 1")
    return value


def on_the_grid(value: Any) -> Any:
    """Check that a number of pixels is a multiple of 32."""
    if isinstance(value, int) and value % 32:
        raise ValueError("must be a multiple of 32")
    return value


def expression(value: str | None) -> str | None:
    """Check a regular expression; a name of a column is one."""
    if value is not None and not re.fullmatch(r"[\w .-]+", value):
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
    return value


def plain_name(value: str | None) -> str | None:
    """Check the name of a folder."""
    if value is not None and not re.fullmatch(r"\w[\w.@+=-]*", value):
        raise ValueError("a name has letters, digits and . _ - @ + = only")
    return value
