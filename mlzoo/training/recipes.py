"""Recipes: what a model plug-in recommends for its data, below what the user gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlzoo.core import registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.validation.unread import deciders, inert

if TYPE_CHECKING:
    from mlzoo.data.contracts import Recipe
    from mlzoo.data.samples import Data
    from mlzoo.runs.config_loading import Merged

_OF_OPTIMIZER = ("learning_rate", "momentum", "weight_decay", "optimizer_set", "schedule", "warmup")
"""Fields whose values suit the recipe's optimizer alone."""
FOLDS = {"good": 5, "best": 10}
"""Folds that are averaged, by preset."""
UNTIL_CONVERGED = 15_000
"""Iterations at most of an optimizer that stops by itself; that of scipy's L-BFGS-B."""
REARRANGING = frozenset({"augment", "tile", "overlap"})
"""Fields that decide how data are arranged."""


def with_recipe(merged: Merged, data: Data) -> tuple[Merged, str]:
    """Return a configuration with what its model recommends for the data, and a note of it.

    Where no number of epochs was given, an optimizer that stops by itself runs until it has
    converged.

    Args:
        merged: the configuration; nothing that was given is changed.
        data: as arranged by it.

    Returns:
        The configuration and the note, "" where nothing is recommended.
    """
    recommended, note = _recommended(merged, data)
    if not recommended.config.full_batch or "epochs" in merged.given:
        return recommended, note
    until = recommended.config.model_copy(update={"epochs": UNTIL_CONVERGED})
    return replace(recommended, config=until), note


def _recommended(merged: Merged, data: Data) -> tuple[Merged, str]:
    """Return a configuration with its model's recommendation; see `with_recipe`."""
    config = merged.config
    plugin = registry.load("model", config.model)
    if config.preset == "none" or not hasattr(plugin, "recipe"):
        return merged, ""
    recipe: Recipe = plugin.recipe(data, config)
    if not recipe.descends and merged.given & _of_descent():
        return merged, ""
    if recipe.averages:
        recipe = replace(recipe, fields={**recipe.fields, **_effort(config)})
    fields = _usable(recipe, merged)
    settings = {name: value for name, value in recipe.settings.items() if name not in config.set}
    if not fields and not settings:
        return merged, ""
    changed = {**config.model_dump(), **fields, "set": {**settings, **config.set}}
    return replace(merged, config=RunConfig(**changed)), _note(config, recipe, fields, settings)


def _of_descent() -> set[str]:
    """Return the fields by which a user says how to descend."""
    read_by = {name for name, kind in deciders().items() if kind in ("optimizer", "schedule")}
    return read_by - {"augment"} | {"epochs", "optimizer", "optimizer_set", "schedule"}


def _effort(config: RunConfig) -> dict[str, object]:
    """Return the fields by which `--preset good` and `best` spend more time than `fast`."""
    if config.preset not in FOLDS:
        return {}
    fields: dict[str, object] = {"baselines": "all"}
    if config.ensemble == 1 and config.train_on == "train":
        fields["folds"] = FOLDS[config.preset]
    return fields


def _usable(recipe: Recipe, merged: Merged) -> dict[str, object]:
    """Return the recommended fields that neither were given nor go with what was."""
    config, given = merged.config, merged.given
    fields = {name: value for name, value in recipe.fields.items() if name not in given}
    theirs = recipe.fields.get("optimizer", config.optimizer)
    if "optimizer" in given and config.optimizer != theirs:
        fields = {name: value for name, value in fields.items() if name not in _OF_OPTIMIZER}
    unread = inert({**config.model_dump(), **fields}, set(fields))
    return {name: value for name, value in fields.items() if name not in unread}


def _note(
    config: RunConfig, recipe: Recipe, fields: Mapping[str, object], settings: Mapping[str, object]
) -> str:
    """Say what a recipe has chosen."""
    chosen = [f"--{name.replace('_', '-')} {value}" for name, value in fields.items()]
    chosen += [f"--set {name}={_text(value)}" for name, value in settings.items()]
    reason = f" for {recipe.reason}" if recipe.reason else ""
    return f"preset {config.preset}{reason}: {' '.join(chosen)}"


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(_text, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
