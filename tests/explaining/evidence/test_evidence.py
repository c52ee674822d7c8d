"""Scores of maps: their definitions, and what random maps and perfect ones get."""

from __future__ import annotations

from pathlib import Path

import cv2
import keras
import numpy as np
import pytest

from mlzoo.core import registry
from mlzoo.core.errors import DataError
from mlzoo.explaining.evidence import claims, faithfulness, imputing, sanity, truth
from mlzoo.introspection.probe import Probe
from tests.explaining import shapes
from tests.explaining.evidence.test_planted import maps, opened


def sample(index: int = 0) -> faithfulness.Sample:
    probe, x, target, _ = opened()
    one = slice(index, index + 1)
    return faithfulness.Sample(probe, x[one], target[one], probe.baseline(x[one]), seed=1)


@pytest.mark.slow
def test_areas_are_those_of_a_plain_loop() -> None:
    own, found = sample(), maps("gradcam")[0]
    probe, kind = own.probe, int(own.target.argmax())
    rng = np.random.default_rng([1, 0xF1])
    shuffled = rng.permutation(found.size)
    order = shuffled[np.argsort(-found.astype("float64").ravel()[shuffled], kind="stable")]
    for deleting, expected in zip(
        (True, False), faithfulness.deletion_insertion(own, found.astype("float64")), strict=True
    ):
        sure = []
        for count in np.rint(np.linspace(0, found.size, 21)).astype(int):
            shown = np.full(found.size, deleting)
            shown[order[:count]] = not deleting
            image = np.where(shown.reshape(1, 64, 64, 1), own.x, own.baseline)
            sure.append(probe.outputs(image)[0, kind])
        area = sum((a + b) / 2 for a, b in zip(sure[:-1], sure[1:], strict=True)) / 20
        assert expected == pytest.approx(area, abs=1e-6)


def test_random_maps_have_no_gain_and_good_ones_do() -> None:
    probe, x, target, _ = opened()
    found = maps("gradcam")
    gains: dict[str, list[float]] = {"random": [], "gradcam": []}
    for i in range(24):
        own = sample(i)
        other = faithfulness.random_map((64, 64), seed=i)
        for name, one in (("random", other), ("gradcam", found[i])):
            deletion, insertion = faithfulness.deletion_insertion(own, one.astype("float64"))
            gains[name].append(insertion - deletion)
    assert abs(np.mean(gains["random"])) < 0.05
    assert np.mean(gains["gradcam"]) > 0.3


def exact(image: np.ndarray, gone: np.ndarray) -> np.ndarray:
    """ROAD's linear system, solved."""
    from scipy.sparse import coo_array
    from scipy.sparse.linalg import splu

    height, width = gone.shape
    number = np.full(gone.shape, -1)
    number[gone] = np.arange(gone.sum())
    rows, columns, values = [], [], []
    right = np.zeros((gone.sum(), image.shape[-1]))
    for r, c in zip(*np.nonzero(gone), strict=True):
        me, total = number[r, c], 0.0
        for dr in (-1, 0, 1):
            for dc in (-1, 0, 1):
                a, b = r + dr, c + dc
                if (dr or dc) and 0 <= a < height and 0 <= b < width:
                    weight = 1 / 6 if dr == 0 or dc == 0 else 1 / 12
                    total += weight
                    if gone[a, b]:
                        rows.append(me), columns.append(number[a, b]), values.append(-weight)
                    else:
                        right[me] += weight * image[a, b]
        rows.append(me), columns.append(me), values.append(total)
    system = splu(coo_array((values, (rows, columns))).tocsc())
    found = image.copy()
    found[gone] = system.solve(right)
    return found


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_filling_in_is_near_the_exact_solution(share: float) -> None:
    image = shapes.drawn(1, seed=2)[0][0]
    # What a map removes hangs together.
    order = faithfulness.random_map((64, 64), seed=3)
    gone = order >= np.quantile(order, 1 - share)
    got = imputing.fill(image[None], gone[None])[0]
    assert np.abs(got - exact(image.astype("float64"), gone)).mean() < 0.02
    np.testing.assert_array_equal(got[~gone], image[~gone])


def test_the_gini_index_of_one_place_and_of_all() -> None:
    assert faithfulness.gini(np.ones((4, 4))) == 0
    assert faithfulness.gini(np.eye(1, 16)[0]) == pytest.approx(15 / 16)
    assert faithfulness.gini(np.zeros(5)) == 0


def test_a_perfect_map_and_one_without_meaning_against_the_truth() -> None:
    mask = shapes.drawn(1, seed=3)[2][0]
    found = truth.against_truth(mask.astype("float32"), mask)
    assert (found["pointing"], found["mass"], found["truth_auc"]) == (1, 1, 1)
    even = truth.against_truth(np.ones_like(mask, "float32"), mask)
    assert even["mass"] == pytest.approx(mask.mean(), abs=1e-6)
    assert even["pointing"] == pytest.approx(mask.mean(), abs=1e-6)
    assert even["truth_auc"] == 0.5


def test_masks_are_found_by_their_names(tmp_path: Path) -> None:
    mask = np.zeros((32, 32), "uint8")
    mask[8:16, 4:8] = 255
    cv2.imwrite(str(tmp_path / "a.png"), mask)
    found = truth.read_truth(str(tmp_path), "Positive/a.jpg", (16, 16))
    assert found is not None and found.sum() == 8 and found[4:8, 2:4].all()
    assert truth.read_truth(str(tmp_path), "b.jpg", (16, 16)) is None
    assert truth.check_truth(str(tmp_path), ["x/a.jpg", "b.jpg"]) == 1
    with pytest.raises(DataError, match="none of its names"):
        truth.check_truth(str(tmp_path), ["b.jpg"])


