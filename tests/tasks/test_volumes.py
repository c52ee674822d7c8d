"""Scores, losses and baselines of volumes: nothing reaches from one slice into the next."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from mlzoo.baselines import _linear_pixels
from mlzoo.baselines._pixel_features import fit_pixels, pixel_features, slice_features
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import UsageError
from mlzoo.core.validation.consistency import check_fit
from mlzoo.data import loading
from mlzoo.data.volumes.slices import stacked
from mlzoo.runs import datasets
from mlzoo.tasks._tallies import Counting

DEPTH, SIDE = 3, 8


def volumes(count: int = 6) -> np.ndarray:
    values = np.random.default_rng(0).integers(0, 200, (count, DEPTH, SIDE, SIDE, 1))
    return values.astype("uint8")


def test_distances_of_boundaries_are_those_of_slices() -> None:
    truth, predicted = np.zeros((2, 1, DEPTH, SIDE, SIDE), "uint8")
    truth[0, 0, 2:5] = 1  # the first slice; at its end lies no boundary to the second
    predicted[0, 0, 3:6] = 1
    truth[0, 1] = predicted[0, 1] = 1  # one class: no boundary
    truth[0, 2, :4] = 1  # of which nothing is predicted
    counting = Counting(["hausdorff95"], 2, tolerance=1.0)
    counting.see("", stacked(truth)[0], stacked(predicted)[0], DEPTH)
    counts = counting.of("")
    assert counts["hausdorff95"] == pytest.approx([(1 + math.hypot(SIDE, SIDE)) / 2])
    empty = np.zeros((DEPTH * SIDE, SIDE), "uint8")
    counting.see("none", empty, empty, DEPTH)
    assert np.isnan(counting.of("none")["hausdorff95"]).all()


def test_pixels_of_another_slice_are_not_within_the_tolerance() -> None:
    truth, predicted = np.zeros((2, 1, DEPTH, SIDE, SIDE), "uint8")
    truth[0, 0, -1, 3] = 1
    predicted[0, 1, 0, 3] = 1  # next to it in the image, but in the next slice
    counting = Counting([], 2, tolerance=2.0)
    counting.see("", stacked(truth)[0], stacked(predicted)[0], DEPTH)
    counts = next(iter(counting.of("").values()))
    assert (counts[0, 1] * DEPTH).round(9).tolist() == [0, 1, 0, 1]


def test_losses_that_look_at_neighbors_are_refused() -> None:
    config = RunConfig(model="unet", data="-", loss="crossentropy+boundary")
    check_fit(config, "segmentation")
    with pytest.raises(UsageError, match="--loss boundary looks at the neighbors .* 3 slices"):
        check_fit(config, "segmentation", depth=DEPTH)
    check_fit(config.model_copy(update={"loss": "crossentropy+dice"}), "segmentation", DEPTH)


def test_features_of_pixels_are_those_of_their_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    x = volumes(1)
    expected = np.concatenate([pixel_features(each, 255) for each in x[0]])
    assert np.array_equal(slice_features(stacked(x)[0], 255, DEPTH), expected)
    monkeypatch.setattr("mlzoo.baselines._pixel_features._STRIP", 3 * SIDE)
    y = (x[..., 0] > 100).astype("uint8")
    masks = stacked(y)
    fitted = fit_pixels(stacked(x), masks, 2, 255, depth=DEPTH)
    # What one slice holds changes nothing of what is predicted in another.
    other = x.copy()
    other[0, 1] = 255 - other[0, 1]
    before, after = (fitted.predict(stacked(each)[0]) for each in (x, other))
    assert before.reshape(DEPTH, -1)[[0, 2]].tolist() == after.reshape(DEPTH, -1)[[0, 2]].tolist()
    assert (before == masks[0]).mean() > 0.9


def test_linear_models_of_masks_and_fields_see_slices(tmp_path: Path) -> None:
    x = volumes()
    smooth = stacked(x)[..., 0].reshape(len(x), DEPTH, SIDE, SIDE)
    for y in ((smooth > 100).astype("uint8"), smooth.astype("float32") / 7):
        np.savez(tmp_path / "a.npz", x=x, y=y)
        config = RunConfig(model="unet", data=str(tmp_path / "a.npz"), source="volumes")
        data = datasets.arrange(loading.read(config), config, 0)
        baseline = _linear_pixels.fit(data, 0)
        other = x[0].copy()
        other[1] = 255 - other[1]
        before, after = (
            np.asarray(baseline.predict(stacked(each[None])[0])).reshape(DEPTH, -1)
            for each in (x[0], other)
        )
        assert np.array_equal(before[[0, 2]], after[[0, 2]])
        assert not np.array_equal(before[1], after[1])
