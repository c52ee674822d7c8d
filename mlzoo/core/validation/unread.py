"""Fields of a configuration that nothing reads under the values of the others."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from mlzoo.core import registry
from mlzoo.core.registry import build_function
from mlzoo.core.settings import SHARED
from mlzoo.core.validation.values import is_full_batch, loss_names

_BY_STEPS = (
    *("learning_rate", "batch_size", "clip_norm", "clip_value", "sampler", "checkpoint_every"),
    *("augment", "devices", "profile", "weight_ranges", "diagnose", "equation"),
    *("ema_momentum", "swa_share"),
)
"""Fields that an optimizer reads unless it takes the whole training split at once."""
_OF_SCORES: dict[str, tuple[object, ...]] = {
    "profile": (False,),
    "weight_ranges": (False,),
    "diagnose": ("none",),
    "conformal": ("auto", 0),
    "baselines": ("fast", "none"),
    "operating_point": ("auto", "none"),
}
"""Fields that a training without scores reads not, with the values that ask for nothing."""
_READ_WITH: dict[str, tuple[str, tuple[str, ...]]] = {
    "augment_trials": ("augment", ("search",)),
    "rare_below": ("rare", ("merge", "drop")),
    "max_bad": ("on_bad", ("skip",)),
}


def deciders() -> dict[str, str]:
    """Return the fields that only some values of another field read, each with that field."""
    decider_by_field = {name: kind for kind, names in SHARED.items() for name in names}
    decider_by_field |= dict.fromkeys(_BY_STEPS, "optimizer")
    return decider_by_field | {name: decider for name, (decider, _) in _READ_WITH.items()}


def readers(name: str) -> list[str]:
    """Return the values of its decider (see `deciders`) that have a field read."""
    if name in _READ_WITH:
        return list(_READ_WITH[name][1])
    kind = deciders()[name]
    return [plugin for plugin in registry.names(kind) if _reads(kind, plugin, name)]


def _reads(kind: str, plugin: str, name: str) -> bool:
    """Return whether a plug-in reads a field of the run."""
    if name in _BY_STEPS:
        return not is_full_batch(plugin)
    return name in registry.settings(kind, plugin)


_COMPILED = (
    *("optimizer", "learning_rate", "momentum", "weight_decay", "clip_norm", "clip_value"),
    *("schedule", "warmup", "decay_every", "decay_factor", "plateau_patience"),
    *("loss", "focal_gamma", "tversky_beta", "top_share"),
    *("optimizer_set", "schedule_set", "loss_set", "ema_momentum", "swa_share", "equation"),
)
"""Fields that a model has decided on that its own build function compiles."""


def inert(
    values: Mapping[str, object], given: set[str], unsure: Collection[str] = ()
) -> dict[str, str]:
    """Fields of `given` that nothing would read under `values`, each with the reason.

    Nothing is said of fields that depend on those in `unsure`, whose values are wrong.
    """
    reasons: dict[str, str] = {}
    if build_function(str(values.get("model"))):
        text = f"has no effect: {values['model']} compiles the model itself"
        reasons |= dict.fromkeys(given & {*_COMPILED}, text)
    decided_by = deciders()
    for name in given & {*decided_by} - {*reasons}:
        decider = decided_by[name]
        if decider not in unsure and not _is_read(name, decider, str(values.get(decider))):
            reasons[name] = (
                f"has no effect: it needs {decider} {' or '.join(readers(name))}, "
                f"and {decider} is {values.get(decider)}"
            )
    if values.get("unscored"):
        idle = {name for name in given & {*_OF_SCORES} if values.get(name) not in _OF_SCORES[name]}
        reasons |= dict.fromkeys(idle, "has no effect on a training without scores (unscored)")
    if values.get("loss_set") and "loss_set" in given and values.get("loss") == "auto":
        reasons["loss_set"] = "has no effect: loss is auto; name one, as in crossentropy+dice"
    if "equation_weight" in given and not values.get("equation") and "equation" not in unsure:
        reasons["equation_weight"] = "has no effect: no equation is given"
    if "augment_workers" in given and values.get("augment") in ("none", []):
        reasons["augment_workers"] = "has no effect: augment is none"
    if not values.get("early_stopping") and "early_stopping" not in unsure:
        named = {"early_stopping_delta", "early_stopping_baseline"} & given
        reasons |= dict.fromkeys(named, "has no effect: early_stopping is 0")
    if "monitor" in given and not _monitors(values) and not _WATCHERS & set(unsure):
        reasons["monitor"] = (
            "has no effect: early_stopping is 0, keep is last and no plateau schedule runs"
        )
    return reasons


def _is_read(name: str, decider: str, chosen: str) -> bool:
    """Return whether a field is read where its decider has a value."""
    if name in _READ_WITH:
        return chosen in _READ_WITH[name][1]
    plugins = loss_names(chosen) if decider == "loss" else [chosen]
    return any(_reads(decider, plugin, name) for plugin in plugins)


_WATCHERS = {"early_stopping", "keep", "schedule"}


def _monitors(values: Mapping[str, object]) -> bool:
    return bool(
        values.get("early_stopping")
        or values.get("keep") == "best"
        or registry.constants("schedule", str(values.get("schedule"))).get("MONITORS")
    )
