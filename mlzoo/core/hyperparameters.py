"""Spaces as keras-tuner's `HyperParameters`, with conditional scopes, and back.

keras-tuner's choices must be of one type; here they are positions among the choices.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlzoo.core.spaces import Dimension, Space, Values

if TYPE_CHECKING:
    import keras_tuner


def to_hyperparameters(space: Space) -> keras_tuner.HyperParameters:
    """The space for keras-tuner; a dimension that depends on several is in a scope of the last."""
    import keras_tuner

    hyperparameters = keras_tuner.HyperParameters()
    for dimension in space.dimensions:
        scope: dict[str, object] = {}
        for parent, values in dimension.when.items():
            parent_dimension = space[parent]
            scope = {
                "parent_name": parent,
                "parent_values": [_told(parent_dimension, v) for v in values],
            }
        sampling = "log" if dimension.log else "linear"
        if dimension.kind == "choice":
            places = [str(place) for place in range(len(dimension.choices))]
            hyperparameters.Choice(dimension.name, places, ordered=False, **scope)
        elif dimension.kind == "int":
            step: dict[str, object] = {} if dimension.log else {"step": int(dimension.step or 1)}
            hyperparameters.Int(
                dimension.name,
                int(dimension.low),
                int(dimension.high),
                sampling=sampling,
                **step,
                **scope,
            )
        else:
            step = {} if dimension.log else {"step": dimension.step}
            hyperparameters.Float(
                dimension.name, dimension.low, dimension.high, sampling=sampling, **step, **scope
            )
    return hyperparameters


def _told(dimension: Dimension, value: Any) -> Any:
    return str(dimension.choices.index(value)) if dimension.kind == "choice" else value


def to_told(space: Space, values: Mapping[str, Any]) -> dict[str, object]:
    """A candidate's values as keras-tuner has them; the lowest where a dimension is not active."""
    proposal = {}
    for dimension in space.dimensions:
        value = values.get(dimension.name, dimension.at(0.0))
        proposal[dimension.name] = _told(dimension, value)
    return proposal


def from_told(space: Space, proposal: Mapping[str, Any]) -> Values:
    """A candidate out of what keras-tuner proposes, plain Python and within the space."""
    values: Values = {}
    for dimension in space.dimensions:
        value = proposal.get(dimension.name)
        if value is None:
            continue
        if dimension.kind == "choice":
            values[dimension.name] = dimension.choices[int(value)]
        else:
            place = dimension.unit(min(max(value, dimension.low), dimension.high))
            values[dimension.name] = dimension.at(place)
    return space.active(values)


def dimension_of(entry: Any, when: Mapping[str, tuple[Any, ...]] | None = None) -> Dimension | None:
    """A hyperparameter of keras-tuner as a dimension; None where it is fixed.

    Whole numbers that a step multiplies are choices.

    Raises:
        ValueError: a kind of hyperparameter that is not known.
    """
    config, kind, when = entry.get_config(), type(entry).__name__, when or {}
    name = config["name"]
    if kind == "Fixed":
        return None
    if kind == "Boolean":
        return Dimension(name, "choice", choices=(False, True), when=when)
    if kind == "Choice":
        return Dimension(name, "choice", choices=tuple(config["values"]), when=when)
    if kind not in ("Int", "Float"):
        raise ValueError(f"{name} is a {kind}, which is no known hyperparameter")
    low, high, step = config["min_value"], config["max_value"], config["step"]
    log = config["sampling"] in ("log", "reverse_log")
    if log and step is not None:
        return Dimension(name, "choice", choices=_multiples(low, high, step), when=when)
    if kind == "Int":
        return Dimension(name, "int", low, high, log, int(step or 1), when=when)
    return Dimension(name, "float", float(low), float(high), log, step, when=when)


def _multiples(low: float, high: float, factor: float) -> tuple[float, ...]:
    multiples = [low]
    while multiples[-1] * factor <= high * (1 + 1e-9):
        multiples.append(multiples[-1] * factor)
    return tuple(multiples)
