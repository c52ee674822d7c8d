"""Names of plug-ins in a configuration: checks, sums of losses, and what their constants say."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from pydantic import ValidationInfo
from pydantic_core import PydanticKnownError

from mlzoo.core import registry
from mlzoo.core.validation.values import words

LISTS = {"metrics": "metric", "log": "tracker", "callback": "callback"}
"""Fields that name several plug-ins of a kind."""
SEVERAL = ("loss", *LISTS.values())
"""Kinds of plug-ins of which a run may have several."""


def one_of(kind: str) -> Callable[[str], str]:
    """Return a check that a text names a plug-in of a kind, or a Python file."""

    def check(value: str) -> str:
        if value.endswith(".py") or registry.exists(kind, value):
            return value
        raise none_of(registry.names(kind))

    return check


def none_of(names: Collection[str]) -> PydanticKnownError:
    """Return the error of a text that is none of some names."""
    *most, last = map(repr, names)
    return PydanticKnownError("literal_error", {"expected": f"{', '.join(most)} or {last}"})


def known_losses(value: str) -> str:
    """Check the terms of a sum of losses."""
    if value != "auto":
        loss_terms(value)
    return value


def known_metrics(value: list[str]) -> list[str]:
    """Check names of metrics; each counts once."""
    known = registry.names("metric") if value else []
    for name in value:
        if not name.endswith(".py") and name not in known:
            raise ValueError(registry.unknown("metric", name, known))
        if name.endswith(".py") and registry.stem(name) in known:
            raise ValueError(f"there is a metric {registry.stem(name)!r}; rename {name}")
    return list(dict.fromkeys(value))


def known_trackers(value: list[str]) -> list[str]:
    """Check names of trackers; each counts once."""
    known = registry.names("tracker") if value else []
    for name in value:
        if not name.endswith(".py") and name not in known:
            raise ValueError(registry.unknown("tracker", name, known))
    return list(dict.fromkeys(value))


def python_files(value: list[str]) -> list[str]:
    """Check names of Python files; each counts once."""
    for name in value:
        if not name.endswith(".py"):
            raise ValueError(f"write the path of a Python file, FILE.py (got {name!r})")
    return list(dict.fromkeys(value))


def followed(value: str, info: ValidationInfo) -> str:
    """Check that a metric is followed during training."""
    given = [registry.stem(name) for name in info.data.get("metrics", ())]
    if value.removeprefix("val_") in ("loss", *given):
        return value
    names = ["loss", *registry.defining("metric", "build")]
    names = [*(f"val_{name}" for name in names), *names]
    if value in names:
        return value
    raise none_of(names)


def usual_rate(optimizer: str) -> float:
    """Return the learning rate of an optimizer where none is given."""
    return float(registry.constants("optimizer", optimizer).get("LEARNING_RATE", 1.0))


def is_full_batch(optimizer: str) -> bool:
    """Return whether an optimizer takes the whole training split at once, in place of batches."""
    return bool(registry.constants("optimizer", optimizer).get("FULL_BATCH", False))


def loss_terms(text: str) -> list[tuple[float, str]]:
    """`dice+0.5*focal` as weights and names.

    Raises:
        ValueError: a term is no loss, or its weight no positive number.
    """
    known: Collection[str] = registry.own_names("loss")
    terms = []
    for term in text.split("+"):
        number, star, name = (part.strip() for part in term.rpartition("*"))
        try:
            weight = float(number) if star else 1.0
        except ValueError:
            weight = 0.0
        if name not in known and not name.endswith(".py"):
            known = registry.names("loss")
        if name not in known and not name.endswith(".py"):
            listed = ", ".join(known)
            raise ValueError(f"{registry.unknown('loss', name, known)}; write one of {listed}")
        if not 0 < weight < float("inf"):
            raise ValueError(f"the weight of {name} must be a number over 0, as in 0.5*{name}")
        terms.append((weight, name))
    return terms


def loss_names(text: str) -> list[str]:
    """Return the names in a sum of losses, none for `auto`; weights are not checked."""
    if text == "auto":
        return []
    return [term.rpartition("*")[2].strip() for term in text.split("+")]


def absolute_losses(text: str) -> str:
    """Return a sum of losses whose files mean the same in every folder."""
    if text == "auto":
        return text
    terms = [
        (term.rpartition("*")[0], name)
        for term, name in zip(text.split("+"), loss_names(text), strict=True)
    ]
    return "+".join(
        f"{number.strip()}*{registry.absolute(name)}" if number else registry.absolute(name)
        for number, name in terms
    )


def losses_for(task: str) -> list[str]:
    """Return the losses for a task: the usual one, those for all its kin, then the others."""
    chosen = registry.load("task", task).Task
    targets = {
        name: registry.constants("loss", name).get("TARGETS", ()) for name in registry.names("loss")
    }
    return sorted(
        (name for name, entries in targets.items() if chosen.target.accepted_by(entries)),
        key=lambda n: (n != chosen.losses[0], chosen.target.values not in targets[n], n),
    )


def weighted_losses(task: str) -> list[str]:
    """Return the losses for a task that take class weights."""
    return [
        n for n in losses_for(task) if registry.constants("loss", n).get("CLASS_WEIGHTS", False)
    ]


def named_plugins(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return kind and name of each plug-in that a configuration names.

    Those are what may be a Python file of the user's own.
    """
    kinds = ("model", "source", "optimizer", "schedule")
    named = [(kind, values[kind]) for kind in kinds if isinstance(values.get(kind), str)]
    loss = values.get("loss")
    losses = loss_names(loss if isinstance(loss, str) else "auto")
    several = [(kind, words(values.get(field) or [])) for field, kind in LISTS.items()]
    listed = [(kind, each) for kind, names in several if isinstance(names, list) for each in names]
    return [*named, *(("loss", each) for each in losses), *listed]


def trust_flag(values: Mapping[str, Any]) -> str:
    """Return ` --trust` where a configuration names a file, for commands that are suggested."""
    return registry.trust_flag(*(name for _, name in named_plugins(values)))
