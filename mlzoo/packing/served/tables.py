"""From a row as names and values to the numbers that the model takes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mlzoo.packing.served.errors import InputError

_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "-", "#n/a", "<na>"})
"""Texts that stand for a missing value, as in the tables that were trained on."""
_LARGEST = float(np.finfo(np.float32).max)
_SHOWN = 60


class TableInputs:
    """Reader of single rows.

    Args:
        columns: of the model in their order, each with `name` and `categories`; a column without
            categories holds numbers.
    """

    def __init__(self, columns: Sequence[Mapping[str, Any]]) -> None:
        self._places = {
            str(column["name"]): {text: place for place, text in enumerate(column["categories"])}
            for column in columns
        }

    def read(self, row: Any) -> tuple[np.ndarray, list[str]]:
        """Return a row as float32, and a warning for each category that was not trained on.

        Missing numbers are NaN; missing and unknown categories are -1.

        Args:
            row: value by column; null is missing, and names that the model lacks are ignored.

        Raises:
            InputError: it is no such row, lacks a column, or holds text for a number.
        """
        if not isinstance(row, dict):
            raise InputError(f"a row is an object of names and values, but this is {_shown(row)}")
        lacking = [name for name in self._places if name not in row]
        if lacking:
            raise InputError(
                f"the row lacks {', '.join(map(repr, lacking))}; use null for a missing value"
            )
        values, warnings = [], []
        for name, places in self._places.items():
            if not places:
                values.append(_number(name, row[name]))
                continue
            text = _text(name, row[name])
            values.append(-1.0 if text is None else float(places.get(text, -1)))
            if text is not None and text not in places:
                warnings.append(
                    f"column {name!r}: {text[:_SHOWN]!r} did not occur in the training data and "
                    "counts as unknown"
                )
        return np.array(values, np.float32), warnings


def _number(name: str, value: Any) -> float:
    """Return a number, NaN where it is missing."""
    number = math.nan
    if isinstance(value, str) and "_" not in value:
        try:
            number = math.nan if value.strip().lower() in _MISSING else float(value)
        except ValueError:
            raise _no_number(name, value) from None
    elif isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value) if abs(value) <= _LARGEST else math.inf
    elif value is not None:
        raise _no_number(name, value)
    if abs(number) > _LARGEST:
        raise InputError(f"column {name!r}: {_shown(value)} is no finite number of 32 bits")
    return number


def _no_number(name: str, value: Any) -> InputError:
    return InputError(f"column {name!r} takes numbers, but this is {_shown(value)}")


def _text(name: str, value: Any) -> str | None:
    """Return a category as text, whole numbers without a decimal point; None where missing."""
    if value is None:
        return None
    if isinstance(value, dict | list):
        raise InputError(f"column {name!r} takes a text or a number, but this is {_shown(value)}")
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return str(int(value)) if value.is_integer() else str(value)
    text = str(value).strip()
    return None if text.lower() in _MISSING else text


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
