"""Checks of a policy's transforms and their parameters against what the catalogue has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlzoo.augmentation import catalogue
from mlzoo.core import registry
from mlzoo.core.errors import UsageError
from mlzoo.data.policies import Step, walk


def check(steps: Sequence[Step], kind: str) -> None:
    """Raise UsageError with every wrong name, parameter or probability of a policy."""
    known = catalogue.names(kind)
    problems = []
    for name, given in walk(steps):
        if name in catalogue.COMPOSITES and kind == "images":
            problems += _composite(name, given)
        elif name in known:
            problems += _parameters(kind, name, given)
        elif name in catalogue.REFUSED:
            problems.append(f"{name} can't be used here: it {catalogue.REFUSED[name]}")
        else:
            what = f"transform of {kind}"
            problems.append(registry.unknown(what, name, (*known, *catalogue.COMPOSITES)))
    inner = [
        name for step in steps for n, g in step.items() for name, _ in walk(g.get("transforms", ()))
    ]
    problems += [
        f"{name} is of a whole batch and can't stand in another transform"
        for name in inner
        if catalogue.is_marked(name, "MIXES")
    ]
    if problems:
        raise UsageError([f"augment: {problem}" for problem in problems])


def _composite(name: str, given: Mapping[str, Any]) -> list[str]:
    allowed = {"transforms", "p", *(("n",) if name == "SomeOf" else ())}
    problems = [
        registry.unknown(f"parameter of {name}", key, allowed) for key in {*given} - allowed
    ]
    if not given.get("transforms"):
        problems.append(f"{name} needs `transforms`, a list of at least one")
    if name == "SomeOf" and not isinstance(given.get("n", 1), int):
        problems.append(f"SomeOf: n must be a whole number, got {given['n']!r}")
    return problems + _probability(name, given)


def _parameters(kind: str, name: str, given: Mapping[str, Any]) -> list[str]:
    allowed = catalogue.parameters(kind, name)
    problems = [
        registry.unknown(f"parameter of {name}", key, allowed)
        for key in given
        if key not in allowed
    ]
    return problems + _probability(name, given)


def _probability(name: str, given: Mapping[str, Any]) -> list[str]:
    p = given.get("p", 0.5)
    right = isinstance(p, int | float) and not isinstance(p, bool) and 0 <= p <= 1
    return [] if right else [f"{name}: p must be a probability from 0 to 1, got {p!r}"]
