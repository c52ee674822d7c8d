"""Checks of a whole configuration: that it fits its task, and which fields nothing reads."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from mlzoo.core import registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import UsageError
from mlzoo.core.settings import SHARED
from mlzoo.core.validation.values import is_full_batch, loss_names, losses_for, weighted_losses


def spreads(config: RunConfig) -> bool:
    """Return whether the loss takes a predicted distribution: several numbers a target."""
    names = loss_names(config.loss)
    return any(registry.constants("loss", name).get("DISTRIBUTION", False) for name in names)


def quantile_levels(config: RunConfig) -> tuple[float, ...]:
    """Return the levels of the quantiles that the loss takes, the median first; () without."""
    for name in loss_names(config.loss):
        if registry.constants("loss", name).get("QUANTILES", False):
            levels = registry.load("loss", name).Config(**config.loss_set).levels
            return (0.5, *(level for level in levels if level != 0.5))
    return ()


def check_fit(config: RunConfig, task: str, depth: int = 0) -> None:
    """Raise UsageError with all that a configuration asks for and a task does not have.

    Args:
        config: of the run.
        task: its name.
        depth: slices of a volume, held one below the other in an image; 0: there are no volumes,
            or it isn't known.
    """
    target = registry.load("task", task).Task.target
    names = loss_names(config.loss)
    problems = [
        f"--loss {name} does not fit {task}; choose {' or '.join(losses_for(task))}"
        for name in names
        if not target.accepted_by(registry.constants("loss", name).get("TARGETS", ()))
    ]
    problems += [
        f"--metrics {name} does not fit {task}; leave it out"
        for name in config.metrics
        if not target.accepted_by(registry.constants("metric", name).get("TARGETS", ()))
    ]
    problems += [
        f"--metrics {name} needs --tolerance: the distance in pixels that counts as right"
        for name in config.metrics
        if config.tolerance is None and registry.constants("metric", name).get("TOLERANT")
    ]
    problems += [
        f"--loss {name} looks at the neighbors of pixels in one image and is not for volumes, "
        f"which hold {depth} slices: leave it out"
        for name in names
        if depth and registry.constants("loss", name).get("PLANAR", False)
    ]
    if spreads(config) and len(names) > 1:
        problems.append(f"--loss {config.loss}: a loss of a distribution stands alone")
    if config.sampler == "balanced" and not (target.sample_class or target.pixel_class):
        problems.append(f"--sampler balanced has no effect on {task}: leave it out")
    if config.class_weights != "none":
        weighted = [n for n in names if registry.constants("loss", n).get("CLASS_WEIGHTS")]
        if not target.is_class or target.written:
            problems.append(f"--class-weights has no effect on {task}: leave it out")
        elif not target.sample_class and names and not weighted:
            problems.append(
                f"--class-weights has no effect on --loss {config.loss}: add one of "
                f"{', '.join(weighted_losses(task))}, as in {config.loss}+crossentropy"
            )
    if config.calibrate == "temperature" and (not target.is_class or target.written):
        problems.append(f"--calibrate temperature has no effect on {task}: leave it out")
    if config.cost is not None and not target.sample_class:
        problems.append(f"--cost is for one class a sample, not for {task}: leave it out")
    if config.precision == "float64" and target.per != "point":
        problems.append(f"--precision float64 has no effect on {task}: leave it out")
    if config.equation and (not target.field or depth):
        problems.append(f"--equation is for fields of one or two dimensions, not for {task}")
    elif config.equation and (config.augment != "none" or spreads(config)):
        problems.append(
            "--equation: its residual is of whole fields as they are; leave out --augment, and "
            "losses of distributions"
        )
    if config.diagnose == "spectrum" and not target.draws_training and not target.sample_numbers:
        problems.append(f"--diagnose spectrum is for numbers, not for {task}: leave it out")
    if target.draws_training:
        refused = {
            "--folds and --ensemble are": config.averaged > 1,
            "--devices is": config.devices != "1",
            "--profile is": config.profile,
            "--weight-ranges is": config.weight_ranges,
            "--diagnose is": config.diagnose != "none",
            "--train-on train+valid is": config.train_on == "train+valid",
        }
        problems += [
            f"{option} not for {task}: leave {'them' if 'are' in option else 'it'} out"
            for option, given in refused.items()
            if given
        ]
    targets = registry.constants("optimizer", config.optimizer).get("TARGETS")
    if targets is not None and not target.accepted_by(targets):
        problems.append(f"--optimizer {config.optimizer} is not for {task}; choose adam")
    if problems:
        raise UsageError(problems)


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
    if registry.build_function(str(values.get("model"))):
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
