"""Resolution of `--target` to weights: which class, region, step or output is explained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlzoo.core.errors import DataError, UsageError
from mlzoo.core.registry import unknown
from mlzoo.data.volumes.slices import slices_of
from mlzoo.explaining import target_weights
from mlzoo.explaining.settings import ExplainConfig
from mlzoo.explaining.subjects import Subject


@dataclass(frozen=True)
class ResolvedTargets:
    """Targets of some samples, as weights on the model's outputs.

    Attributes:
        weights: (n, ..., k), see `mlzoo.explaining.target_weights`.
        labels: description of each target.
        empty: reason why a sample can't be explained; "" where it can.
        predicted: description of each prediction.
    """

    weights: np.ndarray
    labels: list[str]
    empty: list[str]
    predicted: list[str]


def resolve_targets(
    subject: Subject, config: ExplainConfig, outputs: np.ndarray, truths: list[Any]
) -> ResolvedTargets:
    """Resolve the targets of samples whose outputs are (n, ..., k).

    Args:
        subject: the model.
        config: with `target`, `against`, `step`, `region` and `pixel`.
        outputs: (n, ..., k).
        truths: true class or mask of each sample; None where unknown.

    Raises:
        UsageError: a class, a step or an option that this model does not have.
        DataError: the true class was asked for, and is not known.
    """
    _refuse(subject, config)
    if subject.target.dense:
        return _dense(subject, config, outputs, truths)
    if outputs.ndim == 3:
        return _steps(subject, config, outputs, truths)
    if subject.target.is_label_set:
        return _labels(subject, config, outputs)
    if subject.target.acts:
        return _actions(subject, config, outputs)
    if not subject.classes:
        return _numbers(subject, config, outputs)
    return _classes(subject, config, outputs, truths)


def _refuse(subject: Subject, config: ExplainConfig) -> None:
    wrong = {
        "--against": bool(config.against) and not (subject.classes or subject.target.acts),
        "--pixel": bool(config.pixel) and not subject.target.dense,
        "--region": config.region != "all" and not subject.target.pixel_class,
        "--step": config.step is not None and not (subject.target.stepwise or subject.target.ahead),
        "--truth": bool(config.truth) and subject.kind != "image",
    }
    problems = [f"{flag}: has no effect on {subject.task}" for flag, bad in wrong.items() if bad]
    if config.pixel is not None and subject.depth:
        problems.append(
            f"--pixel {config.pixel}: is for images, and these are volumes, which have "
            f"{subject.depth} slices; leave it out"
        )
    if problems:
        raise UsageError(problems)


def _position(subject: Subject, name: str, flag: str) -> int:
    if name not in subject.outputs:
        word = _word(subject)
        known = ", ".join(subject.outputs[:12])
        raise UsageError(f"{flag}: {unknown(word, name, subject.outputs)}; there are {known}")
    return subject.outputs.index(name)


def _word(subject: Subject) -> str:
    """Return what the outputs of a model are called, one of them."""
    if subject.target.acts:
        return "action"
    return "class" if subject.classes else "label" if subject.target.is_label_set else "output"


def _classes(
    subject: Subject, config: ExplainConfig, outputs: np.ndarray, truths: list[Any]
) -> ResolvedTargets:
    units = outputs.shape[-1]
    two = units == 1
    y_pred = (outputs[:, 0] > 0.5).astype(int) if two else outputs.argmax(axis=-1)
    if config.target == "predicted":
        classes = y_pred
    elif config.target == "true":
        classes = _known(truths)
    else:
        classes = np.full(len(outputs), _position(subject, config.target, "--target"))
    against = None
    if config.against is not None:
        against = np.full(len(outputs), _position(subject, config.against, "--against"))
        same = np.flatnonzero(against == classes)
        if len(same) == len(classes):
            raise UsageError(f"--against {config.against}: it is the class that is explained")
    weights = target_weights.of_classes(classes, units, against)
    beside = "" if against is None else f" against {config.against}"
    shares = (
        np.where(y_pred == 1, outputs[:, 0], 1 - outputs[:, 0]) if two else outputs.max(axis=-1)
    )
    return ResolvedTargets(
        weights,
        [f"{subject.outputs[k]}{beside}" for k in classes],
        ["" if w.any() else "the class is held against itself" for w in weights],
        [f"{subject.outputs[k]} {p:.1%}" for k, p in zip(y_pred, shares, strict=True)],
    )


def _known(truths: list[Any]) -> np.ndarray:
    if any(truth is None for truth in truths):
        raise DataError("--target true: the true classes of new samples are not known")
    return np.array([int(np.asarray(truth)) for truth in truths])


def _labels(subject: Subject, config: ExplainConfig, outputs: np.ndarray) -> ResolvedTargets:
    """Resolve one label of each sample: the one that was named, or the most probable."""
    if config.target == "true":
        raise UsageError(
            "--target true: a sample may have several labels; name one of them: "
            f"{', '.join(subject.outputs[:12])}"
        )
    places = outputs.argmax(axis=1)
    if config.target != "predicted":
        places = np.full(len(outputs), _position(subject, config.target, "--target"))
    names = [subject.outputs[k] for k in places]
    probabilities = outputs[np.arange(len(outputs)), places]
    return ResolvedTargets(
        np.eye(outputs.shape[1], dtype="float32")[places],
        names,
        [""] * len(outputs),
        [f"{name} {p:.1%}" for name, p in zip(names, probabilities, strict=True)],
    )


def _numbers(subject: Subject, config: ExplainConfig, outputs: np.ndarray) -> ResolvedTargets:
    named = config.target not in ("predicted", "true")
    place = _position(subject, config.target, "--target") if named else 0
    weights = np.zeros(outputs.shape, "float32")
    weights[:, place] = 1
    descriptions = [f"{subject.outputs[place]} {value:.4g}" for value in outputs[:, place]]
    return ResolvedTargets(
        weights, [subject.outputs[place]] * len(outputs), [""] * len(outputs), descriptions
    )


def _actions(subject: Subject, config: ExplainConfig, outputs: np.ndarray) -> ResolvedTargets:
    """Resolve one action of each observation: the one that was named, or the one that is taken."""
    if config.target == "true":
        raise UsageError(
            "--target true: no action is known to be right; name one of them: "
            f"{', '.join(subject.outputs[:12])}"
        )
    taken = outputs.argmax(axis=1)
    actions = taken
    if config.target != "predicted":
        actions = np.full(len(outputs), _position(subject, config.target, "--target"))
    weights = np.eye(outputs.shape[1], dtype="float32")[actions]
    beside = ""
    if config.against is not None:
        weights[:, _position(subject, config.against, "--against")] -= 1
        beside = f" against {config.against}"
    return ResolvedTargets(
        weights,
        [f"{subject.outputs[k]}{beside}" for k in actions],
        ["" if w.any() else "the action is held against itself" for w in weights],
        [f"{subject.outputs[k]} {outputs[i, k]:.4g}" for i, k in enumerate(taken)],
    )


def _steps(
    subject: Subject, config: ExplainConfig, outputs: np.ndarray, truths: list[Any]
) -> ResolvedTargets:
    """Resolve one step of a labeling, a text or a forecast; by default the last."""
    count = outputs.shape[1]
    step = -1 if config.step is None else config.step - (config.step > 0)
    if not -count <= step < count:
        raise UsageError(f"--step {config.step}: there are {count} steps")
    at = outputs[:, step]
    if not subject.classes:
        named = config.target not in ("predicted", "true")
        units = np.full(len(at), _position(subject, config.target, "--target") if named else 0)
    elif config.target == "true":
        if any(truth is None for truth in truths):
            raise DataError("--target true: the true classes of new samples are not known")
        units = np.array([int(np.asarray(truth)[step]) for truth in truths])
    elif config.target == "predicted":
        units = at.argmax(axis=-1)
    else:
        units = np.full(len(at), _position(subject, config.target, "--target"))
    weights = target_weights.of_step(outputs.shape, step, units)
    if config.against is not None:
        other = _position(subject, config.against, "--against")
        weights[:, step, other] -= 1
    elif subject.classes and outputs.shape[-1] == 2:  # as of `target_weights.of_classes`
        weights[np.arange(len(at)), step, 1 - units] = -1
    word = f"step {step % count + 1}"
    names = [subject.outputs[k] for k in units]
    chosen = at.argmax(axis=-1)
    descriptions = [
        f"{subject.outputs[chosen[i]]} {at[i, chosen[i]]:.1%}"
        if subject.classes
        else f"{names[i]} {at[i, units[i]]:.4g}"
        for i in range(len(at))
    ]
    empty = ["" if w.any() else "the class is held against itself" for w in weights]
    return ResolvedTargets(weights, [f"{name} at {word}" for name in names], empty, descriptions)


def _dense(
    subject: Subject, config: ExplainConfig, outputs: np.ndarray, truths: list[Any]
) -> ResolvedTargets:
    """Resolve a class over its predicted region, part of it or one pixel; or a field's output."""
    if not subject.target.pixel_class:
        return _field(subject, config, outputs)
    units = outputs.shape[-1]
    y_pred = outputs.argmax(axis=-1) if units > 1 else (outputs[..., 0] > 0.5).astype(int)
    masks = _true_masks(truths, y_pred.shape) if config.target == "true" else y_pred
    if config.target in ("predicted", "true"):
        places = np.array([_most_of(mask, len(subject.outputs)) for mask in masks])
    else:
        places = np.full(len(y_pred), _position(subject, config.target, "--target"))
    regions = np.stack(
        [_region(m == k, config, subject.depth) for m, k in zip(masks, places, strict=True)]
    )
    pairs = list(zip(regions, places, strict=True))
    weights = np.concatenate([target_weights.of_region(r[None], int(k), units) for r, k in pairs])
    if config.against is not None:
        other = _position(subject, config.against, "--against")
        if units > 2:
            weights -= target_weights.of_region(regions, other, units)
        weights[places == other] = 0
    names = [subject.outputs[k] for k in places]
    shares = [(mask == k).mean() for mask, k in zip(y_pred, places, strict=True)]
    where = "the true mask" if config.target == "true" else "the predicted mask"
    at = f" at {config.pixel}" if config.pixel and config.region == "connected" else ""
    empty = [
        "" if weights[i].any() else f"{name} is nowhere in {where}{at}"
        for i, name in enumerate(names)
    ]
    if config.against is not None:
        itself = "the class is held against itself"
        empty = [itself if n == config.against else e for n, e in zip(names, empty, strict=True)]
    return ResolvedTargets(
        weights,
        [f"{name}{_where(config)}" for name in names],
        empty,
        [f"{name} on {share:.1%} of the pixels" for name, share in zip(names, shares, strict=True)],
    )


