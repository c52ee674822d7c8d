"""What is claimed of maps: nothing by chance, of too little, or of an untrained network."""

from __future__ import annotations

import warnings
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

from mlzoo.core import registry
from mlzoo.explaining import reference
from mlzoo.explaining.evidence import claims, faithfulness
from mlzoo.explaining.evidence import scores as evidence
from mlzoo.explaining.evidence.learned import untrained, why_no_claim
from mlzoo.explaining.explain import Explanation, choose_methods, flag
from mlzoo.explaining.samples import Chosen
from mlzoo.explaining.settings import ExplainConfig
from mlzoo.explaining.subjects import Subject
from mlzoo.explaining.target_weights import of_classes
from mlzoo.introspection.findings import Background
from mlzoo.introspection.probe import Probe

layers = keras.layers


def explanations(method: str, gains: Any) -> list[Explanation]:
    shown = np.zeros((2, 2, 1)), np.zeros((2, 2), "float32")
    return [
        Explanation(str(i), method, *shown, "cat", "cat 90.0%", scores={"gain": float(gain)})
        for i, gain in enumerate(gains)
    ]


def summary(gains: Any, control: Any = 0.0, **settings: Any) -> dict[str, Any]:
    controls = explanations("random", np.broadcast_to(control, len(gains)))
    return evidence.summarize(explanations("saliency", gains), controls, 0, **settings)


def test_every_sample_has_random_maps_of_its_own() -> None:
    first, other = (evidence.random_maps((16, 16), name, 0) for name in ("a.png", "b.png"))
    assert len(first) == claims.RANDOM_MAPS == 8
    every = np.stack([*first, *other]).reshape(16, -1)
    assert np.abs(np.corrcoef(every) - np.eye(16)).max() < 0.6
    np.testing.assert_array_equal(first, evidence.random_maps((16, 16), "a.png", 0))


