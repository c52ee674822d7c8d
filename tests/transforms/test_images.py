from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from mlzoo.augmentation import catalogue
from mlzoo.augmentation.images import AugmentedForm, ImageChanges
from mlzoo.core import registry
from mlzoo.core.errors import UsageError
from mlzoo.data.policies import Step, preset, presets
from mlzoo.data.specs import IGNORED

SIDE = 64
MARKER = 9
VALUES = [0, 1, 2, 7, 255]
FORMS = [
    ("uint8", 255.0),
    ("uint16", 65535.0),
    ("float32", 1.0),
    ("float32", None),
    ("int16", None),
]
GEOMETRIC = ("flips", "geometric", "microscopy", "lecture", "characters", "heavy", "medium")


def changes(steps: Any, dtype: str = "uint8", maximum: float | None = 255.0, **more: Any) -> Any:
    shape = more.get("shape", (SIDE, SIDE, 3))
    kept = [s for s in steps if shape[2] == 3 or not catalogue.is_marked(next(iter(s)), "COLOR")]
    return ImageChanges(kept, AugmentedForm(shape, dtype, maximum))


def scene(dtype: str, maximum: float | None) -> tuple[np.ndarray, np.ndarray]:
    """An image whose first channel is bright on a disk that the mask marks."""
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    disk = (rows - 28) ** 2 + (columns - 36) ** 2 < 10**2
    mask = random.choice(VALUES, (SIDE, SIDE)).astype(np.uint8)
    mask[disk] = MARKER
    top = maximum or 1000.0
    image = random.uniform(0.2 * top, 0.3 * top, (SIDE, SIDE, 3))
    image[disk] = 0.8 * top
    return image.astype(dtype), mask


def positions(steps: Any) -> list[Step]:
    """The steps of a policy that move pixels, and nothing that changes or hides them."""
    moving = []
    for step in steps:
        name = next(iter(step))
        if name in catalogue.COMPOSITES:
            inner = positions(step[name]["transforms"])
            moving += [{name: {**step[name], "transforms": inner}}] if inner else []
        elif catalogue.moves(name) and name != "CoarseDropout":
            moving.append(step)
    return moving


@pytest.mark.slow
@pytest.mark.parametrize("name", GEOMETRIC)
def test_a_marker_on_image_and_mask_coincides_after_a_thousand_changes(name: str) -> None:
    image, mask = scene("uint8", 255)
    before = image.copy(), mask.copy()
    change = changes(positions(preset("images", name)))
    assert change.moves
    seen, apart = set(), []
    for seed in range(1000):
        moved, labels = change(image, mask, [seed])
        assert set(np.unique(labels)) <= {*VALUES, MARKER}
        bright = moved[..., 0] > 140
        marked = (labels == MARKER).astype(np.uint8)
        # Moved twice, linear and nearest values may differ by two pixels at its very edge.
        edge = cv2.dilate(marked, np.ones((5, 5))) != cv2.erode(marked, np.ones((5, 5)))
        inner = np.zeros((SIDE, SIDE), bool)
        inner[2:-2, 2:-2] = True  # where slivers of its mirror image don't come in
        assert (bright == marked)[inner & ~edge].all()
        if marked.any() and not (bright | (marked > 0))[~inner].any():
            centres = (np.argwhere(bright).mean(axis=0), np.argwhere(marked).mean(axis=0))
            apart.append(np.abs(centres[0] - centres[1]).max())
        seen.add(labels.tobytes())
    # Nearest values are half a pixel off at most each time that they are moved.
    assert max(apart) < 1 and np.mean(apart) < 0.15
    assert len(seen) >= (8 if name == "flips" else 400)
    assert np.array_equal(image, before[0]) and np.array_equal(mask, before[1])


def test_what_comes_from_beyond_the_image_has_no_class() -> None:
    mask = np.ones((SIDE, SIDE), np.uint8)
    image = np.full((SIDE, SIDE, 3), 100, np.uint8)
    change = changes([{"Affine": {"translate_px": {"x": 16, "y": 0}, "p": 1}}])
    moved, labels = change(image, mask, [0])
    assert (labels[:, :16] == IGNORED).all() and (labels[:, 16:] == 1).all()
    assert (moved[:, :16] == 0).all()


def test_a_hole_cut_out_of_an_image_keeps_its_mask() -> None:
    mask = np.ones((SIDE, SIDE), np.uint8)
    image = np.full((SIDE, SIDE, 3), 100, np.uint8)
    moved, labels = changes([{"CoarseDropout": {"p": 1}}])(image, mask, [0])
    assert (moved == 0).any() and (labels == 1).all()


@pytest.mark.parametrize(("dtype", "maximum"), FORMS)
@pytest.mark.parametrize("name", [n for n in presets() if n != "none"])
def test_presets_keep_shape_type_and_range(dtype: str, maximum: float | None, name: str) -> None:
    image, mask = scene(dtype, maximum)
    change = changes(preset("images", name), dtype, maximum)
    for seed in range(20):
        moved, labels = change(image, mask, [seed])
        assert (moved.shape, moved.dtype) == (image.shape, image.dtype)
        assert (labels.shape, labels.dtype) == (mask.shape, np.uint8)
        assert image.min() * (maximum is None) <= moved.min()
        assert moved.max() <= (image.max() if maximum is None else maximum)


