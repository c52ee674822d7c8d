"""A run that is ready to train: its configuration with its model's recipe, its data split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlzoo.core import registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.progress import Listener
from mlzoo.core.validation.consistency import check_fit, deciders, inert
from mlzoo.runs import devices
from mlzoo.runs.config_loading import Merged, check_unread
from mlzoo.training.building import check_task
from mlzoo.training.distributed.agreeing import agree_on
from mlzoo.training.distributed.group import current

if TYPE_CHECKING:
    from mlzoo.data.contracts import Recipe
    from mlzoo.data.reader import Reader
    from mlzoo.data.samples import Data, Samples

_OF_OPTIMIZER = ("learning_rate", "momentum", "weight_decay", "optimizer_set", "schedule", "warmup")
"""Fields whose values suit the recipe's optimizer alone."""
FOLDS = {"good": 5, "best": 10}
"""Folds that are averaged, by preset."""
UNTIL_CONVERGED = 15_000
"""Iterations at most of an optimizer that stops by itself; that of scipy's L-BFGS-B."""
REARRANGING = frozenset({"augment", "tile", "overlap"})
"""Fields that decide how data are arranged."""


@dataclass(frozen=True)
class Prepared:
    """A run that is ready to train.

    Attributes:
        merged: the configuration, with what the model's recipe adds to it.
        samples: all samples.
        data: their splits.
        unread: fields that these data leave without effect, with reasons.
    """

    merged: Merged
    samples: Samples
    data: Data
    unread: Mapping[str, str]


def prepared(merged: Merged, listener: Listener, reader: Reader | None = None) -> Prepared:
    """Check a run, read its data (as `reader` says, where there is one) and start Keras."""
    from mlzoo.data import loading
    from mlzoo.runs import datasets

    config = merged.config
    for warning in merged.warnings:
        listener.warn(warning)
    # What is wrong with the data is told before anybody waits for Keras.
    devices.check_backend(config.devices)
    devices.choose(config.device)
    if reader is None:
        samples = loading.read(config, listener.progress)
    else:
        samples = loading.read_again(config, reader, listener.progress)
    check_task(config.model, samples.task)
    check_fit(config, samples.task, samples.reader.depth)
    unread = loading.unread_by_samples(samples, config)
    for warning in check_unread(merged, unread):
        listener.warn(warning)
    devices.prepare(config.device, config.precision)
    devices.shared(config.devices)
    data = datasets.arrange(samples, config, config.seed)
    given = merged
    merged, note = with_recipe(given, data)
    if any(getattr(merged.config, n) != getattr(given.config, n) for n in REARRANGING):
        data = datasets.arrange(samples, merged.config, config.seed)
    _tell(data, listener)
    if note:
        listener.note(note)
    if not len(data.test) and not merged.config.unscored:
        from mlzoo.training.scoring.out_of_fold import check_out_of_fold

        check_out_of_fold(data)
        listener.note("this run has no test split: every sample is scored out of fold")
    if hint := imbalance_note(data, merged.config):
        listener.note(hint)
    if merged.config.baselines == "all":
        for note in _left_out(data):
            listener.note(note)
    if merged.config.calibrate == "temperature":
        from mlzoo.training.calibration.temperature import check_calibration

        check_calibration(merged.config, data)
    if merged.config.cost is not None:
        from mlzoo.training.calibration.decisions import cost_matrix

        cost_matrix(merged.config.cost, samples)
    if current().world > 1:
        agree_on(merged.config, data)
    return Prepared(merged, samples, data, unread)


def _left_out(data: Data) -> list[str]:
    """Return why baselines that fit the target are left out, a sentence each."""
    reasons = [
        registry.load("baseline", name).left_out(data)
        for name in registry.defining("baseline", "left_out")
        if data.samples.target.accepted_by(registry.constants("baseline", name)["TARGETS"])
    ]
    return [reason for reason in reasons if reason]


def _tell(data: Data, listener: Listener) -> None:
    for note in data.notes:
        listener.note(note)
    for warning in data.warnings:
        listener.warn(warning)


def imbalance_note(data: Data, config: RunConfig) -> str:
    """Return what is done about one class that holds over 80 % of the samples; "" without one."""
    from mlzoo.data.contracts import task
    from mlzoo.statistics.metrics import class_counts, imbalanced, rarer, title

    counts = class_counts(data.samples)
    if not imbalanced(counts):
        return ""
    names = data.samples.class_names
    judged = title(task(data.samples.task).judged_by(counts).name)
    if len(counts) == 2:
        judged += f" and the average precision of {names[rarer(counts)]}"
    share, largest = max(counts) / sum(counts), names[counts.index(max(counts))]
    text = (
        f"imbalanced classes: {share:.1%} of the samples are {largest}, so models are judged by "
        f"{judged}"
    )
    if config.class_weights != "none" or config.sampler == "balanced":
        return text
    return f"{text}; rare classes weigh more in training with --class-weights auto"


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


def with_solution(merged: Merged, data: Data) -> Merged:
    """Return a configuration that solves what its model recommends to be solved; else as it is."""
    plugin = registry.load("model", merged.config.model)
    if merged.config.preset == "none" or not hasattr(plugin, "recipe"):
        return merged
    recipe: Recipe = plugin.recipe(data, merged.config)
    return merged if recipe.descends else with_recipe(merged, data)[0]


def _recommended(merged: Merged, data: Data) -> tuple[Merged, str]:
    """Return a configuration with its model's recommendation; see `with_recipe`."""
    from mlzoo.data.contracts import Recipe

    config = merged.config
    plugin = registry.load("model", config.model)
    if config.preset == "none":
        return merged, ""
    recipe: Recipe = plugin.recipe(data, config) if hasattr(plugin, "recipe") else Recipe()
    if not recipe.descends and merged.given & _of_descent():
        recipe = Recipe()
    fields = _usable(replace(recipe, fields={**recipe.fields, **_effort(config, recipe)}), merged)
    settings = {name: value for name, value in recipe.settings.items() if name not in config.set}
    if not fields and not settings:
        return merged, ""
    changed = {**config.model_dump(), **fields, "set": {**settings, **config.set}}
    return replace(merged, config=RunConfig(**changed)), _note(config, recipe, fields, settings)


def _of_descent() -> set[str]:
    """Return the fields by which a user says how to descend."""
    read_by = {name for name, kind in deciders().items() if kind in ("optimizer", "schedule")}
    return read_by - {"augment"} | {"epochs", "optimizer", "optimizer_set", "schedule"}


def _effort(config: RunConfig, recipe: Recipe) -> dict[str, object]:
    """Return the fields by which `--preset good` and `best` spend more time than `fast`."""
    if config.preset not in FOLDS:
        return {}
    fields: dict[str, object] = {"baselines": "all"}
    if (
        recipe.averages
        and config.ensemble == 1
        and config.train_on == "train"
        and not config.unscored
    ):
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
    chosen = {name: f"--{name.replace('_', '-')} {value}" for name, value in fields.items()}
    chosen |= {name: f"--set {name}={_text(value)}" for name, value in settings.items()}
    reason = f" for {recipe.reason}" if recipe.reason else ""
    whys = "; ".join(f"{chosen[name]}: {recipe.why[name]}" for name in chosen if name in recipe.why)
    note = f"preset {config.preset}{reason}: {' '.join(chosen.values())}"
    return f"{note} ({whys})" if whys else note


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(_text, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
