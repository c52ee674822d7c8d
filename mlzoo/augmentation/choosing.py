"""From what was asked for to the policy for some data: checked, fitted, or picked by `auto`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from mlzoo.augmentation import catalogue, policy_checks
from mlzoo.augmentation.augmenter import are_films, kind_of
from mlzoo.core.errors import UsageError
from mlzoo.core.messages import over
from mlzoo.data import policies
from mlzoo.data.images.degradation import degradation_of
from mlzoo.data.label_files.joined import JoinedRows, bare
from mlzoo.data.policies import Policy, Step
from mlzoo.data.volumes.slices import slices_of

if TYPE_CHECKING:
    from mlzoo.data.samples import Part, Samples

_TURNED = 0.65
"""Images and their mirror images are held for different ones from this area under the ROC on."""
_MOST, _SIDE, _CELLS = 400, 16, 4
_SMALL = 48
"""Pixels a side under which `auto` neither blurs nor adds noise."""
_SIDED = re.compile(r"(^|[^a-z])(left|right|clockwise|up|down|north|south|east|west)([^a-z]|$)")


def choose(augment: str | Sequence[Any], part: Part) -> Policy:
    """The policy that a training split is augmented with.

    Args:
        augment: a preset, `auto`, a file, or a list of transforms. `search` begins with none.
        part: the training samples.

    Raises:
        UsageError: no such preset or file, a wrong transform or parameter, or one that does not
            fit the task.
    """
    policy = policies.parse(augment)
    joined, samples = isinstance(part.samples.inputs, JoinedRows), bare(part.samples)
    part = replace(part, samples=samples)
    if policy.name in ("none", "search"):
        return policy
    if policy.generates:
        if not samples.target.sample_class:
            raise UsageError(
                "augment: generated samples are of the class that is asked for, but "
                f"{samples.task} has no class a sample; leave it out"
            )
        return policy
    if joined and policy.mixes:
        raise UsageError("augment: columns beside images are not mixed; leave MixUp and such out")
    if samples.target.causal:
        raise UsageError("augment: there is no augmentation of text; leave it out")
    kind = kind_of(samples)
    if policy.name == "auto":
        return _automatic(kind, part)
    if isinstance(augment, str) and augment in _all_presets():
        policy = _preset(policy.name, kind, samples)
    policy_checks.check(policy.steps, kind)
    check_task(policy, samples, kind)
    return policy


def _all_presets() -> set[str]:
    return {name for kind in catalogue.KINDS for name in policies.presets(kind)}


def _preset(name: str, kind: str, samples: Samples) -> Policy:
    if name not in policies.presets(kind):
        choices = ", ".join(policies.presets(kind))
        raise UsageError(
            f"augment {name}: is not for {kind}; choose one of {choices}, or a policy file"
        )
    steps, reasons = _colored(policies.preset(kind, name), kind, samples)
    sided = _sided(samples)
    kept = tuple(
        step
        for step in steps
        if not sided or not catalogue.is_marked(next(iter(step)), "ORIENTATION")
    )
    if len(kept) < len(steps):
        reasons = (*reasons, f"no mirror images, since classes are called {', '.join(sided)}")
    return Policy(name, kept, reasons)


def _sided(samples: Samples) -> list[str]:
    """The classes whose names are sides, which mirror images would exchange."""
    return [name for name in samples.class_names if _SIDED.search(name.lower())]


def _colored(
    steps: tuple[Step, ...], kind: str, samples: Samples
) -> tuple[tuple[Step, ...], tuple[str, ...]]:
    """A preset without the transforms that need three channels where there are fewer or more."""
    if kind != "images" or samples.inputs.shape[-1] == 3:
        return steps, ()
    kept = tuple(step for step in steps if not catalogue.is_marked(next(iter(step)), "COLOR"))
    left = [name for step in steps for name in step if step not in kept]
    channels = over(samples.inputs.shape[-1], "channels")
    why = f"left out, since images have {channels}: {', '.join(left)}"
    return kept, (why,) if left else ()


def check_task(policy: Policy, samples: Samples, kind: str) -> None:
    """Raise UsageError where a transform would make targets wrong."""
    names = [name for name in policy.names() if name not in catalogue.COMPOSITES]
    problems = []
    mixing = [name for name in names if catalogue.is_marked(name, "MIXES")]
    pasting = [name for name in names if catalogue.is_marked(name, "PASTES")]
    channels = samples.inputs.shape[-1]
    if kind == "images" and channels != 3:
        problems += [
            f"{name}: needs three channels, and these images have {channels}"
            for name in names
            if catalogue.is_marked(name, "COLOR")
        ]
    if samples.target.pixel_numbers and degradation_of(samples) is None:
        # Mirrored, a vector's components would change their signs.
        moving = [n for n in names if n in mixing or catalogue.moves(n)]
        if moving:
            problems.append(f"{', '.join(moving)}: move pixels, and fields are not moved along")
    if samples.target.ahead:
        wrong = [name for name in names if not catalogue.is_marked(name, "KEEPS_FUTURE")]
        if wrong:
            problems.append(
                f"{', '.join(wrong)}: change the past and not what follows; Jitter fits"
            )
    unlabeled = samples.target.is_input  # mixtures are no samples
    if unlabeled or (samples.target.per != "sample" and not samples.target.pixel_class):
        if mixing and not samples.target.pixel_numbers:
            problems.append(f"{', '.join(mixing)}: have no effect on {samples.task}")
    if kind == "images" and (are_films(samples) or samples.reader.depth):
        kept = "volumes" if samples.reader.depth else "films"
        text = f"is for single images, and these are {kept}; MixUp fits"
        problems += [f"{name}: {text}" for name in pasting]
    elif kind == "images" and samples.target.sample_numbers:
        text = "is for classes; numbers can be mixed by MixUp"
        problems += [f"{name}: {text}" for name in pasting]
    if problems:
        raise UsageError([f"augment: {problem}" for problem in problems])


def _automatic(kind: str, part: Part) -> Policy:
    """Return the policy that `auto` picks, and why."""
    samples = part.samples
    if kind == "tables":
        return Policy("auto", (), ("none, since noise on tables is off unless it is asked for",))
    if kind == "sequences":
        return _for_sequences(samples)
    if degradation_of(samples) is not None:
        steps, reasons, _ = flipped(part)
        return Policy("auto", steps, reasons)
    if samples.target.pixel_numbers:
        steps, left = _colored(policies.preset(kind, "photometric"), kind, samples)
        return Policy("auto", steps, ("photometric, since fields are not moved along", *left))
    return _for_images(part)


def _for_sequences(samples: Samples) -> Policy:
    if samples.target.ahead:
        return Policy("auto", (), ("none, since what follows would have to change too",))
    steps = policies.preset("sequences", "light")
    return Policy("auto", steps, ("light: noise and scale, since time may be what tells classes",))


def _for_images(part: Part) -> Policy:
    samples = part.samples
    steps, reasons, turned = flipped(part)
    if not steps and turned and min(samples.inputs.shape[1:3]) < _SMALL:
        # Small pictures with an up and a left are characters, most likely.
        why = (*reasons, "characters: small turns, shifts, zoom and shear")
        return Policy("auto", policies.preset("images", "characters"), why)
    if steps == ({"Symmetry": {"p": 1}},) and samples.target.pixel_class:
        steps = (*steps, {"SmoothDeformation": {"p": 0.5}})
    steps = (*steps, *policies.preset("images", "light")[1:])
    if samples.inputs.shape[-1] == 3:
        hue = {"hue_shift_limit": 5, "sat_shift_limit": 15, "val_shift_limit": 0, "p": 0.3}
        steps = (*steps, {"HueSaturationValue": hue})
    return Policy("auto", steps, (*reasons, "small turns, shifts, zoom and changes of light"))


def flipped(part: Part) -> tuple[tuple[Step, ...], tuple[str, ...], bool]:
    """The mirror images that a training split allows, why, and whether that was measured."""
    samples = part.samples
    sided = _sided(samples)
    if samples.target.sample_numbers:
        return (), ("no mirror images, since the number may depend on orientation",), False
    if sided:
        return (), (f"no mirror images, since classes are called {', '.join(sided)}",), False
    if are_films(samples):
        return (), ("no mirror images, since what matters may be where things move",), False
    areas = orientation(part)
    reasons, flips = [], []
    for name, description in (("mirrored", "mirror images"), ("upside_down", "images upside down")):
        allowed = areas[name] < _TURNED
        verb = "can't be told" if allowed else "can be told"
        reasons.append(f"{description} {verb} from images (area under the ROC {areas[name]:.2f})")
        flips += [name] * allowed
    step: dict[tuple[str, ...], tuple[Step, ...]] = {
        (): (),
        ("mirrored",): ({"HorizontalFlip": {"p": 0.5}},),
        ("upside_down",): ({"VerticalFlip": {"p": 0.5}},),
        ("mirrored", "upside_down"): ({"Symmetry": {"p": 1}},),
    }
    return step[tuple(flips)], tuple(reasons), True


def orientation(part: Part) -> dict[str, float]:
    """Return how well images can be told from themselves mirrored and upside down, by class.

    A ridge classifier on thumbnails, cross-validated so that an image and its copy are in one
    fold. Photographs of streets have an up, letters a left too, a texture neither.

    Returns:
        The area under the ROC of each, at least a half: 0.5 means that nobody can tell.
    """
    images, labels, groups = _thumbnails(part)
    return {
        "mirrored": _told_apart(images, images[:, :, ::-1], labels, groups),
        "upside_down": _told_apart(images, images[:, ::-1], labels, groups),
    }


def _thumbnails(part: Part) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Standardized gray thumbnails (n, 16, 16), their classes, and what to hold out together.

    Where every pixel has a target, those of the cells of a grid over each image, and cells at one
    place are held out together: neighboring sections of a stack look alike there.
    """
    dense = part.samples.target.dense
    cells = _CELLS if dense else 1
    some = np.unique(np.linspace(0, len(part) - 1, _MOST // cells**2).astype(int))
    thumbnails = []
    for position in some:
        gray = part.image(int(position)).astype(np.float32).mean(axis=-1)
        if part.samples.reader.depth:  # seen along the depth
            gray = slices_of(gray, part.samples.reader.depth).mean(axis=0)
        height, width = (side // cells for side in gray.shape)
        for top, left in np.ndindex(cells, cells):
            cell = gray[top * height : (top + 1) * height, left * width : (left + 1) * width]
            small = cv2.resize(cell, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
            thumbnails.append((small - small.mean()) / (small.std() + 1e-6))
    number = np.arange(len(thumbnails))
    classes = part.samples.target.sample_class
    labels = np.asarray(part.targets_at(some)) if classes else np.zeros(len(thumbnails), dtype=int)
    return np.stack(thumbnails), labels, number % cells**2 if dense else number


def _told_apart(
    images: np.ndarray, copies: np.ndarray, labels: np.ndarray, groups: np.ndarray
) -> float:
    """Area under the ROC of a classifier within each class, over all classes together."""
    from sklearn.linear_model import RidgeClassifier
    from sklearn.metrics import roc_auc_score

    scores, truths = [], []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if len(members) < 4:
            continue
        _, place = np.unique(groups[members], return_inverse=True)
        folds = place % min(5, int(place.max()) + 1)
        for fold in np.unique(folds):
            fit, held = members[folds != fold], members[folds == fold]
            model = RidgeClassifier(alpha=10.0).fit(*_both(images, copies, fit))
            x, y = _both(images, copies, held)
            scores.append(model.decision_function(x))
            truths.append(y)
    if not scores:
        return 1.0
    area = float(roc_auc_score(np.concatenate(truths), np.concatenate(scores)))
    return max(area, 1 - area)


def _both(
    images: np.ndarray, copies: np.ndarray, which: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    x = np.concatenate([images[which], copies[which]]).reshape(2 * len(which), -1)
    return x, np.repeat([0, 1], len(which))