@pytest.mark.parametrize("shape", [(40, 64, 3), (64, 64, 1), (32, 32, 5), (8, 8, 1)])
def test_any_shape_comes_out_as_it_went_in(shape: tuple[int, int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    mask = image[..., 0] // 100
    for name in presets():
        change = changes(preset("images", name), shape=shape)
        moved, labels = change(image, mask, [1])
        assert moved.shape == shape and labels.shape == shape[:2]


def test_images_of_several_depths_are_changed_alike() -> None:
    """The same draws darken an 8-bit and a 16-bit image by the same share."""
    image, mask = scene("uint8", 255)
    deep = image.astype(np.uint16) * 257
    policy = preset("images", "lecture")
    small = changes(policy)(image, mask, [3])[0]
    large = changes(policy, "uint16", 65535.0)(deep, mask, [3])[0]
    assert np.abs(large / 257 - small).max() < 2


def test_seeds_decide_and_nothing_else() -> None:
    image, mask = scene("uint8", 255)
    one, other = (changes(preset("images", "heavy")) for _ in range(2))
    first = [one(image, mask, [seed]) for seed in range(32)]
    again = [other(image, mask, [seed]) for seed in reversed(range(32))][::-1]
    for (x, y), (u, v) in zip(first, again, strict=True):
        assert np.array_equal(x, u) and np.array_equal(y, v)
    assert len({x.tobytes() for x, _ in first}) == 32


def test_what_was_applied_is_named() -> None:
    image, mask = scene("uint8", 255)
    change = changes([{"Symmetry": {"p": 1}}, {"RandomGamma": {"p": 0}}])
    change(image, mask, [0])
    assert [text.partition(" ")[0] for text in change.applied()] == ["Symmetry"]
    nested = changes(
        [{"OneOf": {"p": 1, "transforms": [{"Blur": {"p": 1}}, {"Sharpen": {"p": 1}}]}}]
    )
    drawn = []
    for seed in range(40):
        nested(image, mask, [seed])
        drawn.append(nested.applied()[0].partition(" ")[0])
    assert set(drawn) == {"Blur", "Sharpen"} and len(drawn) == 40


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([{"Rotate": {"limit": "far"}}], "Rotate: limit"),
        ([{"Rotate": {"border_mode": "wrapped"}}], "border_mode is one of constant, replicate"),
        (
            [{"Crop": {"x_max": 500, "y_max": 500, "p": 1}}],
            "Crop can't be applied to images 64x64x3",
        ),
        ([{"ToGray": {"num_output_channels": 1}}], "ToGray makes"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_name(steps: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        changes(steps)


def test_every_listed_transform_with_defaults_can_be_applied() -> None:
    """Those without defaults for all they need say what is missing."""
    needing = {}
    for name in catalogue.names("images"):
        try:
            ImageChanges([{name: {}}], AugmentedForm((64, 64, 3), "uint8", 255.0))
        except UsageError as error:
            needing[name] = str(error)
    assert set(needing) <= {
        "Crop",
        "CropAndPad",
        "GridElasticDeform",
        "LongestMaxSize",
        "RandomSizedCrop",
        "SmallestMaxSize",
    }
    assert all(name in text for name, text in needing.items())


def test_a_smooth_deformation_folds_nothing_and_moves_as_the_paper_says() -> None:
    for size, spread in (((33, 33), 0.66), ((65, 301), 1.3), ((513, 513), 10), ((601, 901), 10)):
        transform = registry.load("transform", "SmoothDeformation").build(p=1)
        drawn = []
        for seed in range(100):
            transform.random_generator = np.random.default_rng(seed)
            maps = transform.get_params_dependent_on_data({"shape": (*size, 1)}, {})
            shift_x = maps["x"] - np.arange(size[1])
            shift_y = maps["y"] - np.arange(size[0])[:, None]
            # Neighbours stay in their order.
            assert np.diff(shift_x, axis=1).min() > -1 and np.diff(shift_y, axis=0).min() > -1
            # The middle pixel lies on a node of the coarse grid.
            drawn += [shift[size[0] // 2, size[1] // 2] for shift in (shift_x, shift_y)]
        assert np.std(drawn) == pytest.approx(spread, rel=0.2)


@pytest.mark.parametrize("level", [2, 10, 128, 250])
def test_relative_tone_leaves_the_structure(level: int) -> None:
    random = np.random.default_rng(0)
    image = np.clip(random.normal(level, level / 10 + 1, (SIDE, SIDE, 1)), 0, 255).astype(np.uint8)
    change = changes([{"RelativeTone": {"p": 1}}], shape=image.shape)
    means = []
    for seed in range(200):
        toned = change(image, None, [seed])[0]
        assert np.corrcoef(toned.ravel(), image.ravel())[0, 1] > 0.9
        means.append(toned.mean() - image.mean())
    assert np.ptp(means) > 0.4 * image.std()
