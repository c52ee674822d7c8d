"""What the command line says of scores: verdicts, classes that are rare, and scales."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from mlzoo_cli.evaluate import scores

from mlzoo.core.configs import RunConfig
from mlzoo.data.record import class_totals
from mlzoo.evaluating.evaluate import evaluate
from mlzoo.training.starting.preparing import imbalance_note
from tests.evaluating.made import make_data

NAMES = ("sound", "cracked")


def made(rare: int) -> Any:
    """1,000 samples, every `rare`-th of them cracked."""
    targets = (np.arange(1000) % rare == 0).astype("int32")
    inputs = np.random.default_rng(0).normal(size=(1000, 1)) + 3 * targets[:, None]
    return make_data(inputs, targets, class_names=NAMES)


def config(**settings: Any) -> RunConfig:
    return RunConfig(model="mlp", data="x.csv", **settings)


def test_recalls_of_imbalanced_classes_are_printed_beside_the_baselines() -> None:
    result, _ = evaluate(lambda x: np.full((len(x), 1), 0.01), made(20))
    others = {n: s for n, s in result["baselines"].items() if n in ("majority", "linear")}
    result["baselines"] = others
    lines = [line.split() for line in scores(result).splitlines()]
    assert [
        "class",
        "recall",
        "precision",
        "majority",
        "recall",
        "linear",
        "recall",
        "samples",
    ] in lines
    cracked = next(line for line in lines if line[:1] == ["cracked"])
    assert cracked[1:4] == ["0", "0", "0"] and float(cracked[4]) > 0.5
    assert "average_precision of cracked" in scores(result)
    assert "never predicted, so their precision counts as 0: cracked" in scores(result)
    balanced, _ = evaluate(lambda x: x, made(2))
    assert "recall  precision" not in scores(balanced)


def test_training_on_imbalanced_classes_begins_with_a_hint() -> None:
    note = imbalance_note(made(20), config())
    assert note.startswith("imbalanced classes: 95.0% of the samples are sound")
    assert "judged by balanced accuracy and the average precision of cracked;" in note
    assert note.endswith("with --class-weights auto")
    assert "--class-weights" not in imbalance_note(made(20), config(class_weights="auto"))
    assert "--class-weights" not in imbalance_note(made(20), config(sampler="balanced"))
    assert imbalance_note(made(2), config()) == ""
    numbers = make_data(np.ones((50, 1)), np.ones(50))
    assert imbalance_note(numbers, config()) == ""


def test_classes_are_counted_over_all_splits() -> None:
    parts = {"train": {"classes": {"a": 3, "b": 1}}, "test": {"classes": {"a": 2}}, "valid": {}}
    assert class_totals({"parts": parts, "class_names": ["a", "b"]}) == {"a": 5, "b": 1}
    assert class_totals({"parts": {"train": {"samples": 3}}, "class_names": []}) == {}


@pytest.mark.parametrize("verdict", ["better", "worse", None])
def test_scores_are_shown_whatever_the_verdict(verdict: str | None) -> None:
    result, _ = evaluate(lambda x: x, made(2))
    assert scores(result | {"verdict": verdict}).startswith("test split (200)")