def test_boxes_say_where_in_pixels_of_the_image(tmp_path: Path) -> None:
    path = tmp_path / "boxes.csv"
    path.write_text("name,left,top,right,bottom,width,height\na.jpg,4,8,8,16,32,32\n"
                    "a.jpg,0,0,2,2,,\n")  # fmt: skip
    found = truth.read_truth(str(path), "Positive/a.png", (16, 16))
    assert found is not None and found[4:8, 2:4].all() and found[:2, :2].all()
    assert found.sum() == 12
    path.write_text("name,left,top,right\na,1,2,3\n")
    with pytest.raises(DataError, match="no column bottom"):
        truth.read_truth(str(path), "a.png", (16, 16))


def test_shapes_overlap_as_far_as_the_strongest_pixels_do() -> None:
    inside = np.zeros(16, bool)
    inside[:4] = True
    assert truth.overlap(inside.astype(float), inside) == 1
    assert truth.overlap(np.roll(inside, 2).astype(float), inside) == pytest.approx(2 / 6)


@pytest.mark.slow
def test_a_sanity_check_tells_what_hangs_on_the_weights() -> None:
    probe, x, target, _ = opened()
    few = slice(0, 8)
    model, before = probe.model, [w.copy() for w in probe.model.get_weights()]

    def run(name: str, **settings):
        plugin = registry.load("explainer", name)
        config, positive = plugin.Config(**settings), hasattr(plugin, "NEEDS_LAYER")

        def again() -> np.ndarray:
            return plugin.explain(config, probe, x[few], target[few])

        return sanity.check(model, again, positive=positive)

    assert run("gradcam")["verdict"] == "pass"
    # Gradients of this net are .34 to .35 alike, at the threshold between pass and warn.
    assert run("saliency")["all"] < 0.4
    assert run("smoothgrad", samples=10)["all"] < 0.4
    assert run("smoothgrad", samples=10, variant="abs")["verdict"] == "fail"
    paper = run("scorecam", variant="paper", max_n=8)
    assert paper["out"] >= 0.98 and "does not use the classifier's head" in paper["reason"]
    assert run("scorecam")["out"] < 0.8
    edges = sanity.check(model, lambda: np.stack([faithfulness.edges(one) for one in x[few]]))
    assert edges["verdict"] == "fail" and edges["all"] == 1.0
    assert edges["stages"][0]["ssim"] == pytest.approx(1)
    assert edges["stages"][0]["hog"] == pytest.approx(1)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_maps_that_are_the_same_for_every_class_are_warned_of() -> None:
    check = {"verdict": "pass", "reason": "differ"}
    assert sanity.beside_another_class(check, 0.5)["verdict"] == "pass"
    same = sanity.beside_another_class(check, 0.99)
    assert same["verdict"] == "warn" and "another class are the same" in same["reason"]


def test_shuffled_labels_are_judged_and_the_weights_put_back() -> None:
    probe, x, target, _ = opened()
    model = probe.model
    before = [w.copy() for w in model.get_weights()]

    def gradients() -> np.ndarray:
        return probe.gradient(x[:4], target[:4])[1].sum(axis=-1)

    same = sanity.check_labels(model, gradients, before, "none")
    assert same["verdict"] == "fail" and same["all"] == pytest.approx(1)
    rng = np.random.default_rng(0)
    other = [rng.permutation(w.ravel()).reshape(w.shape) for w in before]
    found = sanity.check_labels(model, gradients, other, "permuted")
    assert found["out"] is None and found["all"] < 0.5 and found["how"] == "permuted"
    assert "shuffled labels" in found["reason"]
    for one, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, now)


def test_one_stage_at_a_time_leaves_the_others_as_they_were() -> None:
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(5, "relu", name="a"),
            keras.layers.Dense(3, name="b"),
        ]
    )
    x = np.random.default_rng(0).normal(size=(4, 6)).astype("float32")
    probe = Probe(model, x)
    seen = []

    def watch() -> np.ndarray:
        seen.append([w.copy() for w in model.get_weights()])
        return probe.gradient(x, np.eye(3, dtype="float32")[[0, 1, 2, 0]])[1]

    sanity.check(model, watch, mode="independent")
    trained, first, second = seen[0], seen[1], seen[2]
    np.testing.assert_array_equal(first[0], trained[0])
    assert (first[2] != trained[2]).any()
    np.testing.assert_array_equal(second[2], trained[2])
    assert (second[0] != trained[0]).any()


@pytest.mark.slow
def test_methods_that_may_be_equal_are_tied() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(size=40)
    scores = {"good": base + 1, "same": base + 1 + 0.01 * rng.normal(size=40), "bad": base}
    rows = {row["method"]: row["tied"] for row in claims.ranking(scores, claims.IndependentUnits())}
    assert rows == {"good": True, "same": True, "bad": False}
    scores["worse"] = base - 0.02 * rng.normal(size=40)
    ranks = {
        row["method"]: row["rank"] for row in claims.ranking(scores, claims.IndependentUnits())
    }
    assert {ranks["good"], ranks["same"]} == {1} and {ranks["bad"], ranks["worse"]} == {3}
