"""A class at every step, by hand: steps, segments that overlap by half, their order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mlzoo.core.errors import DivergedError
from mlzoo.data.contracts import task
from mlzoo.data.samples import Data, Part, Samples
from mlzoo.data.sequences.sequences import Sequences
from mlzoo.data.specs import IGNORED, Inputs, Outputs
from mlzoo.evaluating.evaluate import evaluate, write_predictions
from mlzoo.statistics import steps
from mlzoo.statistics.metrics import values
from mlzoo.tasks._tallies import TallyOutcome
from tests.scored import scorers_of


def labels(text: str) -> np.ndarray:
    """`aab-` as class positions; `-` is ignored."""
    return np.array([IGNORED if c == "-" else ord(c) - ord("a") for c in text], dtype=np.uint8)


def found_of(truth: str, said: str, classes: int = 3) -> steps.StepTally:
    counted = steps.count(labels(truth), labels(said), classes)
    return steps.StepTally(steps.stack([counted]), ("a", "b", "c")[:classes])


def metrics_of(tally: steps.StepTally) -> dict[str, Any]:
    return {**values(scorers_of("labeling", tally.counts), 1), **tally.tables()}


def test_runs_of_one_label_are_segments() -> None:
    assert steps.segments(labels("aabbba-a")) == [(0, 2, 0), (2, 5, 1), (5, 6, 0), (7, 8, 0)]
    assert steps.segments(labels("")) == steps.segments(labels("--")) == []


def test_steps_are_counted_and_ignored_ones_are_not() -> None:
    metrics = metrics_of(found_of("aabb-c", "abbbac"))
    assert metrics["confusion"] == [[1, 1, 0], [0, 2, 0], [0, 0, 1]]
    assert metrics["accuracy"] == pytest.approx(4 / 5)
    assert metrics["balanced_accuracy"] == pytest.approx((0.5 + 1 + 1) / 3)
    assert metrics["macro_f1"] == pytest.approx((2 / 3 + 4 / 5 + 1) / 3)
    assert metrics["mean_iou"] == pytest.approx((1 / 2 + 2 / 3 + 1) / 3)


def test_a_segment_is_found_from_half_of_the_union_on() -> None:
    # 2 of 4 steps in common, union 4: exactly half.
    assert found_of("aaaabbbb", "aabbbbbb").per_class()[0]["segment_f1"] == 1
    # 1 of 4: less than half; the b's 4 of 7 are more.
    rows = found_of("aaaabbbb", "abbbbbbb").per_class()
    assert (rows[0]["segment_f1"], rows[1]["segment_f1"]) == (0, 1)


def test_a_true_segment_is_found_once() -> None:
    # Two predicted a's overlap the true one by 3/6 and 2/6: one is found, the other false.
    row = found_of("aaaaaab", "aaabaab").per_class()[0]
    assert row["segment_f1"] == pytest.approx(2 * 1 / (1 + 2))
    assert (row["segments"], row["support"]) == (1, 6)


def test_segment_f1_is_the_mean_of_the_classes_that_occur() -> None:
    metrics = metrics_of(found_of("aabb", "aaaa"))
    # a: 2 of a union of 4 are in common, found; b: none of one.
    assert metrics["segment_f1"] == pytest.approx((1 + 0) / 2)


def test_ignored_steps_part_segments() -> None:
    tally = found_of("aa--aa", "aaaaaa")
    assert tally.counts.predicted_segments.tolist() == [[2, 0, 0]]
    assert metrics_of(tally)["segment_f1"] == metrics_of(tally)["accuracy"] == 1


@pytest.mark.parametrize(
    ("truth", "said", "score"),
    [
        ("abc", "abc", 1.0),
        ("abc", "ac", 2 / 3),
        ("ab", "abab", 0.5),
        ("abc", "cba", 1 / 3),
        ("a", "b", 0.0),
        ("", "", 1.0),
        ("", "ab", 0.0),
    ],
)
def test_the_edit_score_is_about_order(truth: str, said: str, score: float) -> None:
    assert steps.edit_score(list(truth), list(said)) == pytest.approx(score)


def test_the_edit_score_does_not_care_when() -> None:
    assert metrics_of(found_of("aaaaab", "abbbbb"))["edit_score"] == 1
    assert metrics_of(found_of("aaab", "abab"))["edit_score"] == pytest.approx(0.5)


def test_weights_count_sequences_again() -> None:
    counted = [steps.count(labels(t), labels(s), 2) for t, s in (("aabb", "aabb"), ("ab", "ba"))]
    scorers = scorers_of("labeling", steps.stack(counted))
    weights = np.array([[1.0, 1.0], [3.0, 0.0], [0.0, 1.0]])
    assert scorers["accuracy"](weights) == pytest.approx([4 / 6, 1, 0])
    assert scorers["edit_score"](weights) == pytest.approx([0.5, 1, 0])


def labelled(count: int = 20) -> Data:
    """Sequences of several lengths whose class is the sign of the value a step before."""
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(int(n), 1)).astype("float32") for n in rng.integers(5, 12, count)]
    y = [np.r_[IGNORED, (a[:-1, 0] > 0)].astype(np.uint8) for a in x]
    samples = Samples(
        Sequences.of(x), Sequences.of(y), "labeling", "sequence", ("low", "high"), ("sign",)
    )
    parts = [Part(samples, piece) for piece in np.split(np.arange(count), [12, 16])]
    return Data(samples, *parts, Inputs((11, 1), "sequence"), Outputs("labeling", 2), "f")


def before(x: np.ndarray) -> np.ndarray:
    """Sure of the right class, also beyond the end, where all is NaN."""
    high = np.nan_to_num(np.roll(x[..., 0], 1, axis=1)) > 0
    return np.stack([~high, high], axis=-1).astype("float32")


def test_padding_and_ignored_steps_count_for_nothing() -> None:
    data = labelled()
    result, outcome = evaluate(before, data, "test")
    metrics = result["metrics"]
    assert metrics["accuracy"] == metrics["segment_f1"] == metrics["edit_score"] == 1
    steps_ = sum(len(data.test.image(i)) - 1 for i in range(4))
    assert np.sum(metrics["confusion"]) == steps_
    assert (result["interval_unit"], result["units"]) == ("sequences", 4)
    assert isinstance(outcome, TallyOutcome) and outcome.tally.scores().tolist() == [1] * 4


def test_baselines_are_the_commonest_class_and_a_regression_on_neighbours() -> None:
    data = labelled(60)
    truth = np.concatenate([data.test.target(i) for i in range(len(data.test))])
    result, _ = evaluate(lambda x: 1 - before(x), data, "test")
    train = np.concatenate([data.train.target(i) for i in range(len(data.train))])
    commonest = int((train == 1).sum() > (train == 0).sum())
    share = (truth == commonest).sum() / (truth != IGNORED).sum()
    assert result["baselines"]["majority"]["accuracy"] == pytest.approx(share)
    assert result["baselines"]["linear"]["accuracy"] > 0.85
    assert "5 before and after it" in result["baselines"]["linear"]["note"]
    assert result["metrics"]["accuracy"] == 0 and result["verdict"] == "worse"


def test_scores_of_sequences_are_read_back(tmp_path) -> None:
    data = labelled(40)
    result, outcome = evaluate(lambda x: before(-x), data, "test")
    write_predictions(tmp_path / "p.csv", outcome, data.samples)
    found = task(data.samples.task).read_predictions(tmp_path / "p.csv")
    sums = {kind: values.sum(axis=0) for kind, values in found.sums.items()}
    f1 = 2 * sums["found"] / (2 * sums["found"] + sums["missed"] + sums["false"])
    assert f1.mean() == pytest.approx(result["metrics"]["macro_f1"])


def test_outputs_that_are_not_finite_are_a_divergence() -> None:
    with pytest.raises(DivergedError, match="NaN or infinite"):
        evaluate(lambda x: np.full((*x.shape[:2], 2), np.nan), labelled(), "test")
