"""Anomaly detection by nearest features: what is stored, scored, drawn and written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from mlzoo_cli.evaluate import scores as scores_table
from PIL import Image
from sklearn.metrics import roc_auc_score

from mlzoo.core.errors import UsageError
from mlzoo.data.specs import Inputs, Outputs
from mlzoo.layers.nearest_features import NearestFeature, coreset
from mlzoo.layers.portable import foreign, in_stock_layers
from mlzoo.models import patchcore
from mlzoo.reporting.error_export import write_error_maps
from mlzoo.runs.config_loading import merge
from mlzoo.statistics.scorers import Reconstructions
from mlzoo.tasks._anomalies import ReconstructionTally
from mlzoo.training.train import train_merged

SETTINGS: dict[str, Any] = {"filters": 2, "bank": 60, "epochs": 1, "backbone": "rotation"}
SIDE = 16


def stripes(count: int, seed: int, spot: bool) -> np.ndarray:
    """Images (count, SIDE, SIDE) uint8 of noisy stripes, with a black square of 5x5 if wanted."""
    rng = np.random.default_rng(seed)
    pattern = np.where(np.arange(SIDE) // 2 % 2, 180.0, 90.0)
    x = np.tile(pattern, (count, SIDE, 1)) + rng.normal(0, 6, (count, SIDE, SIDE))
    for image in x if spot else ():
        top, left = rng.integers(0, SIDE - 5, 2)
        image[top : top + 5, left : left + 5] = 0
    return np.clip(x, 0, 255).astype("uint8")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    root = tmp_path_factory.mktemp("anomaly")
    x = np.concatenate([stripes(130, 1, False), stripes(30, 2, True)])
    np.savez(root / "d.npz", x=x, y=np.repeat(["whole", "spot"], [130, 30]))
    given = {"model": "patchcore", "data": str(root / "d.npz"), "normal": "whole", "set": SETTINGS}
    return train_merged(merge({**given, "out": str(root / "runs")}))


def test_distances_are_those_to_the_nearest_stored_feature() -> None:
    layer = NearestFeature(4)
    x = np.array([[[[0.0, 0], [3, 4]]]], "float32")
    layer.build(x.shape)
    layer.store(np.array([[0, 1], [3, 4]], "float32"))
    assert keras.ops.convert_to_numpy(layer(x)).ravel().tolist() == pytest.approx([0.5, 0])
    layer.store(np.array([[1000, 1000.25], [1000, 1000.125], [999, 1001]], "float32"))
    near = keras.ops.convert_to_numpy(layer(np.full((1, 1, 1, 2), 1000, "float32")))
    assert near.item() == 0.125**2 / 2  # the squares of 1000 have no such digits


def test_a_coreset_leaves_no_feature_far() -> None:
    rng = np.random.default_rng(0)
    centers = 10 * np.eye(5)
    points = np.repeat(centers, [500, 3, 2, 2, 1], axis=0) + rng.normal(0, 0.1, (508, 5))
    chosen = coreset(points.astype("float32"), 5, rng)
    assert sorted(np.round(points[chosen] / 10).argmax(axis=1)) == [0, 1, 2, 3, 4]
    assert coreset(points[:3], 9, rng).tolist() == [0, 1, 2]


def test_spots_are_found_and_told_of_each_kind(run: Any) -> None:
    scores = run.metrics["test"]["metrics"]
    assert scores["roc_auc"] > 0.95
    [kind] = scores["per_kind"]
    assert kind["kind"] == "spot" and kind["roc_auc"] == pytest.approx(scores["roc_auc"])
    assert run.metrics["test"]["headline"] == "roc_auc"
    assert {"pca", "nearest"} <= set(run.metrics["test"]["baselines"])
    assert "per_kind" in run.metrics["test"]["baselines"]["nearest"]
    assert (run.path / "plots" / "reconstructions.png").is_file()
    assert "| spot | " in (run.path / "README.md").read_text()


def test_without_known_anomalies_all_count_as_normal(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=stripes(60, 1, False), y=np.repeat(["a", "b"], 30))
    given = {"model": "patchcore", "data": str(tmp_path / "d.npz"), "set": SETTINGS}
    given |= {"fractions": "40/40/20", "pictures": "none", "out": str(tmp_path / "runs")}
    run = train_merged(merge({**given, "baselines": "none"}))
    assert run.metrics["headline"]["name"] == "false_alarms"
    flagged = [line.split(",") for line in (run.path / "predictions.csv").read_text().splitlines()]
    p_values = [float(cells[flagged[0].index("p_value")]) for cells in flagged[1:]]
    share = np.mean(np.array(p_values) <= 0.05)
    assert run.metrics["test"]["metrics"]["false_alarms"] == pytest.approx(share)
    none = train_merged(merge({**given, "fractions": "80/0/20", "name": "none"}))
    assert none.metrics["headline"]["value"] is None


def test_two_kinds_are_told_apart_in_the_table() -> None:
    sums = np.stack([np.ones(6), [1, 2, 3, 4, 9, 8], np.ones(6)], axis=1)
    known = np.array([0, 0, 1, 1, 1, 1], bool)
    kinds = {"a": np.array([0, 0, 1, 1, 0, 0], bool), "b": np.array([0, 0, 0, 0, 1, 1], bool)}
    tally = ReconstructionTally(Reconstructions(sums, known), kinds=kinds)
    a, b = tally.tables()["per_kind"]
    assert a["roc_auc"] == b["roc_auc"] == 1 and a["samples"] == 2
    metrics = {"roc_auc": 1.0, "per_kind": [a, {**b, "roc_auc": 0.25}]}
    theirs = {"pca": {"roc_auc": 0.5, "per_kind": [{**a, "roc_auc": 0.5}, {**b, "roc_auc": 0.75}]}}
    result = {"metrics": metrics, "baselines": theirs, "part": "test", "samples": 6}
    lines = scores_table({**result, "intervals": {}}).splitlines()
    assert lines[-3].split()[:6] == ["kind", "of", "anomaly", "samples", "roc_auc", "pca"]
    assert lines[-1].split()[:4] == ["b", "2", "0.25", "0.75"]


def test_new_images_get_score_p_value_map_and_mask(run: Any, tmp_path: Path) -> None:
    new = np.concatenate([stripes(40, 3, False), stripes(40, 4, True)])[..., None]
    found = run.reconstruct(new)
    known = np.repeat([0, 1], 40)
    assert roc_auc_score(known, found.scores) > 0.95
    np.testing.assert_allclose(found.scores, found.maps.max(axis=(1, 2)), rtol=1e-6)
    assert found.values is None and found.p_values[known == 1].max() <= 0.3
    write_error_maps(tmp_path, found)
    assert not (tmp_path / "restored").exists()
    mask = np.asarray(Image.open(tmp_path / "masks" / "sample 79.png"))
    assert set(np.unique(mask)) <= {0, 255}
    np.testing.assert_array_equal(mask > 0, found.maps[79] > found.threshold)


def test_nothing_is_trained_by_descent(run: Any) -> None:
    assert not run.model.trainable_variables and run.metrics["epochs"] == 1


def test_a_file_of_keras_own_layers_gives_the_same_maps(run: Any, tmp_path: Path) -> None:
    stock = in_stock_layers(run.model)
    assert foreign(stock) == []
    stock.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    x = np.concatenate([stripes(2, 3, False), stripes(2, 4, True)])[..., None].astype("float32")
    expected = keras.ops.convert_to_numpy(run.model(x))
    np.testing.assert_allclose(loaded.predict_on_batch(x), expected, rtol=1e-4, atol=1e-5)


def test_whole_images_have_one_distance() -> None:
    config = patchcore.Config(**{**SETTINGS, "patches": False})
    outputs = Outputs("anomaly", 1, shape=(SIDE, SIDE, 1))
    model = patchcore.build(config, Inputs((SIDE, SIDE, 1), "image"), outputs)
    maps = keras.ops.convert_to_numpy(model(np.random.default_rng(0).random((2, SIDE, SIDE, 1))))
    assert maps.shape == (2, SIDE, SIDE, 1) and np.ptp(maps, axis=(1, 2)).max() < 1e-6


def test_a_wrong_backbone_or_small_images_are_refused() -> None:
    with pytest.raises(ValueError, match="backbone"):
        patchcore.Config(backbone="mobilenet_v9")
    with pytest.raises(UsageError, match="8x8 up"):
        outputs = Outputs("anomaly", 1, shape=(6, 6, 1))
        patchcore.build(patchcore.Config(), Inputs((6, 6, 1), "image"), outputs)
