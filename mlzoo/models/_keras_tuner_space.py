"""The space of a keras-tuner build function, found by running it.

keras-tuner knows a hyperparameter once a trial has asked for it, so that what a branch asks for is
missing until some trial takes the branch. Here every value of every choice and small whole number
is tried once, the others as they are, and again within the branches that this opens: which values
a hyperparameter was asked for beside is its condition.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mlzoo.core.errors import UsageError
from mlzoo.core.hyperparameters import dimension_of
from mlzoo.core.spaces import Dimension, Space, Values

_MOST_RUNS = 300
_FEW = 16
_MANY = 64


@dataclass
class Found:
    """What is known of a build function.

    Attributes:
        entries: keras-tuner's hyperparameters, in the order in which they were first asked for.
        runs: how often the function was run.
        when: the conditions of each hyperparameter that is not always asked for.
        first: what the run with all defaults returned.
    """

    entries: dict[str, Any] = field(default_factory=dict)
    runs: int = 0
    when: dict[str, dict[str, tuple[Any, ...]]] = field(default_factory=dict)
    first: Any = None

    @property
    def space(self) -> Space:
        """The space, what others depend on first."""
        made = {name: dimension_of(entry) for name, entry in self.entries.items()}
        left = [replace(d, when=self.when.get(d.name, {})) for d in made.values() if d is not None]
        ordered: list[Dimension] = []
        while left:
            known = {dimension.name for dimension in ordered}
            ready = next((d for d in left if set(d.when) <= known), None)
            chosen = ready or replace(left[0], when={})  # a circle: it always exists
            left = [d for d in left if d.name != chosen.name]
            ordered.append(chosen)
        return Space(tuple(ordered))


def discover(build: Callable[[Any], Any], name: str) -> Found:
    """Run a build function until all its branches are known.

    Args:
        build: from `keras_tuner.HyperParameters` to a model.
        name: what to call it in messages.

    Raises:
        UsageError: it fails with its defaults, or asks for one name with two ranges.
    """
    found = Found()
    asked, found.first = _run(build, {}, found, name, must=True)
    waiting = deque((hyperparameter, Values()) for hyperparameter in asked)
    while waiting and found.runs < _MOST_RUNS:
        parent, context = waiting.popleft()
        before = set(found.entries)
        seen = _sweep(build, parent, context, found, name)
        for value, (active, _) in seen.items():
            new = [n for n in active if n not in before]
            before |= set(new)
            waiting += [(n, {**context, parent: value}) for n in new]
        _conclude(parent, seen, found)
    return found


def _sweep(
    build: Callable[[Any], Any], parent: str, context: Values, found: Found, name: str
) -> dict[Any, tuple[list[str], bool]]:
    """What is asked for beside each value of a hyperparameter, and whether the run succeeded."""
    dimension = dimension_of(found.entries[parent])
    if dimension is None or len(levels := _levels(dimension)) < 2:
        return {}

    def look(values: list[Any]) -> dict[Any, tuple[list[str], bool]]:
        seen = {}
        for value in values:
            if found.runs >= _MOST_RUNS:
                break
            asked, model = _run(build, {**context, parent: value}, found, name)
            seen[value] = asked, model is not None
        return seen

    seen = look(levels)
    size = dimension.size or 0
    if _FEW < size <= _MANY and len({tuple(sorted(asked)) for asked, _ in seen.values()}) > 1:
        seen |= look([value for value in dimension.levels(0) if value not in seen])
    return seen


def _levels(dimension: Dimension) -> list[Any]:
    """The values to try: all of a few, else both ends and the middle."""
    if dimension.kind == "choice" or (dimension.size is not None and dimension.size <= _FEW):
        return dimension.levels(0)
    return list(dict.fromkeys(dimension.at(unit) for unit in (0.0, 0.5, 1.0)))


def _conclude(parent: str, seen: Mapping[Any, tuple[list[str], bool]], found: Found) -> None:
    """Conditions from what was asked for beside some values of `parent` and not beside others."""
    if not seen:
        return
    dimension = dimension_of(found.entries[parent])
    assert dimension is not None
    if dimension.size is None or len(seen) < dimension.size:
        return  # of a continuum: what is not asked for has no effect, but always exists
    for name in {name for asked, _ in seen.values() for name in asked} - {parent}:
        beside = tuple(value for value in dimension.levels(0) if name in seen[value][0])
        without = [value for value, (asked, good) in seen.items() if good and name not in asked]
        if without:
            found.when.setdefault(name, {})[parent] = beside


def _run(
    build: Callable[[Any], Any], values: Values, found: Found, name: str, must: bool = False
) -> tuple[list[str], Any]:
    """The names that a run asks for, and the model; None where it failed."""
    import keras
    import keras_tuner

    parameters = keras_tuner.HyperParameters()
    parameters.values = dict(values)
    found.runs += 1
    model = None
    try:
        model = build(parameters)
    except Exception as error:
        if must:
            raise UsageError(
                f"{name} fails with its default values: {type(error).__name__}: {error}"
            ) from error
    if not must:
        keras.utils.clear_session()
    asked = {e.name: e for e in parameters.space if parameters.is_active(e)}
    for entry in asked.values():
        known = found.entries.setdefault(entry.name, entry)
        if _definition(known) != _definition(entry):
            raise UsageError(
                f"{name} asks for {entry.name!r} as {_said(known)} and as {_said(entry)}: give the "
                "two different names"
            )
    return list(asked), model


def _definition(entry: Any) -> dict[str, Any]:
    config = {n: v for n, v in entry.get_config().items() if n not in ("conditions", "default")}
    return {"kind": type(entry).__name__, **config}


def _said(entry: Any) -> str:
    config = entry.get_config()
    if "values" in config:
        return f"{type(entry).__name__} of {', '.join(map(str, config['values']))}"
    if "min_value" in config:
        return f"{type(entry).__name__} from {config['min_value']} to {config['max_value']}"
    return type(entry).__name__
