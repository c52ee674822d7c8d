"""Distance of predictions from symmetries of their images."""

from __future__ import annotations

import numpy as np
import pytest

from mlzoo.checking.gradients.settings import SYMMETRIES
from mlzoo.checking.symmetries import CHANGES, measure_symmetries
from mlzoo.core.errors import UsageError
from mlzoo.data.specs import Target
from tests.evaluating.made import make_data


class MadeRun:
    """A run whose model is a function."""

    def __init__(self, x, y, outputs, target=None) -> None:
        self.data = make_data(x, y)
        self.outputs = outputs
        self.target = target or self.data.samples.target

    def require_predictions(self, command: str) -> None:
        pass

    def own_data(self, listener=None):
        return self.data


def images(count: int = 40, sides: tuple[int, int] = (10, 10)) -> np.ndarray:
    return np.random.default_rng(0).random((count, *sides, 1)).astype("float32")


def test_every_name_is_known() -> None:
    assert tuple(CHANGES) == SYMMETRIES


def test_what_looks_at_one_side_depends_on_mirroring_alone() -> None:
    def left(x: np.ndarray) -> np.ndarray:
        share = x[:, :, :5].mean(axis=(1, 2, 3)) / x.mean(axis=(1, 2, 3)) / 2
        return np.stack([share, 1 - share], axis=1)

    run = MadeRun(images(), np.arange(40) % 2, left)
    flip, upside = measure_symmetries(run, ("flip", "flip_vertical"))
    share = left(run.data.test.inputs())[:, 0]
    assert flip.samples == len(share)
    assert flip.change == pytest.approx(np.abs(2 * share - 1).mean(), rel=1e-4)
    assert flip.changed_classes == 1.0
    assert (upside.change, upside.changed_classes) == (pytest.approx(0, abs=1e-6), 0.0)


def test_predictions_at_pixels_are_to_change_with_the_image() -> None:
    field = Target("numbers", "pixel")
    found = measure_symmetries(
        MadeRun(images(), np.arange(40) % 2, lambda x: 3 * x, field), SYMMETRIES
    )
    assert [row.change for row in found] == [0.0] * 5
    fixed = np.linspace(0, 1, 100).reshape(10, 10, 1)
    run = MadeRun(images(), np.arange(40) % 2, lambda x: x + fixed, field)
    (row,) = measure_symmetries(run, ("rot90",))
    gap = np.abs(np.rot90(fixed, 1) - fixed).mean()
    spread = (run.data.test.inputs() + np.rot90(fixed, 1)).std()
    assert row.change == pytest.approx(gap / spread, rel=0.1) and row.changed_classes is None


def test_only_square_images_are_turned_and_only_images_changed() -> None:
    oblong = MadeRun(images(sides=(8, 10)), np.arange(40) % 2, lambda x: x.mean(axis=(1, 2)))
    with pytest.raises(UsageError, match="square images, but they are 8x10; use rot180"):
        measure_symmetries(oblong, ("rot90",))
    table = MadeRun(images()[:, :, 0, 0], np.arange(40) % 2, lambda x: x)
    with pytest.raises(UsageError, match="--symmetry is for images"):
        measure_symmetries(table, ("flip",))