def test_groups_not_samples_are_what_a_claim_rests_on() -> None:
    rng = np.random.default_rng(0)
    # Two photographs of eight are easy, and all of their patches with them.
    gains = np.repeat([0.9, 0.8, *[-0.02] * 6], 4) + 0.01 * rng.normal(size=32)
    assert summary(gains)["methods"]["saliency"]["against"]["random"]["better"]
    groups = {str(i): f"photograph {i // 4}" for i in range(32)}
    found = summary(gains, groups=groups)
    beside = found["methods"]["saliency"]["against"]["random"]
    assert beside["verdict"] == "not shown" and beside["units"] == found["units"] == 8
    assert "over 8 groups" in found["sentences"][0]
    sure = summary(0.5 + 0.01 * rng.normal(size=32), groups=groups)
    assert "better than a random map (by gain, over 8 groups)" in sure["sentences"][0]
    few = summary(np.full(32, 0.9), groups={str(i): str(i // 8) for i in range(32)})
    assert not few["methods"]["saliency"]["against"]["random"]["better"]
    assert "4 groups are too few" in few["sentences"][0]


def test_a_gain_may_be_too_small_to_matter_and_the_smallest_is_printed() -> None:
    gains = 0.02 + 0.001 * np.random.default_rng(0).normal(size=16)
    found = summary(gains)
    assert found["methods"]["saliency"]["against"]["random"]["verdict"] == "too small to matter"
    assert "by too little to matter (gain +0.020)" in found["sentences"][0]
    assert "less than 0.05 is too small to matter" in found["sentences"][-1]


def noise(kind: str, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    if kind == "normal":
        return rng.standard_normal(shape)
    if kind == "lognormal":
        return (np.exp(0.5) - rng.lognormal(size=shape)) / 2.16
    return 1 - rng.exponential(size=shape)


@pytest.mark.parametrize(("kind", "count"), [("exponential", 8), ("lognormal", 16)])
def test_meaningless_methods_are_hardly_ever_called_better(kind: str, count: int) -> None:
    rng, units, trials = np.random.default_rng(0), claims.IndependentUnits(), 100
    alone = any_better = shown = 0
    for _ in range(trials):
        gains = 0.3 * noise(kind, rng, (count, 12))
        maps = 0.3 * noise(kind, rng, (count, claims.RANDOM_MAPS))
        pairs = {i: claims.against_random_maps(g, maps, units) for i, g in enumerate(gains.T)}
        any_better += any(found["better"] for found in claims.judge(pairs).values())
        alone += sum(claims.judge({0: pair})[0]["better"] for pair in pairs.values())
        real = gains[:, 0] + (0.7 if count == 8 else 0.45)
        pairs[0] = claims.against_random_maps(real, maps, units)
        shown += claims.judge(pairs)[0]["better"]
    assert any_better / trials <= 0.05
    assert alone / trials / 12 <= 0.03
    assert shown / trials >= 0.75  # Student's t beside Hall's: .4


def test_groups_are_exchanged_whole_and_scattered_scores_earn_no_claim() -> None:
    rng, trials, grouped, scattered = np.random.default_rng(0), 200, 0, 0
    groups = claims.IndependentUnits(np.repeat(np.arange(8), 4), "groups")
    for _ in range(trials):
        shared = np.repeat(noise("exponential", rng, (8, 9)), 4, axis=0)
        gains = 0.3 * (shared + 0.3 * noise("exponential", rng, (32, 9)))
        pair = claims.against_random_maps(gains[:, 0], gains[:, 1:], groups)
        assert pair["units"] == 8
        grouped += claims.judge({0: pair})[0]["better"]
        wide = 0.6 * rng.standard_normal(16)
        maps = 0.1 * rng.standard_normal((16, 8))
        pair = claims.against_random_maps(wide, maps, claims.IndependentUnits())
        scattered += claims.judge({0: pair})[0]["better"]
    assert grouped / trials <= 0.03 and scattered / trials <= 0.05  # exchanged alone: .095


def test_skewed_gains_of_meaningless_maps_are_hardly_ever_called_better() -> None:
    rng, units = np.random.default_rng(0), claims.IndependentUnits()
    for count in (8, 16, 32):
        better = better_if_real = 0
        for _ in range(400):
            gains = 0.4 * (1 - rng.exponential(size=count))  # some fail badly
            pairs = {shift: claims.paired(gains + shift, 0 * gains, units) for shift in (0, 0.6)}
            for shift, found in pairs.items():
                called = claims.judge({0: found})[0]["better"]
                better += called and not shift
                better_if_real += called and bool(shift)
        assert better / 400 <= 0.03
        assert better_if_real / 400 >= 0.3


def test_p_values_are_corrected_for_their_number() -> None:
    assert claims.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert claims.holm([]) == []


def area_sample(seed: int) -> faithfulness.Sample:
    """A model whose log-odds are the area that is shown."""
    probe = SimpleNamespace(
        spread=lambda masks: masks, masked=lambda x, t, masks, b: [masks.sum(axis=(1, 2))]
    )
    empty = np.zeros(1)
    return faithfulness.Sample(probe, empty, empty, empty, seed)  # type: ignore[arg-type]


@pytest.mark.parametrize("side", [12, 16])
def test_exactly_half_of_the_cells_are_hidden(side: int) -> None:
    hidden, _ = faithfulness.hidden_halves(area_sample(0), (side, side))
    parts = faithfulness.cells((side, side))
    for one in hidden:
        assert len(np.unique(parts[one])) == 32 and len(np.unique(parts[~one])) == 32
    found = []
    for name in map(str, range(40)):
        sample = area_sample(faithfulness.sample_seed(name, 0))
        maps = evidence.random_maps((side, side), name, 0)
        found.append(np.mean([faithfulness.sensitivity(sample, one) for one in maps]))
    assert abs(np.mean(found)) < 0.05


def dense(units: int = 2) -> keras.Model:
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [keras.Input((4,)), layers.Dense(units, activation="softmax", name="head")]
    )


def subject(model: keras.Model, kind: str = "table") -> Subject:
    return Subject(Path("x.keras"), model, "classification", kind, ("a", "b"))


def test_an_untrained_network_earns_no_claim() -> None:
    model = dense()
    x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
    chosen = Chosen(["0"], [x[0]], [None])
    assert untrained(model)
    assert "untrained" in why_no_claim(subject(model), chosen)
    kernel, _ = model.get_weights()
    model.set_weights([kernel, np.array([0.1, -0.1], "float32")])
    assert why_no_claim(subject(model), chosen) == ""  # nothing is known of it
    said = model.predict_on_batch(x).argmax(axis=1)
    for truth, word in ((said, ""), (np.arange(64) % 2, "guessing")):
        known = Background(x, truth)
        assert word in why_no_claim(subject(model), Chosen(["0"], [x[0]], [0], None, known))
    assert why_no_claim(subject(model), Chosen(["0"], [x[0]], [0], None, Background(x, said))) == ""
    doubt = why_no_claim(subject(model), Chosen(["0"], [x[0]], [0], None, known))
    found = summary(np.full(32, 0.9), doubt=doubt)
    assert not found["methods"]["saliency"]["against"]["random"]["better"]
    assert found["sentences"] == [
        f"saliency's maps on this model are no evidence of anything learned: {doubt}"
    ]


def images(dtype: str = "float32") -> keras.Model:
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((12, 12, 1), dtype=dtype),
            layers.Conv2D(4, 3, activation="relu", name="conv", dtype=dtype),
            layers.GlobalAveragePooling2D(name="average", dtype=dtype),
            layers.Dense(2, activation="softmax", name="head", dtype=dtype),
        ]
    )


X = np.random.default_rng(0).random((3, 12, 12, 1)).astype("float32")


@cache
def typed_maps(dtype: str) -> list[np.ndarray]:
    model, target = images(dtype), of_classes(np.ones(3, int), 2)
    model.set_weights(images().get_weights())
    probe = Probe(model, X)
    assert probe.head == "softmax"
    assert probe.outputs(X).dtype == probe.inputs(X).dtype == "float32"
    plugins = [registry.load("explainer", name) for name in ("gradcam", "occlusion")]
    return [p.explain(p.Config(), probe, probe.inputs(X), target) for p in plugins]


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_a_model_of_another_type_is_explained_like_one_of_float32(dtype: str) -> None:
    for full, other in zip(typed_maps("float32"), typed_maps(dtype), strict=True):
        assert other.dtype == np.float32
        alike = [faithfulness.spearman(a, b) for a, b in zip(full, other, strict=True)]
        assert np.mean(alike) > (0.999 if dtype == "float64" else 0.8)


def test_a_method_is_picked_by_data_and_model() -> None:
    config = ExplainConfig(run="x")
    conv, flat = Probe(images(), X), Probe(dense(), np.zeros((2, 4), "float32"))
    assert choose_methods(config, conv, "image").names == ["gradcam"]
    assert choose_methods(config, flat, "image").names == ["integrated_gradients"]
    assert choose_methods(config, flat, "table").names == ["integrated_gradients"]
    found = choose_methods(ExplainConfig(run="x", method=["all"]), flat, "table")
    assert sorted([*found.names, *found.left_out]) == registry.names("explainer")
    assert "convolutional" in found.left_out["gradcam"]
    assert "image" in found.left_out["filters"]
    assert {"integrated_gradients", "permutation", "saliency"} <= set(found.names)
    package = ExplainConfig(run="x", method=["all"], engine="tf-keras-vis")
    assert set(choose_methods(package, conv, "image").names) == set(reference.METHODS)


@pytest.mark.slow
def test_the_package_is_quiet_and_its_empty_maps_are_flagged() -> None:
    model = images()
    kernel = np.full((3, 3, 1, 4), 0.1, "float32")
    head = np.array([[-1, 1]] * 4, "float32")  # all of it speaks against the first class
    model.set_weights([kernel, np.zeros(4), head, np.zeros(2)])
    probe = Probe(model, X)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        empty, full = (
            reference.package_maps("gradcam", probe, X, of_classes(np.full(3, k), 2)[:, :])
            for k in (0, 1)
        )
    assert told == []
    assert all(flag(one).startswith("all zero") for one in empty)
    assert not any(flag(one) for one in full)
