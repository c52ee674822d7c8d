"""Search space of a keras-tuner build function, discovered by running it.

keras-tuner learns of a hyperparameter only when a trial requests it, so those within a branch are
missing until some trial takes the branch. Here every value of every choice and small integer is
tried once while the others keep their defaults, and again within the branches that this opens.
The parent values under which a hyperparameter was requested become its condition.
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
class ExploredSpace:
    """Hyperparameters and conditions discovered in a build function.

    Attributes:
        entries: keras-tuner's hyperparameters, in the order of their first request.
        runs: number of runs of the function so far.
        when: conditions of each hyperparameter that is not always requested.
        first: model built with all defaults.
    """

    entries: dict[str, object] = field(default_factory=dict)
    runs: int = 0
    when: dict[str, dict[str, tuple[Any, ...]]] = field(default_factory=dict)
    first: Any = None

    @property
    def space(self) -> Space:
        """Return the search space; parents come before their children."""
        made = {name: dimension_of(entry) for name, entry in self.entries.items()}
        left = [replace(d, when=self.when.get(d.name, {})) for d in made.values() if d is not None]
        ordered: list[Dimension] = []
        while left:
            known = {dimension.name for dimension in ordered}
            ready = next((d for d in left if set(d.when) <= known), None)
            chosen = ready or replace(left[0], when={})  # circular conditions: drop them
            left = [d for d in left if d.name != chosen.name]
            ordered.append(chosen)
        return Space(tuple(ordered))


def discover(build: Callable[[Any], Any], name: str) -> ExploredSpace:
    """Run a build function until all its branches are known.

    Args:
        build: function of `keras_tuner.HyperParameters` that returns a model.
        name: name of the function in messages.

    Raises:
        UsageError: it fails with its defaults, or requests one name with two ranges.
    """
    explored = ExploredSpace()
    requested, explored.first = _run(build, {}, explored, name, must=True)
    waiting = deque((hyperparameter, Values()) for hyperparameter in requested)
    while waiting and explored.runs < _MOST_RUNS:
        parent, context = waiting.popleft()
        before = set(explored.entries)
        seen = _sweep(build, parent, context, explored, name)
        for value, (active, _) in seen.items():
            new = [n for n in active if n not in before]
            before |= set(new)
            waiting += [(n, {**context, parent: value}) for n in new]
        _conclude(parent, seen, explored)
    return explored


def _sweep(
    build: Callable[[Any], Any], parent: str, context: Values, explored: ExploredSpace, name: str
) -> dict[Any, tuple[list[str], bool]]:
    """Return, for each value of a hyperparameter, the names requested and whether it ran."""
    dimension = dimension_of(explored.entries[parent])
    if dimension is None or len(levels := _levels(dimension)) < 2:
        return {}

    def run_values(values: list[Any]) -> dict[Any, tuple[list[str], bool]]:
        seen = {}
        for value in values:
            if explored.runs >= _MOST_RUNS:
                break
            requested, model = _run(build, {**context, parent: value}, explored, name)
            seen[value] = requested, model is not None
        return seen

    seen = run_values(levels)
    size = dimension.size or 0
    if (
        _FEW < size <= _MANY
        and len({tuple(sorted(requested)) for requested, _ in seen.values()}) > 1
    ):
        seen |= run_values([value for value in dimension.levels(0) if value not in seen])
    return seen


def _levels(dimension: Dimension) -> list[Any]:
    """Return the values to try: all if they are few, else both ends and the middle."""
    if dimension.kind == "choice" or (dimension.size is not None and dimension.size <= _FEW):
        return dimension.levels(0)
    return list(dict.fromkeys(dimension.at(unit) for unit in (0.0, 0.5, 1.0)))


def _conclude(
    parent: str, seen: Mapping[Any, tuple[list[str], bool]], explored: ExploredSpace
) -> None:
    """Record conditions on `parent` for names that only some of its values request."""
    if not seen:
        return
    dimension = dimension_of(explored.entries[parent])
    assert dimension is not None
    if dimension.size is None or len(seen) < dimension.size:
        return  # a few samples of a continuous range can't prove a condition
    for name in {name for requested, _ in seen.values() for name in requested} - {parent}:
        beside = tuple(value for value in dimension.levels(0) if name in seen[value][0])
        without = [
            value for value, (requested, good) in seen.items() if good and name not in requested
        ]
        if without:
            explored.when.setdefault(name, {})[parent] = beside


def _run(
    build: Callable[[Any], Any],
    values: Values,
    explored: ExploredSpace,
    name: str,
    must: bool = False,
) -> tuple[list[str], Any]:
    """Return the names that a run requests, and the model; None if the run failed."""
    import keras
    import keras_tuner

    parameters = keras_tuner.HyperParameters()
    parameters.values = dict(values)
    explored.runs += 1
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
    requested = {e.name: e for e in parameters.space if parameters.is_active(e)}
    for entry in requested.values():
        known = explored.entries.setdefault(entry.name, entry)
        if _definition(known) != _definition(entry):
            raise UsageError(
                f"{name} asks for {entry.name!r} as {_describe(known)} and as {_describe(entry)}: "
                "give the two different names"
            )
    return list(requested), model


def _definition(entry: Any) -> dict[str, object]:
    config = {n: v for n, v in entry.get_config().items() if n not in ("conditions", "default")}
    return {"kind": type(entry).__name__, **config}


def _describe(entry: Any) -> str:
    config = entry.get_config()
    if "values" in config:
        return f"{type(entry).__name__} of {', '.join(map(str, config['values']))}"
    if "min_value" in config:
        return f"{type(entry).__name__} from {config['min_value']} to {config['max_value']}"
    return type(entry).__name__
