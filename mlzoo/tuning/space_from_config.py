"""The space of a search: as the model's `Config` declares it, or as flags or a file say.

A name stands for a field of `RunConfig`, for a setting of the model, or for what the model's
`Config` derives one from (the number of layers, the size of the first). Everything is checked
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
from mlzoo.core.configs import RunConfig, deciders, inert, readers
from mlzoo.core.errors import UsageError
from mlzoo.core.files import refuse_special
from mlzoo.core.messages import sentences
from mlzoo.core.spaces import Dimension, Space
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
    "task": "it decides what is predicted",
    "horizon": "it decides what is predicted",
    **dict.fromkeys(
        (
            *("limit", "group_by", "split", "fractions", "gap", "stride", "on_bad", "max_bad"),
            *("rare", "rare_below"),
        ),
        "all candidates are scored on the same samples",
    ),
    **dict.fromkeys(("allow_leakage", "train_on"), "it is no property of a model"),
    **dict.fromkeys(("seed", "repeats"), "the search has a --seed and --repeats of its own"),
    **dict.fromkeys(("device", "xla", "checkpoint_every"), "it changes no score"),
    **dict.fromkeys(("out", "name"), "it is where results go"),
    **dict.fromkeys(("keep", "monitor"), "scores are those at the end of a training"),
}
"""Fields of a run that can't be varied, and why."""


@dataclass(frozen=True)
class Layers:
    """A list of sizes that two dimensions make: how many there are, and the first one's size."""

    setting: str
    count: str
    size: str
    growth: int

    def sizes(self, count: int, first: int) -> list[int]:
        """The list."""
        return [first * self.growth**number for number in range(count)]


def layers_of(model: str) -> dict[str, Layers]:
    """What a model derives lists of sizes from, under both names of each."""
    found = {}
    for setting, field in registry.load("model", model).Config.model_fields.items():
        marked = _mark(field, "search_layers")
        if marked:
            layers = Layers(setting, marked["count"], marked["size"], marked["growth"])
            found[layers.count] = found[layers.size] = layers
    return found


def default_space(model: str, given: Iterable[str] = ()) -> Space:
    """The dimensions that the model's `Config` and `RunConfig` declare.

    `given` are settings that the user has fixed: they are not varied.

    Raises:
        UsageError: the model declares none.
    """
    fixed = set(given)
    own: Space | None = getattr(registry.load("model", model), "SPACE", None)
    if own is not None:
        return _without(own, fixed, model)
    found: list[Dimension] = []
    fields = {**registry.load("model", model).Config.model_fields, **RunConfig.model_fields}
    for name, field in fields.items():
        if name in fixed:
            continue
        if mark := _mark(field, "search"):
            found.append(_declared(name, mark))
        if mark := _mark(field, "search_layers"):
            found.append(make_range(mark["count"], *mark["counts"]))
            found.append(make_range(mark["size"], *mark["sizes"], log=True))
    if not found:
        raise UsageError(f"{model} declares nothing to search: say what with --vary name=low..high")
    return Space(tuple(found))


def _without(space: Space, fixed: set[str], model: str) -> Space:
    """A space less what is fixed; what depended on that is always there."""
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
    found = extra.get(kind) if isinstance(extra, Mapping) else None
    return dict(found) if found else {}


def _declared(name: str, mark: Mapping[str, Any]) -> Dimension:
    if mark.get("choices"):
        return Dimension(name, "choice", choices=tuple(mark["choices"]))
    return make_range(name, mark["low"], mark["high"], log=mark.get("log", False))


