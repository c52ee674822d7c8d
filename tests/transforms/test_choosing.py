from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mlzoo.augmentation.choosing import choose, flipped, orientation
from mlzoo.augmentation.strengths import candidates, of_strength
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import UsageError
from mlzoo.data.policies import Policy
from mlzoo.data.samples import Part, Samples
from mlzoo.runs import datasets


def images(pattern: str, count: int = 80, channels: int = 3, side: int = 64, **more: Any) -> Part:
    """Noise under which a texture, a horizon, or arrows of two classes lie."""
    random = np.random.default_rng(0)
    x = random.normal(128, 20, (count, side, side, channels))
    rows, columns = np.mgrid[:side, :side] / side
    labels = np.arange(count) % 2
    if pattern == "horizon":  # brighter above
        x += 60 * (0.5 - rows)[None, ..., None]
    if pattern == "sides":  # each class is the other's mirror image
        x += 60 * np.where(labels, 1, -1)[:, None, None, None] * (0.5 - columns)[None, ..., None]
    samples = Samples(
        np.clip(x, 0, 255).astype(np.uint8),
        labels.astype(np.int32),
        more.get("task", "classification"),
        "image",
        class_names=more.get("names", ("a", "b")),
        maximum=255,
    )
    return Part(samples, np.arange(count))


def test_a_texture_may_be_turned_a_horizon_mirrored_and_sides_not() -> None:
    texture, horizon, sides = (orientation(images(n)) for n in ("texture", "horizon", "sides"))
    assert texture["mirrored"] < 0.65 and texture["upside_down"] < 0.65
    assert horizon["mirrored"] < 0.65 and horizon["upside_down"] > 0.9
    # All images together are symmetric; only class by class are they not.
    assert sides["mirrored"] > 0.9 and sides["upside_down"] < 0.65


def test_auto_picks_by_what_it_measures_and_says_so() -> None:
    texture = choose("auto", images("texture"))
    assert texture.names()[0] == "Symmetry" and "HueSaturationValue" in texture.names()
    assert "can't be told from images (area under the ROC 0." in texture.reasons[0]
    horizon = choose("auto", images("horizon"))
    assert horizon.names()[0] == "HorizontalFlip" and "VerticalFlip" not in horizon.names()
    sides = choose("auto", images("sides"))
    assert sides.names()[0] == "VerticalFlip"
    gray = choose("auto", images("texture", channels=1))
    assert "HueSaturationValue" not in gray.names()


def test_auto_never_mirrors_what_is_named_after_sides_or_numbers() -> None:
    named = choose("auto", images("texture", names=("turn_left", "turn_right")))
    assert "Symmetry" not in named.names() and "HorizontalFlip" not in named.names()
    assert "turn_left" in named.reasons[0]
    numbers = choose("auto", images("texture", task="regression", names=()))
    assert not {"Symmetry", "HorizontalFlip", "VerticalFlip"} & set(numbers.names())


def test_auto_leaves_digits_as_they_stand() -> None:
    data = datasets.load(RunConfig(model="cnn", data="digits", augment="auto"))
    assert data.policy.names() == ["Affine"]
    assert "characters" in data.policy.reasons[-1]


@pytest.mark.parametrize(
    ("data", "names"),
    [("wine", []), ("sine-mix", []), ("accelerometer", ["Jitter", "Scaling"])],
)
def test_auto_of_other_data(data: str, names: list[str]) -> None:
    policy = datasets.load(RunConfig(model="mlp", data=data, augment="auto")).policy
    assert policy.names() == names and policy.reasons


def test_none_is_nothing() -> None:
    assert choose("none", images("texture")) == Policy("none")
    assert choose([], images("texture")).steps == ()


def test_a_preset_leaves_out_what_needs_colours_and_a_policy_is_refused() -> None:
    gray = images("texture", channels=1)
    medium = choose("medium", gray)
    assert "HueSaturationValue" not in medium.names()
    assert medium.reasons[0] == "left out, since images have 1 channel: HueSaturationValue"
    with pytest.raises(UsageError, match="HueSaturationValue: needs three channels"):
        choose([{"HueSaturationValue": {}}], gray)


def fields() -> Part:
    x = np.zeros((6, 32, 32, 1), np.uint8)
    y = np.zeros((6, 32, 32, 2), np.float32)
    samples = Samples(x, y, "fields", "image", target_names=("u", "v"), maximum=255)
    return Part(samples, np.arange(6))


def test_fields_take_changes_of_light_alone() -> None:
    assert "RandomBrightnessContrast" in choose("auto", fields()).names()
    assert choose("photometric", fields()).steps
    for wrong in ("medium", [{"HorizontalFlip": {}}], [{"MixUp": {}}]):
        with pytest.raises(UsageError, match="move pixels, and fields are not moved along"):
            choose(wrong, fields())


@pytest.mark.parametrize(
    ("data", "asked", "words"),
    [
        ("sine-mix", "medium", "Scaling, TimeWarp: change the past and not what follows"),
        ("wine", "geometric", "is not for tables; choose one of none, heavy, light, medium"),
        ("accelerometer", [{"MixUp": {}}], "unknown transform of sequences 'MixUp'"),
        ("diabetes", [{"CutMix": {}}], "unknown transform of tables 'CutMix'"),
        ("wine", [{"Rotate": {}}], "unknown transform of tables 'Rotate'"),
    ],
)
def test_what_does_not_fit_the_data_is_refused(data: str, asked: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        datasets.load(RunConfig(model="mlp", data=data, augment=asked))


# -- What a search tries


def test_candidates_go_from_nothing_to_strong() -> None:
    found = candidates(images("texture"), 3)
    assert [policy.name for policy in found] == ["magnitude 0", "magnitude 5", "magnitude 10"]
    assert not found[0].steps
    half, whole = (
        next(s for s in policy.steps if "SomeOf" in s)["SomeOf"]["transforms"]
        for policy in found[1:]
    )
    rotations = [
        s["Affine"]["rotate"] for t in (half, whole) for s in t if "rotate" in s.get("Affine", {})
    ]
    assert rotations == [[-15, 15], [-30, 30]]
    assert flipped(images("texture"))[0] == found[1].steps[:1]


def test_candidates_fit_the_data() -> None:
    assert {"Jitter", "TimeWarp"} <= set(
        of_strength(datasets.load(RunConfig(model="rnn", data="accelerometer")).train, 4).names()
    )
    light = of_strength(fields(), 10).names()
    assert "Affine" not in light and "RandomBrightnessContrast" in light
    with pytest.raises(UsageError, match="nothing to try on forecasting"):
        candidates(datasets.load(RunConfig(model="rnn", data="sine-mix")).train, 3)
