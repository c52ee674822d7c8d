"""Films, sequences of images: all frames of one are changed alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mlzoo.augmentation.augmenter import Augmenter
from mlzoo.augmentation.choosing import choose
from mlzoo.augmentation.strengths import candidates
from mlzoo.core.errors import UsageError
from mlzoo.data.samples import Part, Samples
from mlzoo.reporting.figures.augmentation import draw


def films(names: tuple[str, ...] = ("a", "b"), dtype: str = "float32", channels: int = 1) -> Part:
    rng = np.random.default_rng(0)
    x = (rng.random((6, 4, 12, 10, channels)) * 200 - 50 * (dtype == "float32")).astype(dtype)
    y = (np.arange(6) % 2).astype(np.int32)
    maximum = 255.0 if dtype == "uint8" else None
    return Part(Samples(x, y, "classification", class_names=names, maximum=maximum), np.arange(6))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("preset", ["light", "medium", "heavy", "auto"])
def test_presets(preset: str, channels: int) -> None:
    part = films(channels=channels)
    policy = choose(preset, part)
    assert policy.steps
    x = part.inputs()
    changed, _ = Augmenter(policy, part, 0).change(x, None, np.arange(6), 0)
    again, _ = Augmenter(policy, part, 0).change(x, None, np.arange(6), 0)
    assert changed.shape == x.shape and changed.dtype == x.dtype
    assert np.array_equal(changed, again) and not np.array_equal(changed, x)
    assert x.min() - 1e-3 <= changed.min() <= changed.max() <= x.max() + 1e-3


def test_all_frames_are_changed_alike() -> None:
    part = films()
    still = np.repeat(part.inputs()[:, :1], 4, axis=1)
    changed, _ = Augmenter(choose("heavy", part), part, 3).change(still, None, np.arange(6), 0)
    assert np.array_equal(changed, np.repeat(changed[:, :1], 4, axis=1))
    assert not np.array_equal(changed[0], changed[1])


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_values_keep_their_range_from_frame_to_frame(dtype: str) -> None:
    part = films(dtype=dtype)
    x = part.inputs()
    x[:, 1] //= 4
    flip = choose([{"HorizontalFlip": {"p": 1}}], part)
    changed, _ = Augmenter(flip, part, 0).change(x, None, np.arange(6), 0)
    np.testing.assert_allclose(changed, x[..., ::-1, :], atol=1e-3)


def test_mirror_images_stay_away_where_classes_are_sides() -> None:
    assert "HorizontalFlip" in choose("heavy", films()).names()
    sided = choose("heavy", films(("left", "right")))
    assert {"HorizontalFlip", "VerticalFlip"}.isdisjoint(sided.names())
    assert sided.reasons[-1] == "no mirror images, since classes are called left, right"
    automatic = choose("auto", films())
    assert "no mirror images, since what matters may be where things move" in automatic.reasons


def test_what_is_mixed_and_searched() -> None:
    with pytest.raises(UsageError, match="CutMix: is for single images, and these are films"):
        choose([{"CutMix": {}}], films())
    part = films()
    mixer = Augmenter(choose([{"MixUp": {}}], part), part, 0)
    mixed, shares, _ = mixer.mix(part.inputs(), part.targets, None, np.arange(6), 0)
    assert mixed.shape == (6, 4, 12, 10, 1) and shares.shape == (6, 2)
    assert len(candidates(part, 3)) == 3


@pytest.mark.slow
def test_the_picture_has_a_strip_of_frames(tmp_path: Path) -> None:
    part = films()
    draw(tmp_path / "p.png", part, choose("light", part), 0, samples=2, each=1)
    with Image.open(tmp_path / "p.png") as picture:
        assert picture.width > picture.height
