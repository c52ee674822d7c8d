from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlzoo.core.errors import DataError, UsageError
from mlzoo.data import loading
from mlzoo.data.inputs import read_labelled
from mlzoo.data.samples import Part, Samples
from mlzoo.data.specs import IGNORED
from mlzoo.runs import datasets
from tests.data.pictures import config

COUNT, HEIGHT, WIDTH = 10, 12, 9
RANDOM = np.random.default_rng(0)
X = RANDOM.integers(0, 256, (COUNT, HEIGHT, WIDTH, 3), np.uint8)
MASKS = RANDOM.integers(0, 3, (COUNT, HEIGHT, WIDTH))
FIELDS = RANDOM.normal(size=(COUNT, HEIGHT, WIDTH, 2))


def read(folder: Path, options: dict[str, Any] | None = None, **arrays: Any) -> Samples:
    np.savez(folder / "d.npz", **arrays)
    return loading.read(config(folder / "d.npz", **options or {}))


def with_one(values: np.ndarray, value: float) -> np.ndarray:
    """The same with another value in sample 4."""
    changed = values.copy()
    changed[4].flat[7] = value
    return changed


# -- Masks


@pytest.mark.parametrize(
    "names", [("x", "y"), ("images", "masks"), ("x", "masks"), ("inputs", "targets"), ("p", "q")]
)
def test_names_of_pairs(tmp_path: Path, names: tuple[str, str]) -> None:
    samples = read(tmp_path, **dict(zip(names, (X, MASKS), strict=True)))
    assert (samples.task, samples.kind, samples.maximum) == ("segmentation", "image", 255)
    assert np.array_equal(samples.inputs, X)
    assert np.array_equal(samples.targets, MASKS)
    assert samples.targets.dtype == np.uint8
    assert samples.class_names == ("0", "1", "2")
    assert samples.pixels.tolist() == [np.bincount(m.ravel()).tolist() for m in MASKS]
    share = (MASKS == 2).mean()
    assert any(f"2 is 2 ({share:.1%}) (--source-set threshold=" in n for n in samples.notes)


@pytest.mark.parametrize(
    "masks",
    [
        MASKS.astype(np.uint8),
        MASKS.astype(np.int64)[..., None],
        MASKS.astype(np.float32),
        MASKS.astype(np.float64)[..., None],
        MASKS.astype(np.uint16),
    ],
)
def test_masks_of_every_type(tmp_path: Path, masks: np.ndarray) -> None:
    assert np.array_equal(read(tmp_path, x=X, y=masks).targets, MASKS)


def test_masks_of_two_values(tmp_path: Path) -> None:
    for true in (True, 1, 255, 1.0, 255.0):
        masks = (MASKS > 0) * np.array(true)
        samples = read(tmp_path, x=X, y=masks)
        assert np.array_equal(samples.targets, MASKS > 0)
        assert samples.class_names == ("background", "foreground")


def test_ignored_values_and_thresholds(tmp_path: Path) -> None:
    void = np.where(MASKS == 2, 255, MASKS)
    samples = read(tmp_path, x=X, y=void)
    assert np.array_equal(samples.targets, np.where(MASKS == 2, IGNORED, MASKS))
    assert samples.class_names == ("background", "foreground")
    assert any(note.startswith("ignored: value 255") for note in samples.notes)
    other = read(tmp_path, {"source_set": {"ignore_index": 0}}, x=X, y=MASKS)
    assert np.array_equal(other.targets, np.where(MASKS == 0, IGNORED, MASKS - 1.0))
    assert other.class_names == ("1", "2")
    gray = read(tmp_path, {"source_set": {"threshold": 100}}, x=X, y=X[..., 0])
    assert np.array_equal(gray.targets, X[..., 0] >= 100)
    with pytest.raises(UsageError, match="threshold and ignore exclude each other"):
        read(tmp_path, {"source_set": {"threshold": 9, "ignore_index": 0}}, x=X, y=MASKS)
    for options in ({"threshold": 1}, {"ignore_index": 0}):
        with pytest.raises(DataError, match="are for masks, which have the images' height"):
            read(tmp_path, {"source_set": options}, x=X, y=np.arange(COUNT) % 2)
        with pytest.raises(DataError, match="are for masks of classes"):
            read(tmp_path, {"source_set": options}, x=X, y=FIELDS)


