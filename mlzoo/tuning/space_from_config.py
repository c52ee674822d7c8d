"""The space of a search, from the model's `Config`, from flags, or from a file.

A name is a field of `RunConfig`, a setting of the model, or a quantity that the model's `Config`
derives a setting from (the number of layers, the size of the first). Everything is checked
here, before anything heavy is imported.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from mlzoo.core import registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import UsageError
from mlzoo.core.files import refuse_special
from mlzoo.core.messages import sentences
from mlzoo.core.spaces import Dimension, Space
from mlzoo.core.validation.consistency import deciders, inert, readers
from mlzoo.tuning.parsing import make_range, parse, parse_line

FIXED = {
    "model": "a search is of one model",
    "data": "a search is on one data set",
    "set": "name the setting itself",
    "source": "it decides what is predicted",
    "source_set": "it decides what is predicted",
    **dict.fromkeys(
        ("optimizer_set", "schedule_set", "loss_set"), "all candidates have the same ones"
    ),
    "target": "it decides what is predicted",
    "file_column": "it decides what is predicted",
    "task": "it decides what is predicted",
    "horizon": "it decides what is predicted",
    **dict.fromkeys(
        (
            *("limit", "group_by", "split", "fractions", "gap", "stride", "on_bad", "max_bad"),
            *("rare", "rare_below", "weight_column"),
        ),
        "all candidates are scored on the same samples",
    ),
    **dict.fromkeys(("allow_leakage", "train_on"), "it is no property of a model"),
    **dict.fromkeys(("seed", "repeats"), "the search has a --seed and --repeats of its own"),
    **dict.fromkeys(
        (
            "device",
            "devices",
            "profile",
            "weight_ranges",
            "diagnose",
            "xla",
            "checkpoint_every",
            "metrics",
            "log",
        ),
        "it changes no score",
    ),
    "callback": "all candidates have the same ones",
    **dict.fromkeys(("out", "name"), "it is where results go"),
    **dict.fromkeys(("keep", "monitor"), "scores are those at the end of a training"),
}
"""Fields of a run that can't be varied, and why."""


@dataclass(frozen=True)
class Layers:
    """List of layer sizes from two dimensions: the number of layers and the first one's size."""

    setting: str
    count: str
    size: str
    growth: int

    def sizes(self, count: int, first: int) -> list[int]:
        """Return the sizes of `count` layers, starting with `first`."""
        return [first * self.growth**number for number in range(count)]


def layers_of(model: str) -> dict[str, Layers]:
    """Return the lists of sizes that a model derives, under both names of each."""
    by_name = {}
    for setting, field in registry.load("model", model).Config.model_fields.items():
        marked = _mark(field, "search_layers")
        if marked:
            layers = Layers(setting, marked["count"], marked["size"], marked["growth"])
            by_name[layers.count] = by_name[layers.size] = layers
    return by_name


def default_space(model: str, given: Iterable[str] = ()) -> Space:
    """Return the space that the model's `Config` and `RunConfig` declare.

    `given` are settings that the user has fixed; they are not varied.

    Raises:
        UsageError: the model declares none.
    """
    fixed = set(given)
    declared: Space | None = getattr(registry.load("model", model), "SPACE", None)
    if declared is not None:
        return _without(declared, fixed, model)
    dimensions: list[Dimension] = []
    fields = {**registry.load("model", model).Config.model_fields, **RunConfig.model_fields}
    for name, field in fields.items():
        if name in fixed:
            continue
        mark = _mark(field, "search")
        if mark and mark.get("needs", "") in {"", *fixed}:
            dimensions.append(_declared(name, mark))
        if mark := _mark(field, "search_layers"):
            dimensions.append(make_range(mark["count"], *mark["counts"]))
            dimensions.append(make_range(mark["size"], *mark["sizes"], log=True))
    if not dimensions:
        raise UsageError(f"{model} declares nothing to search: say what with --vary name=low..high")
    return Space(tuple(dimensions))


