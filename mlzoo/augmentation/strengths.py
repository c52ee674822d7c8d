"""Policies of one strength each, from nothing to as strong as is of use: what a search tries.

Two transforms at a time, drawn at random, all of one magnitude: Cubuk et al., "RandAugment:
Practical automated data augmentation with a reduced search space" (2020).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlzoo.augmentation.augmenter import kind_of
from mlzoo.augmentation.choosing import check_task, flipped
from mlzoo.core.errors import UsageError
from mlzoo.data.images.degradation import degradation_of
from mlzoo.data.policies import Policy, Step

if TYPE_CHECKING:
    from mlzoo.data.samples import Part

STRONGEST = 10
"""The largest magnitude; 0 is no augmentation."""
AT_A_TIME = 2


def candidates(part: Part, count: int) -> list[Policy]:
    """As many policies of magnitudes from 0 to 10, evenly.

    Raises:
        UsageError: there is nothing to try on such data.
    """
    policies = [of_strength(part, STRONGEST * k / (count - 1)) for k in range(count)]
    if not policies[-1].steps:
        raise UsageError(f"--augment search: there is nothing to try on {part.samples.task}")
    return policies


def of_strength(part: Part, magnitude: float) -> Policy:
    """The policy of a magnitude for some data; 0: none.

    Args:
        part: the training samples; whether mirror images are allowed depends on them, as in `auto`.
        magnitude: from 0 to 10.
    """
    share = magnitude / STRONGEST
    samples, kind = part.samples, kind_of(part.samples)
    name = f"magnitude {magnitude:g}"
    if not share or samples.target.causal or samples.target.ahead:
        return Policy(name)
    if kind == "tables":
        noise: Step = {"GaussianNoise": {"sigma": 0.3 * share, "p": 1}}
        return Policy(name, (noise, {"MixUp": {"alpha": 0.4 * share, "p": 0.5}}))
    if kind == "sequences":
        return Policy(name, tuple(_signals(share)))
    steps: list[Step] = []
    reasons: tuple[str, ...] = ()
    moving = not samples.target.pixel_numbers or degradation_of(samples) is not None
    if moving:
        first, reasons, _ = flipped(part)
        steps += first
    transforms = _images(share, moving, samples.inputs.shape[-1])
    steps.append({"SomeOf": {"n": AT_A_TIME, "transforms": transforms, "p": 1}})
    policy = Policy(name, tuple(steps), reasons)
    check_task(policy, samples, kind)
    return policy


def _images(share: float, moving: bool, channels: int) -> list[Step]:
    both = {"p": 1.0}
    steps: list[Step] = [
        {
            "RandomBrightnessContrast": {
                "brightness_limit": 0.5 * share,
                "contrast_limit": 0,
                **both,
            }
        },
        {
            "RandomBrightnessContrast": {
                "brightness_limit": 0,
                "contrast_limit": 0.6 * share,
                **both,
            }
        },
        {"GaussNoise": {"std_range": [0, 0.15 * share], **both}},
        {"Sharpen": {"alpha": [0, 0.8 * share], **both}},
    ]
    if channels == 3:
        hue = {"hue_shift_limit": 20 * share, "sat_shift_limit": 60 * share, "val_shift_limit": 0}
        steps.append({"HueSaturationValue": {**hue, **both}})
    if moving:
        affine: list[dict[str, object]] = [
            {"rotate": [-30 * share, 30 * share]},
            {"shear": [-20 * share, 20 * share]},
            {"translate_percent": [-0.25 * share, 0.25 * share]},
            {"scale": [1 - 0.4 * share, 1 + 0.4 * share]},
        ]
        steps += [{"Affine": {**one, "border_mode": "reflect_101", **both}} for one in affine]
    return steps


def _signals(share: float) -> list[Step]:
    return [
        {"Jitter": {"sigma": 0.2 * share, "p": 0.5}},
        {"Scaling": {"sigma": 0.3 * share, "p": 0.5}},
        {"TimeWarp": {"sigma": 0.4 * share, "p": 0.5}},
    ]
