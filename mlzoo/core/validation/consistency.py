"""Checks of a whole configuration: that it fits its task."""

from __future__ import annotations

from mlzoo.core import registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import UsageError
from mlzoo.core.validation.values import loss_names, losses_for, weighted_losses


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