def build_space(
    base: RunConfig, lines: Sequence[str], file: Path | None, given: Iterable[str] = ()
) -> Space:
    """The space that `--vary` lines and a file say, or the model's own where neither does.

    Raises:
        UsageError: with every mistake, one line each.
    """
    if not lines and file is None:
        return default_space(base.model, given)
    problems: list[str] = []
    found: dict[str, Dimension] = {}
    for place, name, content in [*_entries(file, problems), *_flags(lines)]:
        try:
            dimension = parse_line(content) if name is None else parse(name, content)
        except ValueError as error:
            problems.append(f"{place}: {error}")
            continue
        if dimension.name in found:
            problems.append(f"{place}: {dimension.name} is varied twice")
        found[dimension.name] = dimension
        problems += [f"{place}: {text}" for text in _mistakes(dimension, base)]
    return _ordered(found, base, problems)


def check_against(space: Space, given: Iterable[str]) -> None:
    """Raise UsageError where something is both varied and given a value."""
    both = [name for name in space.names if name in set(given)]
    if both:
        raise UsageError([f"{name} is varied and given a value; leave one out" for name in both])


def _flags(lines: Sequence[str]) -> list[tuple[str, None, str]]:
    return [(f"--vary {line}", None, line) for line in lines]


def _entries(file: Path | None, problems: list[str]) -> list[tuple[str, str, Any]]:
    """(place, name, content) of each line of a YAML file."""
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
    """What is wrong with a name, and with the ends or choices of a dimension."""
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
    """What the owner of a setting says of one value."""
    needed = {"model": "-", "data": "-"} if owner is RunConfig else {}
    try:
        owner(**{**needed, name: list(value) if isinstance(value, tuple) else value})
    except ValidationError as error:
        return sentences(error).get(name, "")
    return ""


def _ordered(found: dict[str, Dimension], base: RunConfig, problems: list[str]) -> Space:
    """A space with the conditions that the run itself knows, what others depend on first."""
    own = registry.load("model", base.model).Config.model_fields
    known = {
        name: dimension if name in own else _conditioned(dimension, found)
        for name, dimension in found.items()
    }
    for name, own in layers_of(base.model).items():
        if name in known and own.setting in known:
            problems.append(f"{name} is a part of {own.setting}; vary one of them")
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


def _conditioned(dimension: Dimension, found: Mapping[str, Dimension]) -> Dimension:
    """A dimension that exists only where something reads it: `momentum` beside the optimizers."""
    decider = deciders().get(dimension.name, "")
    if decider not in found or decider in dimension.when:
        return dimension
    known = readers(dimension.name)
    reading = tuple(value for value in found[decider].choices if value in known)
    if not reading or len(reading) == len(found[decider].choices):
        return dimension
    return replace(dimension, when={**dimension.when, decider: reading})


def candidate(base: RunConfig, values: Mapping[str, Any]) -> RunConfig:
    """The run of one candidate: the base with the candidate's values.

    Raises:
        UsageError: the values do not go together.
    """
    return RunConfig(**_checked(base, fields_of(base, values)))


def fields_of(base: RunConfig, values: Mapping[str, Any]) -> dict[str, Any]:
    """A candidate's values as fields of the run; those of the model are in `set`."""
    layers = layers_of(base.model)
    config = registry.load("model", base.model).Config
    settings: dict[str, Any] = {}
    fields: dict[str, Any] = {}
    for name, value in values.items():
        value = list(value) if isinstance(value, tuple) else value
        if name in layers:
            own = layers[name]
            now = list(getattr(config(**base.set), own.setting))
            count, first = values.get(own.count, len(now)), values.get(own.size, now[0])
            settings[own.setting] = own.sizes(count, first)
        elif name in config.model_fields:
            settings[name] = value
        else:
            fields[name] = value
    if settings:
        fields["set"] = {**base.set, **settings}
    return fields


def _checked(base: RunConfig, fields: dict[str, Any]) -> dict[str, Any]:
    whole = {**base.model_dump(), **fields}
    try:
        RunConfig(**whole)
        registry.load("model", base.model).Config(**whole["set"])
    except ValidationError as error:
        texts = [f"{name}: {text}" if name else text for name, text in sentences(error).items()]
        raise UsageError(texts) from None
    return whole