def _without(space: Space, fixed: set[str], model: str) -> Space:
    """Remove the fixed dimensions from a space; those conditional on them become unconditional."""
    left = tuple(
        replace(d, when={n: values for n, values in d.when.items() if n not in fixed})
        for d in space.dimensions
        if d.name not in fixed
    )
    if not left:
        raise UsageError(f"{model} has no hyperparameter to search")
    return Space(left)


def _mark(field: Any, kind: str) -> dict[str, Any]:
    extra = field.json_schema_extra
    metadata = extra.get(kind) if isinstance(extra, Mapping) else None
    return dict(metadata) if metadata else {}


def _declared(name: str, mark: Mapping[str, Any]) -> Dimension:
    if mark.get("choices"):
        return Dimension(name, "choice", choices=tuple(mark["choices"]))
    return make_range(name, mark["low"], mark["high"], log=mark.get("log", False))


def build_space(
    base: RunConfig, lines: Sequence[str], file: Path | None, given: Iterable[str] = ()
) -> Space:
    """Return the space from `--vary` lines and a file, or that of the model without either.

    Args:
        base: the run that is varied.
        lines: of `--vary`, `name=SPEC` each.
        file: YAML file of dimensions.
        given: settings that the user has fixed.

    Raises:
        UsageError: something is wrong; lists every mistake, one per line.
    """
    if not lines and file is None:
        return default_space(base.model, given)
    problems: list[str] = []
    dimensions: dict[str, Dimension] = {}
    for place, name, content in [*_entries(file, problems), *_flags(lines)]:
        try:
            dimension = parse_line(content) if name is None else parse(name, content)
        except ValueError as error:
            problems.append(f"{place}: {error}")
            continue
        if dimension.name in dimensions:
            problems.append(f"{place}: {dimension.name} is varied twice")
        dimensions[dimension.name] = dimension
        problems += [f"{place}: {text}" for text in _mistakes(dimension, base)]
    return _ordered(dimensions, base, problems)


def check_against(space: Space, given: Iterable[str]) -> None:
    """Raise UsageError where something is both varied and given a value."""
    both = [name for name in space.names if name in set(given)]
    if both:
        raise UsageError([f"{name} is varied and given a value; leave one out" for name in both])


def _flags(lines: Sequence[str]) -> list[tuple[str, None, str]]:
    return [(f"--vary {line}", None, line) for line in lines]


def _entries(file: Path | None, problems: list[str]) -> list[tuple[str, str, Any]]:
    """Return (location, name, content) of each entry of a YAML file."""
    if file is None:
        return []
    try:
        refuse_special(file, UsageError)
        text = file.read_text(encoding="utf-8-sig")
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
            problems.append(f"{file}: write values out; aliases are not read")
            return []
        content = yaml.safe_load(text)
    except UsageError as error:
        problems.append(f"--space: {error}")
        return []
    except OSError as error:
        problems.append(f"--space: can't read {file}: {error.strerror}")
        return []
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        problems.append(f"--space: {file} is no YAML: {' '.join(str(error).split())}")
        return []
    if not isinstance(content, dict) or not content:
        problems.append(f"{file}: a space is a list of `name: range or choices` lines")
        return []
    return [(f"{file}: {name}", str(name), value) for name, value in content.items()]


def _mistakes(dimension: Dimension, base: RunConfig) -> list[str]:
    """Return the mistakes in the name, ends and choices of a dimension."""
    name = dimension.name
    config = registry.load("model", base.model).Config
    layers = layers_of(base.model)
    if name in FIXED and name not in config.model_fields:
        return [f"{name} can't be varied: {FIXED[name]}"]
    known = [*config.model_fields, *(n for n in RunConfig.model_fields if n not in FIXED), *layers]
    if name not in known:
        return [registry.unknown("dimension", name, known) + f"; `mlzoo models show {base.model}`"]
    if name in layers:
        sizes = dimension.kind == "int" and dimension.low >= 1
        chosen = [v for v in dimension.choices if type(v) is int and v >= 1]
        if not sizes and (not dimension.choices or len(chosen) < len(dimension.choices)):
            return [f"{name} is a whole number, at least 1"]
        return []
    reason = inert(base.model_dump(), {name}).get(name, "")
    if registry.build_function(base.model) and name not in config.model_fields and reason:
        return [f"{name} {reason}"]
    owner = config if name in config.model_fields else RunConfig
    values = dimension.choices or (dimension.low, dimension.high)
    wrong = [_wrong(owner, name, value) for value in values]
    return list(dict.fromkeys(text for text in wrong if text))


