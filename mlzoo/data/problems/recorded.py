"""The problem that a run was trained on, as its `data.json` keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mlzoo.data.problems.problem import Problem
from mlzoo.data.problems.reading import parse_problem


def recorded_problem(record: Mapping[str, Any], name: str) -> Problem | None:
    """Return the problem of a run, without measurements; None where no copy of it is kept.

    Args:
        record: content of `data.json`.
        name: of that file, for messages.

    Raises:
        DataError: what is kept is no problem.
    """
    text = record.get("problem")
    return None if text is None else parse_problem(str(text), f"{name}, problem", None)


def problem_before(record: Mapping[str, Any], problem: Problem | None) -> Problem | None:
    """Return the problem that a run was trained on where its file was edited since; else None.

    What is written in another way, such as a comment, makes no difference.

    Args:
        record: content of `data.json`.
        problem: as its file is now; the values in other files that it names are taken over.
    """
    kept = recorded_problem(record, "data.json")
    if kept is None or problem is None or _stated(kept) == _stated(problem):
        return None
    return replace(kept, measurements=problem.measurements, reference=problem.reference)


def _stated(problem: Problem) -> Problem:
    """Return a problem without its text, and without values that lie in other files."""
    return replace(problem, text="", measurements=None, reference=None)