def _field(subject: Subject, config: ExplainConfig, outputs: np.ndarray) -> ResolvedTargets:
    """Resolve an output of a field, averaged over all pixels or at one of them."""
    named = config.target not in ("predicted", "true")
    place = _position(subject, config.target, "--target") if named else 0
    everywhere = np.ones(outputs.shape[:3], bool)
    regions = np.stack([_region(one, config, subject.depth) for one in everywhere])
    weights = target_weights.of_region(regions, place, outputs.shape[-1], signed=False)
    name = subject.outputs[place]
    descriptions = [f"{name} {value:.4g} on average" for value in outputs[..., place].mean((1, 2))]
    count = len(outputs)
    return ResolvedTargets(weights, [f"{name}{_where(config)}"] * count, [""] * count, descriptions)


def _true_masks(truths: list[Any], shape: tuple[int, ...]) -> np.ndarray:
    if any(truth is None for truth in truths):
        raise DataError("--target true: the true masks of new images are not known")
    return np.stack([np.asarray(truth) for truth in truths]).reshape(shape)


def _most_of(mask: np.ndarray, classes: int) -> int:
    """Return the most frequent class apart from the first, which is the background."""
    return 1 + int(np.bincount(mask[(mask > 0) & (mask < classes)], minlength=classes)[1:].argmax())


