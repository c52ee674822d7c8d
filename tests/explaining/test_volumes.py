"""Explanations of volumes: targets, truth and evidence never reach from one slice into the next."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

from mlzoo.core.errors import DataError, UsageError
from mlzoo.data.volumes.slices import slices_of
from mlzoo.explaining.evidence import faithfulness, imputing, sanity, truth
from mlzoo.explaining.settings import ExplainConfig
from mlzoo.explaining.subjects import Subject
from mlzoo.explaining.targets import resolve_targets
from mlzoo.introspection.probe import Probe

DEPTH, SIDE = 3, 10


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((*shape, DEPTH * SIDE, SIDE)).astype("float32")


def flat_model() -> keras.Model:
    inputs = keras.Input((DEPTH * SIDE, SIDE, 1))
    return keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(inputs)))


def subject_of(model: Any, task: str, depth: int = DEPTH) -> Subject:
    run: Any = SimpleNamespace(reader=SimpleNamespace(depth=depth))
    return Subject(Path("run"), model, task, "image", ("void", "grain"), run=run)


def test_the_depth_is_that_of_the_data_where_the_model_has_none() -> None:
    model, x = flat_model(), noise(1)[..., None]
    assert subject_of(model, "classification").depth == DEPTH
    assert Probe(model, x).depth == 0
    probe = Probe(model, x, depth=DEPTH)
    assert (probe.depth, probe.layer) == (DEPTH, None)
    other = x.copy()
    other[:, -SIDE:] = 1  # no other slice's blur changes
    before, after = (slices_of(probe.baseline(each)[0], DEPTH) for each in (x, other))
    assert np.array_equal(before[:2], after[:2])
    assert not np.array_equal(before[2], after[2])
    tables = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    assert Probe(tables, np.zeros((1, 4), "float32"), depth=2).depth == 0


def test_what_is_filled_in_comes_from_the_same_slice() -> None:
    images, gone = noise(2)[..., None], noise(2, seed=1) > 0.5
    filled = imputing.fill(images, gone, depth=DEPTH)
    for number in range(DEPTH):
        rows = slice(number * SIDE, (number + 1) * SIDE)
        assert np.array_equal(filled[:, rows], imputing.fill(images[:, rows], gone[:, rows]))


def test_edges_are_those_of_slices() -> None:
    levels = np.repeat([0.0, 1.0, 5.0], SIDE)[:, None, None] * np.ones((1, SIDE, 1))
    assert faithfulness.edges(levels).max() > 0
    assert faithfulness.edges(levels, DEPTH).max() == 0


def test_similarities_of_maps_are_those_of_slices() -> None:
    a, b = noise(), noise(seed=1)
    for values in (a, b):  # one scale
        values[::SIDE, 0], values[1::SIDE, 0] = 0, 1
    each = [sanity.ssim(*pair) for pair in zip(slices_of(a, 3), slices_of(b, 3), strict=True)]
    assert sanity.ssim(a, b, DEPTH) == pytest.approx(np.mean(each))
    assert sanity.ssim(a, b) != pytest.approx(np.mean(each))
    parts = [sanity.hog(one) for one in slices_of(a, DEPTH)]
    histogram = sanity.hog(a, depth=DEPTH).reshape(DEPTH, -1)
    lengths = np.linalg.norm(histogram, axis=1, keepdims=True)
    assert histogram / lengths == pytest.approx(np.stack(parts))
    alike = sanity.alike(a[None], a[None], depth=DEPTH)
    assert alike == {"spearman": 1, "ssim": 1, "hog": 1}
    assert "ssim" not in sanity.alike(a[None], a[None], depth=6)  # slices of 5 rows


def test_regions_of_volumes_are_those_in_space() -> None:
    outputs = np.zeros((1, DEPTH, SIDE, SIDE, 2), "float32")
    outputs[..., 0] = 0.5
    outputs[0, 0, -3:, :2, 1] = 1  # 6 voxels, at the end of the first slice
    outputs[0, 1, :2, :2, 1] = 1  # 4 below it in the image, elsewhere in space
    outputs[0, 1, 5:7, 5:7, 1] = outputs[0, 2, 5:7, 5:7, 1] = 1  # 8 in two slices
    stack = outputs.reshape(1, DEPTH * SIDE, SIDE, 2)
    subject = subject_of(None, "segmentation")

    def region(**options: Any) -> np.ndarray:
        config = ExplainConfig(run="run", target="grain", **options)
        weights = resolve_targets(subject, config, stack, [None]).weights
        return slices_of(weights[0, ..., 1] > 0, DEPTH)

    assert region(region="largest").sum(axis=(1, 2)).tolist() == [0, 4, 4]
    outputs[..., 1] = 0
    outputs[0, 1, 2:8, 2:8, 1] = 1  # a plate is boundary as a whole
    assert region(region="boundary").sum(axis=(1, 2)).tolist() == [0, 36, 0]
    with pytest.raises(UsageError, match="--pixel 1,2: is for images, and these are volumes"):
        region(pixel="1,2")


def test_true_masks_of_volumes_are_read_by_their_pages(tmp_path: Path) -> None:
    mask = np.zeros((DEPTH, SIDE, SIDE), "uint8")
    mask[1, 2:4, 4:8] = 7
    pages = [Image.fromarray(each) for each in mask]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    inside = truth.read_truth(str(tmp_path), "x/a.tif", (DEPTH * SIDE, SIDE), DEPTH)
    assert inside is not None
    assert np.array_equal(slices_of(inside, DEPTH), mask > 0)
    half = truth.read_truth(str(tmp_path), "a.tif", (DEPTH * SIDE // 2, SIDE // 2), DEPTH)
    assert half is not None
    assert np.argwhere(slices_of(half, DEPTH)).tolist() == [[1, 1, 2], [1, 1, 3]]
    with pytest.raises(DataError, match="a.tif has 3 slices, but volumes have 2"):
        truth.read_truth(str(tmp_path), "a.tif", (2 * SIDE, SIDE), 2)
    pages[0].save(tmp_path / "b.png")
    with pytest.raises(DataError, match="b.png can't be read as the mask of a volume"):
        truth.read_truth(str(tmp_path), "b.tif", (DEPTH * SIDE, SIDE), DEPTH)
    (tmp_path / "boxes.csv").write_text("name,left,top,right,bottom\na.tif,1,2,3,4\n")
    with pytest.raises(DataError, match="boxes are for images, and samples are volumes of 3"):
        truth.check_truth(str(tmp_path / "boxes.csv"), ["a.tif"], DEPTH)
