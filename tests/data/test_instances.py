"""Masks of instances: recognized, turned into classes of pixels, and told apart again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlzoo.core.errors import DataError, UsageError
from mlzoo.data import loading
from mlzoo.data.inputs import read_labelled
from mlzoo.data.masks.instances import classes_of, instances_of, measure
from mlzoo.data.samples import Part
from mlzoo.sources._cells import cells
from mlzoo.statistics.separation.instances import overlap
from tests.data.pictures import config, noise, save

PAIR = np.array(
    [
        [0, 0, 0, 0, 0, 0, 0, 0],
        [1, 1, 1, 2, 2, 2, 0, 0],
        [1, 1, 1, 2, 2, 2, 0, 3],
        [1, 1, 1, 2, 2, 2, 0, 3],
    ]
)


def folder(root: Path, ids: list[np.ndarray], image: int = 0) -> Path:
    for number, mask in enumerate(ids, start=image):
        save(root / f"images/{number}.png", noise(number, *mask.shape))
        save(root / f"masks/{number}.png", mask)
    return root


def crowded(count: int, dtype: Any = np.uint8, first: int = 1) -> list[np.ndarray]:
    """Masks of 6, 7, ... squares of 3x3, every other one touching the next."""
    masks = []
    for number in range(count):
        mask = np.zeros((12, 48), dtype)
        for i in range(6 + number):
            left = 4 * i + (0 if i % 2 else 1)
            mask[2:5, left : left + 3] = first + i
        masks.append(mask)
    return masks


def read(path: Path, **fields: Any) -> Any:
    return loading.read(config(path, **fields))


def test_classes_of_touching_instances() -> None:
    assert classes_of(PAIR).tolist() == [
        [0, 0, 0, 0, 0, 0, 0, 0],
        [2, 2, 2, 2, 2, 2, 0, 0],
        [1, 1, 2, 2, 1, 2, 0, 1],  # the image's edge is no border; a thin one has no inside
        [1, 1, 2, 2, 1, 2, 0, 1],
    ]


def test_a_watershed_from_the_insides_gives_borders_to_their_instances() -> None:
    found = instances_of(classes_of(PAIR))
    assert found.max() == 3 and np.array_equal(found > 0, PAIR > 0)
    assert (overlap(PAIR, found)[2].max(axis=1) >= 0.8).all()  # a corner could be of either
    alone = np.array([[2, 2, 0, 0], [2, 2, 0, 1]])  # a border that encloses nothing is an instance
    assert instances_of(alone).tolist() == [[2, 2, 0, 0], [2, 2, 0, 1]]
    assert not instances_of(np.zeros((3, 3), np.uint8)).any()


def test_a_gap_in_a_border_joins_no_round_instances() -> None:
    y, x = np.mgrid[:15, :28]
    two = (np.hypot(x - 7, y - 7) < 7) + 2 * (np.hypot(x - 20, y - 7) < 7)
    classes = classes_of(two)
    classes[7, 12:15] = 1  # between the two
    found = instances_of(classes)
    assert found.max() == 2 and (np.sort(np.bincount(found.ravel())[1:]) > 130).all()
    edge = np.ones((4, 4), np.uint8)  # one instance fills the image
    assert np.array_equal(instances_of(edge), edge)


def test_measures_of_instances() -> None:
    assert measure(PAIR)[1:] == [
        {"instance": 2, "area": 9, "row": 2.0, "column": 4.0},
        {"instance": 3, "area": 2, "row": 2.5, "column": 7.0},
    ]
    assert measure(np.zeros((2, 2), int)) == []


def test_generated_cells_touch_and_come_back_from_their_classes() -> None:
    _, masks = cells(12, 8.0, np.random.default_rng(0))
    for ids in masks:
        again = instances_of(classes_of(ids))
        assert again.max() == ids.max() and (again > 0).sum() == (ids > 0).sum()
        for number in range(1, ids.max() + 1):
            found = np.bincount(again[ids == number]).argmax()
            either = ((again == found) | (ids == number)).sum()
            assert ((again == found) & (ids == number)).sum() > 0.7 * either
    touching = [((m[:, 1:] != m[:, :-1]) & (m[:, 1:] > 0) & (m[:, :-1] > 0)).any() for m in masks]
    assert all(touching)


def test_numbers_that_differ_from_mask_to_mask_are_ids(tmp_path: Path) -> None:
    masks = crowded(5)
    samples = read(folder(tmp_path, masks))
    assert samples.task == "instances" and samples.target.separate
    assert samples.class_names == ("background", "inside", "border")
    assert any("number instances, 8 in the middle one of 5 masks" in note for note in samples.notes)
    assert np.array_equal(samples.targets[3], classes_of(masks[3]))
    assert np.array_equal(Part(samples, np.array([4, 1])).instances(1), masks[1])
    assert samples.pixels[0].tolist() == np.bincount(classes_of(masks[0]).ravel()).tolist()


def test_few_or_equal_numbers_are_classes_unless_said(tmp_path: Path) -> None:
    masks = [np.minimum(mask, 4) for mask in crowded(5)]
    path = folder(tmp_path, masks)
    assert read(path).task == "segmentation"
    assert read(path, task="instances").task == "instances"
    assert read(folder(tmp_path / "same", [crowded(1)[0]] * 3)).task == "segmentation"


def test_ids_of_16_bits_need_the_task(tmp_path: Path) -> None:
    masks = crowded(4, np.uint16, first=900)
    path = folder(tmp_path, masks)
    with pytest.raises(DataError, match="--task instances"):
        read(path)
    samples = read(path, task="instances")
    assert np.array_equal(samples.instances[2], masks[2]) and samples.instances.dtype == np.uint16


def test_images_of_several_sizes_and_new_ones(tmp_path: Path) -> None:
    masks = [mask[:, : 30 + i] for i, mask in enumerate(crowded(4))]
    samples = read(folder(tmp_path / "a", masks))
    part = Part(samples, np.arange(4))
    assert samples.targets[0].shape == (12, 33) and part.instances(0).shape == (12, 30)
    new = read_labelled(str(folder(tmp_path / "b", masks[:2])), samples.reader)
    assert np.array_equal(Part(new, np.arange(2)).instances(1), masks[1])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"task": "regression"}, "task regression is not for masks; choose segmentation, or inst"),
        ({"task": "instances", "source_set": {"threshold": 9}}, "no effect on ids of instances"),
    ],
)
def test_what_does_not_go_together(tmp_path: Path, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read(folder(tmp_path, crowded(3)), **fields)


def test_arrays_of_ids(tmp_path: Path) -> None:
    ids = np.stack(crowded(3, np.int64, first=300))
    np.savez(tmp_path / "d.npz", x=np.zeros((3, 12, 48), np.uint8), y=ids)
    samples = read(tmp_path / "d.npz", task="instances")
    assert np.array_equal(samples.instances, ids) and samples.task == "instances"
    new = read_labelled(str(tmp_path / "d.npz"), samples.reader)
    assert np.array_equal(new.instances, ids) and np.array_equal(new.targets, samples.targets)
    np.savez(tmp_path / "none.npz", x=np.zeros((3, 12, 48), np.uint8), y=0 * ids)
    with pytest.raises(DataError, match="all pixels are 0"):
        read(tmp_path / "none.npz", task="instances")