def _where(config: ExplainConfig) -> str:
    if config.region == "connected":
        return f", region at {config.pixel}"
    if config.pixel is not None:
        return f" at {config.pixel}"
    return {"all": "", "largest": ", largest region", "boundary": ", boundary"}[config.region]


def _region(mask: np.ndarray, config: ExplainConfig, depth: int = 0) -> np.ndarray:
    """Return the part of a class's mask (height, width) that is explained, as truth values.

    Of a volume of `depth` slices, one below the other, regions and boundaries are those in space.
    """
    from scipy.ndimage import binary_erosion, label

    if depth:
        return _region(slices_of(mask, depth), config).reshape(mask.shape)
    if config.pixel is not None:
        at = tuple(int(part) for part in config.pixel.split(","))
        if at[0] >= mask.shape[0] or at[1] >= mask.shape[1]:
            raise UsageError(
                f"--pixel {config.pixel}: the image has {mask.shape[0]} rows and "
                f"{mask.shape[1]} columns"
            )
        if config.region == "all":
            region = np.zeros(mask.shape, bool)
            region[at] = True
            return region
        regions = label(mask)[0]
        return (regions == regions[at]) & mask
    if config.region == "largest":
        return _largest(mask)
    # An image's own edge is none of the class.
    return mask & ~binary_erosion(mask, border_value=1) if config.region == "boundary" else mask


def _largest(mask: np.ndarray) -> np.ndarray:
    """Return the largest connected region of a mask ([depth,] height, width) of truth values."""
    from scipy.ndimage import label

    regions, count = label(mask)
    if not count:
        return mask
    return regions == np.bincount(regions.ravel())[1:].argmax() + 1
