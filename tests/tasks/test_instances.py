"""Scores of instances, and how they are written and drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mlzoo.data import loading
from mlzoo.data.contracts import task
from mlzoo.data.masks.instances import classes_of, instances_of
from mlzoo.data.samples import Data, Part
from mlzoo.data.specs import Inputs, Outputs
from mlzoo.evaluating.evaluate import evaluate, write_predictions
from mlzoo.reporting.figures.pixels import instances as figures
from mlzoo.reporting.mask_export import Folder
from mlzoo.runs.results import Painted
from mlzoo.statistics.separation import instances
from tests.data.pictures import config

TRUTH = np.array([[1, 1, 1, 1, 0, 2, 2, 2, 2, 0, 3, 3]])
JOINED = np.array([[5, 5, 5, 0, 0, 7, 7, 7, 7, 7, 7, 7]])
"""The first overlaps by 3/4, the second joins two: 4/7 of the second true one, 2/7 of the third."""


def test_pairs_by_hand() -> None:
    counts = instances.count(TRUTH, JOINED)
    at = {
        round(float(t), 2): row.tolist()
        for t, row in zip(instances.THRESHOLDS, counts, strict=True)
    }
    assert at[0.5] == at[0.55] == [2, 0, 1]  # 3/4 and 4/7 are above
    assert at[0.6] == at[0.7] == [1, 1, 2]
    assert at[0.75] == at[0.95] == [0, 2, 3]  # not above .75 itself
    scores = instances.average_precision(counts)
    assert scores[:3].tolist() == pytest.approx([2 / 3, 2 / 3, 1 / 4])
    nothing = instances.count(np.zeros((2, 2), int), np.zeros((2, 2), int))
    assert np.isnan(instances.average_precision(nothing)).all()


def cells() -> Data:
    samples = loading.read(config("touching-cells", source_set={"samples": 12}))
    parts = [Part(samples, piece) for piece in np.split(np.arange(12), (6, 8))]
    return Data(samples, *parts, Inputs((64, 64, 1)), Outputs("instances", 3), "f")


def test_scores_of_a_network_that_is_right_and_of_one_that_joins_cells(tmp_path: Path) -> None:
    data = cells()
    masks = iter([*data.test.targets, *np.ones_like(data.test.targets)])

    def predict(x: np.ndarray) -> np.ndarray:
        return np.stack([np.eye(3, dtype="float32")[next(masks)] for _ in x])

    result, outcome = evaluate(predict, data, "test")
    scores = result["metrics"]
    assert scores["instance_ap50"] == scores["instance_ap75"] == 1 and scores["instance_ap"] > 0.9
    assert scores["mean_iou"] == 1 and result["interval_unit"] == "images"
    assert [row["iou"] for row in scores["per_threshold"]][:2] == [0.5, 0.55]
    assert dict(outcome.columns(data.samples))["missed_0.5"] == [0] * 4
    write_predictions(tmp_path / "p.csv", outcome, data.samples)
    saved = outcome.tally.counts, task("instances").read_predictions(tmp_path / "p.csv")
    assert np.array_equal(saved[0].matches, saved[1].matches)
    joined, _ = evaluate(predict, data, "test")
    assert joined["metrics"]["instance_ap50"] == 0
    first = joined["metrics"]["per_threshold"][0]
    assert first["false"] == 4 and first["missed"] == scores["per_threshold"][0]["found"]


def test_labels_and_a_table_are_written(tmp_path: Path) -> None:
    data = cells()
    reader: Any = data.samples.reader
    painted = []
    for i in range(2):
        mask = classes_of(data.test.instances(i))
        arrays = data.test.image(i), mask
        painted.append(Painted(f"{i}.png", *arrays, instances=instances_of(mask)))
    folder = Folder(tmp_path, reader, [each.name for each in painted], False)
    assert [folder.write(each) for each in painted] == ["masks/0.png", "masks/1.png"]
    folder.finish()
    assert np.array_equal(np.asarray(Image.open(tmp_path / "masks/1.png")), painted[1].prediction)
    header, *rows = (tmp_path / "instances.csv").read_text().split()
    assert header == "name,instance,area,row,column"
    assert len(rows) == sum(each.prediction.max() for each in painted)
    assert int(rows[0].split(",")[2]) == (painted[0].prediction == 1).sum()
    assert not (tmp_path / "classes.txt").exists() and (tmp_path / "overlays/0.png").is_file()


def test_errors_are_drawn(tmp_path: Path) -> None:
    kinds, numbers = figures.outcomes(TRUTH, JOINED)
    assert kinds.tolist() == [[1, 1, 1, 1, 0, 1, 1, 1, 1, 0, 2, 2]]  # the joined one is found
    alone, _ = figures.outcomes(0 * TRUTH, JOINED)
    assert alone.tolist() == [[3, 3, 3, 0, 0, 3, 3, 3, 3, 3, 3, 3]]
    assert len(np.unique(numbers)) == 4
    case = figures.InstanceCase("worst", "a", np.zeros((1, 12, 1)), TRUTH, JOINED, 0.4)
    figures.instance_cases(tmp_path, [case])
    assert (tmp_path / "instances.csv").read_text().split()[1] == "worst,a,0.4,2,1,0"