def _wrong(owner: type[BaseModel], name: str, value: Any) -> str:
    """Return the validation error of a value of a setting; "" if it is valid."""
    needed = {"model": "-", "data": "-"} if owner is RunConfig else {}
    try:
        owner(**{**needed, name: list(value) if isinstance(value, tuple) else value})
    except ValidationError as error:
        return sentences(error).get(name, "")
    return ""


def _ordered(dimensions: dict[str, Dimension], base: RunConfig, problems: list[str]) -> Space:
    """Return a space with the implied conditions added, sorted by dependency."""
    model_fields = registry.load("model", base.model).Config.model_fields
    known = {
        name: dimension if name in model_fields else _conditioned(dimension, dimensions)
        for name, dimension in dimensions.items()
    }
    for name, layers in layers_of(base.model).items():
        if name in known and layers.setting in known:
            problems.append(f"{name} is a part of {layers.setting}; vary one of them")
    for dimension in known.values():
        for parent, values in dimension.when.items():
            if parent not in known:
                problems.append(f"{dimension.name}: when: {parent} is not varied")
            elif not known[parent].choices and known[parent].size is None:
                problems.append(f"{dimension.name}: when: {parent} is a continuum")
            else:
                levels = known[parent].levels(0)
                problems += [
                    f"{dimension.name}: when: {parent} is never {value!r}"
                    for value in values
                    if value not in levels
                ]
    if problems:
        raise UsageError(problems)
    ordered: dict[str, Dimension] = {}
    while len(ordered) < len(known):
        ready = [d for n, d in known.items() if n not in ordered and set(d.when) <= set(ordered)]
        if not ready:
            raise UsageError("the space: `when` goes round in a circle")
        ordered |= {dimension.name: dimension for dimension in ready[:1]}
    return Space(tuple(ordered.values()))


def _conditioned(dimension: Dimension, dimensions: Mapping[str, Dimension]) -> Dimension:
    """Restrict a dimension to where it has an effect, such as `momentum` to its optimizers."""
    decider = deciders().get(dimension.name, "")
    if decider not in dimensions or decider in dimension.when:
        return dimension
    known = readers(dimension.name)
    reading = tuple(value for value in dimensions[decider].choices if value in known)
    if not reading or len(reading) == len(dimensions[decider].choices):
        return dimension
    return replace(dimension, when={**dimension.when, decider: reading})


def candidate(base: RunConfig, values: Mapping[str, Any]) -> RunConfig:
    """Return the run of a candidate: the base with the candidate's values.

    Raises:
        UsageError: the values do not go together.
    """
    return RunConfig(**_checked(base, fields_of(base, values)))


def fields_of(base: RunConfig, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a candidate's values as fields of the run; settings of the model are in `set`."""
    layers = layers_of(base.model)
    config = registry.load("model", base.model).Config
    settings: dict[str, object] = {}
    fields: dict[str, object] = {}
    for name, value in values.items():
        value = list(value) if isinstance(value, tuple) else value
        if name in layers:
            sizes = layers[name]
            current = list(getattr(config(**base.set), sizes.setting))
            count, first = values.get(sizes.count, len(current)), values.get(sizes.size, current[0])
            settings[sizes.setting] = sizes.sizes(count, first)
        elif name in config.model_fields:
            settings[name] = value
        else:
            fields[name] = value
    if settings:
        fields["set"] = {**base.set, **settings}
    return fields


def _checked(base: RunConfig, fields: Mapping[str, object]) -> dict[str, Any]:
    whole = {**base.model_dump(), **fields}
    try:
        RunConfig(**whole)
        registry.load("model", base.model).Config(**whole["set"])
    except ValidationError as error:
        texts = [f"{name}: {text}" if name else text for name, text in sentences(error).items()]
        raise UsageError(texts) from None
    return whole