def test_empty_masks_are_named(tmp_path: Path) -> None:
    masks = MASKS.copy()
    masks[[3, 5]] = 0
    assert read(tmp_path, x=X, y=masks).warnings == (
        "2 of 10 masks hold '0' only: sample 3, sample 5",
    )


def test_rare_and_stray_values_are_named(tmp_path: Path) -> None:
    warned = "rare classes, if they are any: '9' on 1 pixel, only in sample 4 (correct the masks)"
    asked, told = read(tmp_path, x=X, y=with_one(MASKS, 9)).warnings
    assert told == warned and asked.startswith("the highest value, 9, has no name")
    assert "--source-set ignore=9;" in asked
    binary = with_one(255 * (MASKS > 0), 77)
    with pytest.raises(
        DataError, match="masks hold 0 and 255, but 1 of 1,080 pixels 77, in sample 4"
    ):
        read(tmp_path, x=X, y=binary)
    assert read(tmp_path, {"source_set": {"threshold": 128}}, x=X, y=binary).warnings == ()


def test_given_parts(tmp_path: Path) -> None:
    arrays = {"x_train": X[:6], "y_train": MASKS[:6], "x_val": X[6:8], "y_val": MASKS[6:8]}
    read(tmp_path, **arrays, x_test=X[8:], y_test=MASKS[8:])
    data = datasets.load(config(tmp_path / "d.npz"))
    assert [len(part) for part in data.parts().values()] == [6, 2, 2]
    assert np.array_equal(data.valid.targets, MASKS[6:8])
    assert np.array_equal(data.test.image(1), X[9])
    assert np.array_equal(data.test.target(1), MASKS[9])
    assert data.outputs.units == 3


def test_folders_and_gray_images(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X[..., 0])
    np.save(tmp_path / "y.npy", MASKS)
    samples = loading.read(config(tmp_path))
    assert np.array_equal(samples.inputs, X[..., :1])
    assert np.array_equal(samples.targets, MASKS)
    part = Part(samples, np.array([2, 0]))
    assert np.array_equal(part.image(0), X[2, ..., :1])
    assert part.size(1) == (HEIGHT, WIDTH)


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        (with_one(MASKS, -1), "values run from -1 to 2 (fields of numbers: --task regression)"),
        (with_one(MASKS.astype(float), -1), "values run from -1.0 to 2.0"),
        (with_one(MASKS, 256), "values run from 0 to 256"),
        (with_one(MASKS, 2**32), "values run from 0 to 4294967296"),
        (np.zeros_like(MASKS), "one class only (0)"),
        (np.full_like(MASKS, 7), "one class only (7)"),
        (RANDOM.integers(0, 256, (COUNT, 40, 40)), "different values"),
        (np.eye(3)[MASKS], "one-hot masks; save them as np.argmax(masks, axis=-1)"),
        (np.eye(3, dtype=bool)[MASKS], "one-hot masks"),
        (with_one(FIELDS, np.inf), "a field holds infinite values"),
        (FIELDS * [1, np.nan], "a field holds infinite values, or nothing but NaN"),
        (MASKS.astype(str), "fields are numbers, got <U21"),
        (MASKS[:-1], "10 inputs (shape"),
    ],
)
def test_what_is_refused(tmp_path: Path, masks: np.ndarray, message: str) -> None:
    images = np.zeros((COUNT, 40, 40), np.uint8) if masks.shape[1] == 40 else X
    with pytest.raises(DataError, match=re.escape(message)):
        read(tmp_path, x=images, y=masks)


def test_images_are_checked_as_elsewhere(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="NaN or infinite values in 1 of 10 samples, first in samp"):
        read(tmp_path, x=with_one(X.astype(float), np.nan), y=MASKS)
    with pytest.raises(DataError, match="--source-set kind=array"):
        read(tmp_path, x=X - 9.5, y=MASKS)
    for x in (X - 9.5, (X - 9.5)[..., 0]):
        samples = read(tmp_path, {"source_set": {"kind": "array"}}, x=x, y=MASKS)
        assert (samples.kind, samples.maximum) == ("array", None)
        assert np.array_equal(samples.inputs, x.reshape(*X.shape[:3], -1).astype(np.float32))
        assert samples.reader.channels == samples.inputs.shape[-1]


