"""Dates as people write them, and the same as ISO 8601 has them."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

_FIRST, _LAST = date(1950, 1, 1), date(2049, 12, 31)
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August"),
    *("September", "October", "November", "December"),
)
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_FORMS = (
    "{day} {month} {year}",
    "{month} {day}, {year}",
    "{weekday}, {day} {month} {year}",
    "{weekday}, {month} {ordinal}, {year}",
    "the {ordinal} of {month}, {year}",
    "{weekday} the {ordinal} of {month} {year}",
    "{day} {short} {year}",
    "{short} {ordinal} {year}",
)


def dates(count: int, rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """Return days from 1950 to 2049 in words, and as YYYY-MM-DD.

    Args:
        count: of pairs; each day comes once, so that no day of one split is in another.
        rng: decides days and forms.
    """
    days = rng.choice((_LAST - _FIRST).days + 1, count, replace=False)
    written = [_FIRST + timedelta(days=int(number)) for number in days]
    forms = [_FORMS[int(choice)] for choice in rng.integers(len(_FORMS), size=count)]
    capitals = rng.random(count) < 0.5
    words = [_in_words(day, form) for day, form in zip(written, forms, strict=True)]
    words = [text if keep else text.lower() for text, keep in zip(words, capitals, strict=True)]
    return words, [day.isoformat() for day in written]


def _in_words(day: date, form: str) -> str:
    month = _MONTHS[day.month - 1]
    return form.format(
        day=day.day,
        ordinal=f"{day.day}{_ending(day.day)}",
        month=month,
        short=month[:3],
        weekday=_WEEKDAYS[day.weekday()],
        year=day.year,
    )


def _ending(number: int) -> str:
    if number in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
