"""Scores of models for every pixel: whole images, one by one, beside baselines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mlzoo.core.errors import DivergedError
from mlzoo.data.contracts import task
from mlzoo.data.images.tiles import Tiling
from mlzoo.data.samples import Data, Part, Samples
from mlzoo.data.specs import IGNORED, Inputs, Outputs
from mlzoo.evaluating.evaluate import evaluate, write_predictions
from mlzoo.tasks import fields
from mlzoo.tasks._dense import whole
from mlzoo.tasks._tallies import TallyOutcome


def masks(count: int = 10, groups: np.ndarray | None = None) -> Data:
    """Images of 20x24 whose pixels over 128 are of the second class; a corner is ignored."""
    x = np.random.default_rng(0).integers(0, 256, (count, 20, 24, 1), dtype=np.uint8)
    y = (x[..., 0] > 128).astype(np.uint8)
    y[:, :4, :5] = IGNORED
    pixels = np.stack([(y == k).sum(axis=(1, 2)) for k in (0, 1)], axis=1)
    samples = Samples(
        x, y, "segmentation", "image", ("low", "high"), maximum=255.0, pixels=pixels, groups=groups
    )
    return split(samples, Outputs("segmentation", 2))


def split(samples: Samples, outputs: Outputs) -> Data:
    cuts = int(0.6 * len(samples)), int(0.8 * len(samples))
    parts = [Part(samples, piece) for piece in np.split(np.arange(len(samples)), cuts)]
    shape = samples.inputs.shape[1:]
    return Data(samples, *parts, Inputs(shape, samples.kind), outputs, "f")


def threshold(level: float):
    """Sure of the second class where a pixel is over `level`."""

    def predict(x: np.ndarray) -> np.ndarray:
        high = (x[..., 0] > level).astype("float32")
        return np.stack([1 - high, high], axis=-1)

    return predict


def test_a_perfect_prediction_scores_one_and_ignored_pixels_do_not_count() -> None:
    result, outcome = evaluate(threshold(128), masks(), "test")
    assert isinstance(outcome, TallyOutcome)
    assert result["metrics"]["mean_iou"] == result["metrics"]["boundary_f1"] == 1
    assert np.sum(result["metrics"]["confusion"]) == 2 * (20 * 24 - 4 * 5)
    assert result["interval_unit"] == "images" and result["units"] == 2
    assert outcome.tally.scores().tolist() == [1, 1]


def test_scores_are_those_of_all_pixels_together() -> None:
    data = masks(30)
    result, _ = evaluate(threshold(160), data, "test")
    x, y = data.test.inputs()[..., 0], data.test.targets
    said, known = x > 160, y != IGNORED
    for position, row in enumerate(result["metrics"]["per_class"]):
        truth, chosen = (y == position) & known, (said == position) & known
        assert row["iou"] == pytest.approx((truth & chosen).sum() / (truth | chosen).sum())
        assert row["precision"] == pytest.approx((truth & chosen).sum() / chosen.sum())
        assert row["recall"] == pytest.approx((truth & chosen).sum() / truth.sum())
    accuracy = ((said == y) & known).sum() / known.sum()
    assert result["metrics"]["pixel_accuracy"] == pytest.approx(accuracy)
    low, high = result["intervals"]["mean_iou"]
    assert low < result["metrics"]["mean_iou"] < high


def test_a_tolerance_forgives_lines_beside_their_place() -> None:
    """Lines of 20 pixels, predicted 2 columns to the right, in the last image not at all."""
    truth = np.zeros((10, 20, 24), np.uint8)
    truth[:, :, 5] = 1
    lines = np.roll(truth, 2, axis=2)
    lines[9] = 0
    samples = Samples(lines[..., None], truth, "segmentation", "image", ("tile", "crack"))
    data = split(samples, Outputs("segmentation", 2))
    result, outcome = evaluate(threshold(0), data, "test", baselines="none")
    assert "tolerant_f1" not in result["metrics"] and "tolerance" not in result
    close = {}
    for tolerance in (1.0, 2.0):
        result, outcome = evaluate(
            threshold(0), replace(data, tolerance=tolerance), "test", baselines="none"
        )
        names = ("tolerant_precision", "tolerant_recall", "tolerant_f1")
        close[tolerance] = [result["metrics"][name] for name in names]
        assert result["tolerance"] == tolerance and result["metrics"]["mean_iou"] < 0.5
        assert set(names) <= result["intervals"].keys()
    # Of two images one has a line: all that is predicted is right, half of what is true missed.
    assert close == {1.0: [0, 0, 0], 2.0: [1, 0.5, pytest.approx(2 / 3)]}
    one = outcome.scorers()["tolerant_f1"](np.eye(2))
    assert one.tolist() == [1, 0]


def test_baselines_are_the_commonest_class_and_a_logistic_regression() -> None:
    result, _ = evaluate(threshold(160), masks(20), "test")
    assert set(result["baselines"]) == {"majority", "boosting", "linear"}
    assert result["baselines"]["majority"]["mean_recall"] == pytest.approx(0.5)
    # The classes follow from the pixel's own value, which a linear model sees.
    assert result["baselines"]["linear"]["mean_iou"] > 0.9
    assert result["gain"]["baseline"] != "majority" and result["verdict"] == "no verdict"
    for name in ("majority", "linear"):
        baseline = result["baselines"][name]
        assert [row["class"] for row in baseline["per_class"]] == ["low", "high"]
        iou = [row["iou"] for row in baseline["per_class"]]
        assert np.mean(iou) == pytest.approx(baseline["mean_iou"])
        assert "confusion" not in baseline
    alone, _ = evaluate(threshold(160), masks(20), "test", baselines="none")
    assert alone["baselines"] == {} and alone["gain"] is None


def test_groups_are_resampled_whole() -> None:
    groups = np.repeat(np.arange(10), 3)
    result, _ = evaluate(threshold(160), masks(30, groups), "test", baselines="none")
    assert (result["interval_unit"], result["units"]) == ("groups", 2)


def test_tiles_and_whole_images_are_scored_alike() -> None:
    data = masks(10)
    tiled = replace(data, cut=lambda height, width: Tiling(64, 32))
    one, other = (evaluate(threshold(150), d, "test")[0] for d in (data, tiled))
    assert one["metrics"] == other["metrics"]


def test_outputs_that_are_not_finite_are_a_divergence() -> None:
    with pytest.raises(DivergedError, match="NaN or infinite"):
        whole(np.zeros((8, 8, 1)), lambda x: np.full((1, 8, 8, 2), np.nan), None, True)


def test_scores_of_images_are_read_back(tmp_path) -> None:
    data = masks(30)
    result, outcome = evaluate(threshold(160), data, "test")
    write_predictions(tmp_path / "p.csv", outcome, data.samples)
    found = task(data.samples.task).read_predictions(tmp_path / "p.csv")
    assert found.indices.tolist() == data.test.indices.tolist()
    sums = {kind: values.sum(axis=0) for kind, values in found.sums.items()}
    iou = sums["found"] / (sums["found"] + sums["missed"] + sums["false"])
    assert iou.mean() == pytest.approx(result["metrics"]["mean_iou"])
    assert found.targets.sum() == 6 * (20 * 24 - 4 * 5)


def test_fields_are_scored_where_they_count() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(20, 9, 11, 1)).astype("float32")
    y = np.concatenate([2 * x + 1, -x], axis=-1)
    y[:, 2:4, 3:5] = np.nan
    samples = Samples(x, y, "fields", target_names=("u", "v"))
    data = split(samples, Outputs("fields", 2, (1.0, 0.0), (2.0, 1.0)))

    def predict(inputs: np.ndarray) -> np.ndarray:
        return np.concatenate([2 * inputs + 1.5, -inputs], axis=-1)

    result, _ = evaluate(predict, data, "test")
    metrics = result["metrics"]
    assert metrics["rmse"] == pytest.approx(0.5 / 2**0.5, rel=1e-5)
    assert metrics["mae"] == pytest.approx(0.25, rel=1e-5)
    u, v = metrics["per_target"]
    assert (u["target"], v["rmse"]) == ("u", pytest.approx(0, abs=1e-6))
    known = data.test.targets[..., 0][~np.isnan(data.test.targets[..., 0])]
    assert u["r2"] == pytest.approx(1 - 0.25 / known.var(), rel=1e-4)
    assert result["baselines"]["linear"]["rmse"] < 0.05 < result["baselines"]["mean"]["rmse"]
    assert result["verdict"] != "better"


def test_a_field_s_sums_skip_what_is_missing() -> None:
    truth = np.array([[[1.0], [np.nan]], [[3.0], [5.0]]])
    sums = fields.count(truth, np.array([[[2.0], [9.0]], [[3.0], [2.0]]]))
    np.testing.assert_allclose(sums, [[3, 1 + 0 + 9, 1 + 3, 9, 1 + 9 + 25]])