# -- Fields


@pytest.mark.parametrize("kind", ["auto", "array"])
def test_fields(tmp_path: Path, kind: str) -> None:
    fields = with_one(FIELDS, np.nan)
    samples = read(tmp_path, {"source_set": {"kind": kind}}, x=X / 255, y=fields)
    assert samples.task == "fields"
    assert samples.kind == ("image" if kind == "auto" else "array")
    assert np.array_equal(samples.targets, fields.astype(np.float32), equal_nan=True)
    assert samples.target_names == ("field0", "field1")
    assert samples.class_names == () and samples.pixels is None
    assert any("fields: 2 at every pixel, 0.0% of the values NaN" in n for n in samples.notes)
    data = datasets.load(config(tmp_path / "d.npz", source_set={"kind": kind}))
    assert (data.outputs.task, data.outputs.units) == ("fields", 2)
    assert data.outputs.mean == pytest.approx(
        np.nanmean(fields[data.train.indices], axis=(0, 1, 2)), rel=1e-5
    )


def test_one_field_and_gray_images(tmp_path: Path) -> None:
    for x in (X[..., 0], X[..., 0] / 255):
        samples = read(tmp_path, x=x, y=FIELDS[..., 0])
        assert samples.task == "fields"
        assert samples.inputs.shape == (COUNT, HEIGHT, WIDTH, 1)
        assert samples.maximum == (255 if x.dtype == np.uint8 else 1)
        assert np.array_equal(samples.targets, FIELDS[..., :1].astype(np.float32))
        assert samples.target_names == ("field",)


def test_whole_numbers_are_fields_where_that_is_said_or_several_stand_at_a_pixel(
    tmp_path: Path,
) -> None:
    several = np.round(5 * FIELDS)
    samples = read(tmp_path, x=X, y=several)
    assert samples.task == "fields"
    assert np.array_equal(samples.targets, several)
    said = read(tmp_path, {"task": "regression"}, x=X, y=MASKS - 1)
    assert said.task == "fields"
    assert np.array_equal(said.targets[..., 0], MASKS - 1)


def test_the_fingerprint_follows_the_targets(tmp_path: Path) -> None:
    def fingerprint(y: np.ndarray) -> str:
        read(tmp_path, x=X, y=y)
        return datasets.load(config(tmp_path / "d.npz")).fingerprint

    assert fingerprint(MASKS) == fingerprint(MASKS.astype(np.uint8))
    assert fingerprint(MASKS) != fingerprint(with_one(MASKS, (MASKS[4].flat[7] + 1) % 3))
    assert fingerprint(FIELDS) != fingerprint(with_one(FIELDS, 9))


def test_targets_of_another_size_are_no_masks(tmp_path: Path) -> None:
    for y in (MASKS[:, :-1], FIELDS[:, :, 1:]):
        with pytest.raises(DataError, match="must have the images' height and width"):
            read(tmp_path, x=X, y=y)


# -- Fields of one dimension


@pytest.mark.parametrize("channels", [(), (2,)])
def test_fields_of_one_dimension_are_images_of_a_row(
    tmp_path: Path, channels: tuple[int, ...]
) -> None:
    x = RANDOM.normal(size=(COUNT, 20, *channels))
    y = RANDOM.normal(size=(COUNT, 20, 3))
    samples = read(tmp_path, {"source_set": {"kind": "line"}}, x=x, y=y)
    assert samples.inputs.shape == (COUNT, 1, 20, *(channels or (1,)))
    assert samples.task == "fields" and samples.targets.shape == (COUNT, 1, 20, 3)
    np.savez(tmp_path / "new.npz", x=x[:4, ::2], y=y[:4, ::2])
    reader = samples.reader.model_copy(update={"task": "fields", "target_names": ("a", "b", "c")})
    new = read_labelled(str(tmp_path / "new.npz"), reader)
    np.testing.assert_array_equal(new.inputs, samples.inputs[:4, :, ::2])
    np.testing.assert_array_equal(new.targets, samples.targets[:4, :, ::2])


def test_points_of_fields_must_agree(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="at the same points, but they have shapes"):
        read(tmp_path, {"source_set": {"kind": "line"}}, x=np.zeros((9, 20)), y=np.zeros((9, 19)))
