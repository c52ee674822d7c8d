"""What every transform plug-in keeps to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mlzoo.augmentation import catalogue
from mlzoo.augmentation.augmenter import Augmenter
from mlzoo.augmentation.policy_checks import check
from mlzoo.core import registry
from mlzoo.data.policies import Policy
from mlzoo.data.samples import Part, Samples

NAMES = registry.names("transform")
CASES = [(n, kind) for n in NAMES for kind in registry.constants("transform", n)["KINDS"]]
COUNT = 8
SHAPES = {"images": (COUNT, 24, 24, 3), "sequences": (COUNT, 40, 3), "tables": (COUNT, 5)}
FORMS = {"images": "image", "sequences": "sequence", "tables": "table"}


def augmented(name: str, kind: str, seed: int, **given: Any) -> tuple[np.ndarray, ...]:
    """The samples, and what a policy of one transform makes of them and of their classes."""
    rng = np.random.default_rng(0)
    image = kind == "images"
    x = rng.integers(0, 256, SHAPES[kind]) if image else rng.normal(size=SHAPES[kind])
    x = x.astype("uint8" if image else "float32")
    labels = np.arange(COUNT) % 2
    maximum = 255.0 if image else None
    samples = Samples(
        x, labels, "classification", FORMS[kind], class_names=("a", "b"), maximum=maximum
    )
    part, items = Part(samples, np.arange(COUNT)), np.arange(COUNT)
    policy = Policy("one", ({name: {"p": 1, **given}},))
    check(policy.steps, kind)
    augmenter = Augmenter(policy, part, seed)
    changed, _ = augmenter.change(x, None, items, 0)
    mixed, shares, _ = augmenter.mix(changed, labels, None, items, 0)
    return x, mixed, shares


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_is(name: str) -> None:
    plugin, said = registry.load("transform", name), registry.constants("transform", name)
    assert registry.summary("transform", name).endswith(".")
    assert said["KINDS"] == plugin.KINDS and set(plugin.KINDS) <= set(catalogue.KINDS)
    for kind in plugin.KINDS:
        assert name in catalogue.names(kind)
        assert catalogue.find(kind, name) is plugin.build
        assert catalogue.description(kind, name).startswith(registry.summary("transform", name)[:9])
        assert all(p is not None for p in catalogue.parameters(kind, name))


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_it_changes_samples_by_their_seed_alone(name: str, kind: str) -> None:
    # Without parameters it changes nothing.
    given = {"rotate": [-30, 30]} if name == "Affine" else {}
    x, first, shares = augmented(name, kind, 1, **given)
    assert (first.shape, first.dtype) == (x.shape, x.dtype)
    assert not np.array_equal(first, x)
    again, other = (augmented(name, kind, seed, **given)[1] for seed in (1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    mixes = catalogue.is_marked(name, "MIXES")
    assert Policy("one", ({name: {}},)).mixes == mixes
    assert np.array_equal(shares, np.arange(COUNT) % 2) == (not mixes)


def test_transforms_of_ours_are_used_by_kind() -> None:
    ours = {
        kind: set(catalogue.plugins(kind)) & {*registry.own_names("transform")}
        for kind in catalogue.KINDS
    }
    assert ours == {
        "images": {"Affine", "CutMix", "MixUp", "RelativeTone", "SmoothDeformation", "Symmetry"},
        "sequences": {
            *("ChannelDropout", "Jitter", "MagnitudeWarp", "Scaling", "TimeWarp", "WindowSlice"),
        },
        "tables": {"GaussianNoise", "MixUp"},
    }
    assert catalogue.find("images", "Affine") is not catalogue.albumentations().Affine
    assert catalogue.find("images", "ChannelDropout") is catalogue.albumentations().ChannelDropout
