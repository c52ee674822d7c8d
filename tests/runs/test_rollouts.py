"""Rollouts of fields in time."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from pydantic import ValidationError

from mlzoo.core.errors import DataError, UsageError
from mlzoo.data.images.tiles import Cutting
from mlzoo.data.masks.reader import DenseReader
from mlzoo.data.specs import target_of
from mlzoo.reporting.rollout_export import error_growth, step_rows, write_rollouts
from mlzoo.runs.predicting.rollouts.fields import check_rollout, read_truth, rollouts
from mlzoo.runs.predicting.settings import PredictConfig


def made(
    line: bool = False,
    kind: str = "array",
    channels: int = 2,
    names: tuple[str, ...] = ("u",),
    tile: int | str = "none",
):
    """A run whose field is its first channel times its second."""
    reader = DenseReader(
        kind=kind,
        line=line,
        channels=channels,
        dtype="float32",
        target_names=names,
        task="fields",
        maximum=None if kind == "array" else 255.0,
    )
    return SimpleNamespace(
        reader=reader,
        reader_as=lambda _: reader,
        target=target_of("fields"),
        record={"task": "fields", "target_names": names},
        outputs=lambda x: x[..., :1] * x[..., 1:2],
        reach=1,
        tiling=lambda: Cutting(tile, 0, lambda: 1),
    )


def starts(line: bool) -> np.ndarray:
    u = 1 + np.random.default_rng(0).random((2, 4, 5, 1), "float32")
    x = np.concatenate([u, np.full_like(u, 0.5)], axis=-1)
    return x[:, 0] if line else x


@pytest.mark.parametrize("line", [False, True])
def test_fields_are_fed_back_and_other_channels_stay(line: bool) -> None:
    x = starts(line)
    truth = np.stack([x[..., 0] * 0.5**step for step in range(1, 6)], axis=1)
    rolled = list(rollouts(made(line), x, 3, truth))
    assert rolled[0].values.shape == (3, 1 if line else 4, 5, 1)
    for step in range(3):
        assert np.allclose(rolled[1].values[step, ..., 0], x[1, ..., 0] * 0.5 ** (step + 1))
    assert np.allclose(rolled[0].errors, 0, atol=1e-6)
    assert np.allclose(rolled[0].kept, [1, 3, 7])


def test_fields_are_cut_as_in_training() -> None:
    x, run = np.repeat(starts(line=False), 20, axis=1), made(tile=32)
    by_point, sizes = run.outputs, set()

    def outputs(tiles: np.ndarray) -> np.ndarray:
        sizes.add(tiles.shape[1:3])
        return by_point(tiles)

    run.outputs = outputs
    rolled = list(rollouts(run, x, 2))
    assert all(height <= 32 for height, _ in sizes), "no step sees a field as a whole"
    assert np.allclose(rolled[1].values[1, ..., 0], x[1, ..., 0] / 4)
    assert "tiles of 32 pixels that share 0 may show seams" in rolled[0].warnings[0]
    assert not list(rollouts(made(), x, 2))[0].warnings


def test_the_error_and_its_growth_are_told_and_drawn(tmp_path: Path) -> None:
    x = starts(line=False)
    truth = np.stack([x[..., :1] * 0.25**step for step in (1, 2)], axis=1)
    rolled = list(rollouts(made(), x, 2, truth))
    assert np.allclose(rolled[0].errors, [1, 3])
    rows = step_rows(rolled, ["u"])
    assert (rows[1]["step"], rows[1]["relative_l2"], rows[1]["start_kept"]) == (2, 3, 15)
    assert error_growth(rolled) == (
        "median relative L2 error 1 after 1 step, 3 after 2: times 3 a step; 15 if nothing changed"
    )
    write_rollouts(tmp_path, rolled, rows)
    assert np.load(tmp_path / "rollouts" / "sample-1.npy").shape == (2, 4, 5, 1)
    assert (tmp_path / "rollout.csv").read_text().startswith("name,step,mean_u,relative_l2")
    assert (tmp_path / "rollout.png").stat().st_size > 3000
    alone = list(rollouts(made(), x, 1))
    assert error_growth(alone) is None
    assert "relative_l2" not in step_rows(alone, ["u"])[0]


def test_truth_of_a_file_and_of_another_shape(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", truth=np.ones(3), other=np.zeros(2))
    assert read_truth(tmp_path / "a.npz").tolist() == [1, 1, 1]
    np.savez(tmp_path / "b.npz", first=np.ones(3), second=np.zeros(2))
    with pytest.raises(DataError, match="call the true fields `truth`"):
        read_truth(tmp_path / "b.npz")
    with pytest.raises(DataError, match=r"2 starts and 3 steps need \(2, 3 or more, height"):
        list(rollouts(made(), starts(line=False), 3, np.zeros((2, 2, 4, 5))))
    with pytest.raises(DataError, match=r"fields \(4, 6, 1\), but the rollout \(4, 5, 1\)"):
        list(rollouts(made(), starts(line=False), 1, np.zeros((2, 1, 4, 6))))


def test_what_can_not_be_fed_back_is_refused() -> None:
    with pytest.raises(UsageError, match="the model takes pixels of images"):
        check_rollout(made(kind="image"))
    with pytest.raises(UsageError, match="2 fields are to be .* the model takes 1 channels"):
        check_rollout(made(channels=1, names=("u", "v")))
    other = SimpleNamespace(
        target=target_of("segmentation"), reader=None, record={"task": "segmentation"}
    )
    with pytest.raises(UsageError, match="rollouts are of fields, and this run is of segm"):
        check_rollout(other)
    with pytest.raises(ValidationError, match="--truth: has no effect without --steps"):
        PredictConfig(truth=Path("a.npy"))
