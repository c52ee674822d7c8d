"""Checks of the names of plug-ins, and what the constants of optimizers say."""

from __future__ import annotations

from collections.abc import Callable, Collection

from pydantic import ValidationInfo
from pydantic_core import PydanticKnownError

from mlzoo.core import registry
from mlzoo.core.validation.losses import loss_terms


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
