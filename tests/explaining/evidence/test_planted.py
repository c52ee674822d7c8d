"""Planted truth: where a method must point, and how far the package's is from it."""

from __future__ import annotations

from functools import cache
from typing import Any

import keras
import numpy as np
import pytest

from mlzoo.core import registry
from mlzoo.explaining import reference
from mlzoo.explaining.evidence import faithfulness
from mlzoo.explaining.evidence.truth import against_truth
from mlzoo.explaining.target_weights import of_classes
from mlzoo.introspection.probe import Probe
from tests.explaining import shapes

IMAGES = 48
MORE = 96
"""Images where a method costs next to nothing, so that a few of them decide less."""
CAMS = ("gradcam", "gradcam_plus_plus", "layercam")


@cache
def opened(binary: bool = False) -> tuple[Probe, np.ndarray, np.ndarray, np.ndarray]:
    x, classes, truth = shapes.drawn(MORE, seed=5)
    probe = Probe(shapes.trained_for_two() if binary else shapes.trained(), x)
    said = probe.outputs(x)
    known = (said[:, 0] > 0.5) if binary else said.argmax(axis=1)
    wanted = classes % 2 if binary else classes
    assert (known == wanted).mean() > (0.95 if binary else 0.98)
    return probe, x, of_classes(wanted, probe.units), truth


@cache
def maps(name: str, binary: bool = False, **settings: Any) -> np.ndarray:
    probe, x, target, _ = opened(binary)
    plugin, few = registry.load("explainer", name), slice(MORE if name in CAMS else IMAGES)
    return plugin.explain(plugin.Config(**settings), probe, x[few], target[few])


def pointing(found: np.ndarray, truth: np.ndarray) -> float:
    rows = zip(found, truth[: len(found)], strict=True)
    return float(np.mean([against_truth(one, t)["pointing"] for one, t in rows]))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("gradcam", 0.8),
        ("gradcam_plus_plus", 0.8),
        ("layercam", 0.8),
        ("scorecam", 0.8),
        ("occlusion", 0.9),
        ("integrated_gradients", 0.9),
        ("smoothgrad", 0.85),
    ],
)
def test_methods_point_at_the_shape(name: str, least: float) -> None:
    assert pointing(maps(name), opened()[3]) >= least


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Please import `zoom`:DeprecationWarning")
@pytest.mark.parametrize("name", [*CAMS, "scorecam"])
def test_ours_points_better_than_the_package(name: str) -> None:
    probe, x, target, truth = opened()
    few = slice(len(maps(name)))
    theirs = reference.package_maps(name, probe, x[few], target[few])
    assert pointing(maps(name), truth) >= pointing(theirs, truth) + 0.05


def test_the_package_agrees_where_it_is_right() -> None:
    probe, x, target, _ = opened()
    ours, few = maps("saliency"), slice(IMAGES)
    theirs = reference.package_maps("saliency", probe, x[few], target[few])
    axes = (1, 2)
    low, high = ours.min(axis=axes, keepdims=True), ours.max(axis=axes, keepdims=True)
    np.testing.assert_allclose(theirs, (ours - low) / (high - low), atol=1e-3)


@pytest.mark.slow
def test_one_unit_has_a_score_cam_of_its_own_head() -> None:
    probe, x, target, truth = opened(True)
    ours = maps("scorecam", binary=True)
    assert ours.any(axis=(1, 2)).all()
    assert pointing(ours, truth) >= 0.6
    # The package takes a softmax over the single unit: its weights are all 1.
    model = reference.functional(probe)
    other = keras.models.clone_model(model)
    weights = model.get_weights()
    other.set_weights([*weights[:-2], -3 * weights[-2], weights[-1] + 1])
    theirs = [reference.run_package("scorecam", m, x[:4], target[:4]) for m in (model, other)]
    np.testing.assert_array_equal(theirs[0], theirs[1])
    flipped = Probe(other, x[:4])
    plugin = registry.load("explainer", "scorecam")
    mine = plugin.explain(plugin.Config(), flipped, x[:4], target[:4])
    assert np.abs(mine / mine.max() - ours[:4] / ours[:4].max()).max() > 0.1


@pytest.mark.slow
def test_max_n_counts_for_each_image() -> None:
    probe = opened()[0]
    before, tenth = probe.forwards, probe.channels // 10 + 1
    few = maps("scorecam", max_n=tenth)
    assert probe.forwards - before <= IMAGES * (tenth + 3)
    every = maps("scorecam", channels=1)
    alike = [faithfulness.spearman(a, b) for a, b in zip(few, every, strict=True)]
    assert np.mean(alike) >= 0.7  # a tenth is 5 of 48 channels


@pytest.mark.slow
def test_the_energy_of_channels_saves_forwards() -> None:
    probe = opened()[0]
    before = probe.forwards
    maps.__wrapped__("scorecam", channels=0.95)
    assert 2 * (probe.forwards - before) <= IMAGES * probe.channels
