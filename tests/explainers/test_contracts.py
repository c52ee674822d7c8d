"""Every explainer plug-in keeps its contract; a new one is tested by existing."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np
import pytest
import yaml
from pydantic import ValidationError

from mlzoo.core import fields, registry
from mlzoo.explaining.target_weights import of_classes
from mlzoo.introspection.findings import Background, Finding
from mlzoo.introspection.probe import Probe

pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # shap's own
NAMES = registry.names("explainer")
SIDE = 24
# Settings that keep a method quick, and the share of its attribution that must lie in the patch.
_SETTINGS: dict[str, dict[str, Any]] = {
    "scorecam": {"channels": 1},
    "activation_maximization": {"steps": 12},
    "embedding": {"perplexities": [5]},
    "expected_gradients": {"background": 8},
    "shapley": {"background": 8, "rounds": 4},
}


def plugin(name: str) -> ModuleType:
    return registry.load("explainer", name)


MAPPING = [name for name in NAMES if not getattr(plugin(name), "MODEL", False)]
WHOLE = [
    name
    for name in NAMES
    if name not in MAPPING
    and not getattr(plugin(name), "CODED", False)
    and not getattr(plugin(name), "EQUATIONS", False)
    and not getattr(plugin(name), "GRIDS", False)
]


def of_table(name: str) -> bool:
    return getattr(plugin(name), "KINDS", ()) == ("table",)


@cache
def image_case(constant: bool = False) -> tuple[Probe, np.ndarray, np.ndarray, np.ndarray]:
    """A net that answers to brightness, and images that are bright in one patch alone."""
    start = keras.Input((SIDE, SIDE, 1))
    x = keras.layers.Conv2D(2, 3, padding="same", name="conv")(start)
    x = keras.layers.ReLU(name="relu")(x)
    x = keras.layers.GlobalAveragePooling2D(name="average")(x)
    out = keras.layers.Dense(2, activation="softmax", name="head")(x)
    model = keras.Model(start, out)
    kernel = np.full((3, 3, 1, 2), 1 / 9, "float32")
    model.get_layer("conv").set_weights([kernel, np.array([-0.4, -0.5], "float32")])
    head = np.zeros((2, 2), "float32") if constant else np.array([[0, 90], [0, 90]], "float32")
    model.get_layer("head").set_weights([head, np.array([0.5, 0.0], "float32")])
    images, inside = np.zeros((3, SIDE, SIDE, 1), "float32"), np.zeros((3, SIDE, SIDE), bool)
    for i, (row, column) in enumerate([(5, 6), (12, 4), (9, 13)]):
        images[i, row : row + 6, column : column + 6] = 1
        inside[i, row - 2 : row + 8, column - 2 : column + 8] = True
    probe = Probe(model, images)
    probe.background = Background(np.zeros((8, SIDE, SIDE, 1), "float32"))
    probe.known = Background(images.repeat(4, axis=0))
    return probe, images, of_classes(np.ones(3, int), 2), inside


@cache
def table_case(constant: bool = False) -> tuple[Probe, np.ndarray, np.ndarray, np.ndarray]:
    """A regression of five columns, of which the third alone counts."""
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(1, name="head")])
    weights = np.zeros((5, 1), "float32")
    weights[2] = 0 if constant else 3
    model.set_weights([weights, np.ones(1, "float32")])
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(40, 5)).astype("float32")
    probe = Probe(model, rows)
    probe.background = probe.known = Background(
        rows, rows[:, 2:3] * weights[2] + 1, tuple("abcde"), ("y",)
    )
    inside = np.zeros((4, 5), bool)
    inside[:, 2] = True
    return probe, rows[:4], np.ones((4, 1), "float32"), inside


def case(name: str, constant: bool = False) -> tuple[Probe, np.ndarray, np.ndarray, np.ndarray]:
    return table_case(constant) if of_table(name) else image_case(constant)


def explain(name: str, constant: bool = False) -> Any:
    probe, x, target, _ = case(name, constant)
    return plugin(name).explain(plugin(name).Config(**_SETTINGS.get(name, {})), probe, x, target)


@cache
def found(name: str) -> Any:
    return explain(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", MAPPING)
def test_maps_have_the_shape_of_the_positions_and_are_finite(name: str) -> None:
    values, inside = found(name), case(name)[3]
    assert values.shape == inside.shape
    assert values.dtype == np.float32 and np.isfinite(values).all()


@pytest.mark.parametrize("name", MAPPING)
def test_what_counts_gets_the_attribution(name: str) -> None:
    rows = zip(abs(found(name)), case(name)[3], strict=True)
    shares = [one[where].sum() / one.sum() for one, where in rows]
    assert min(shares) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("name", MAPPING)
def test_the_same_again_is_equal(name: str) -> None:
    np.testing.assert_array_equal(found(name), explain(name))


@pytest.mark.parametrize("name", MAPPING)
def test_a_constant_model_has_none(name: str) -> None:
    assert abs(explain(name, constant=True)).max() < 1e-6


@pytest.mark.parametrize("name", WHOLE)
def test_findings_are_finite_and_the_same_again(name: str) -> None:
    first, second = found(name), explain(name)
    assert first and all(isinstance(finding, Finding) for finding in first)
    for one, other in zip(first, second, strict=True):
        assert one.title and one.note
        for key, values in one.arrays.items():
            assert np.isfinite(values).all(), key
            np.testing.assert_array_equal(values, other.arrays[key])


@pytest.mark.parametrize("name", NAMES)
def test_settings_are_documented_and_survive_json_and_yaml(name: str) -> None:
    config_class = plugin(name).Config
    with pytest.raises(ValidationError, match="extra_forbidden|Extra inputs"):
        config_class(no_such_setting=1)
    documented = fields.settings(Path(str(plugin(name).__file__)))
    assert [setting.name for setting in documented] == list(config_class.model_fields)
    assert [setting.name for setting in documented if len(setting.help) < 10] == []
    config = config_class(**_SETTINGS.get(name, {}))
    assert config_class.model_validate_json(config.model_dump_json()) == config
    assert config_class(**yaml.safe_load(yaml.safe_dump(config.model_dump(mode="json")))) == config


@pytest.mark.parametrize("name", NAMES)
def test_the_docstring_describes_and_cites(name: str) -> None:
    assert 20 < len(registry.summary("explainer", name)) <= 110
    assert re.search(r"\(\d{4}\)|\d{4}\)", plugin(name).__doc__ or "")


def test_columns_that_count_are_the_most_important() -> None:
    [importances] = found("permutation")
    values = importances.arrays["values"]
    assert values.argmax() == 2 and np.abs(np.delete(values, 2)).max() < 1e-6
    [curves] = found("partial_dependence")
    slopes = np.ptp(curves.arrays["values"], axis=1)
    assert slopes.argmax() == 2 and np.delete(slopes, 2).max() < 1e-5
    [plane] = found("decision_surface")
    assert "c" in plane.labels


def test_attributions_of_a_linear_model_are_its_terms() -> None:
    probe, x, target, _ = table_case()
    rows = probe.background_rows(8, 0)
    module = plugin("expected_gradients")
    values = module.explain(module.Config(background=8), probe, x, target)
    np.testing.assert_allclose(values[:, 2], 3 * (x[:, 2] - rows[:, 2].mean()), atol=1e-4)
    np.testing.assert_allclose(found("shapley"), values, atol=1e-3)


def test_an_image_that_was_climbed_to_says_more_than_any_sample() -> None:
    probe, x, _, _ = image_case()
    module = plugin("activation_maximization")
    target = of_classes(np.array([1, 1, 1]), 2)
    [climbed] = module.explain(module.Config(steps=60), probe, x, target)
    assert climbed.arrays["saturated"].max() < 0.05
    assert (climbed.arrays["reached"] >= climbed.arrays["percentile_99"])[1]
    image = climbed.arrays["values"][1:2]
    goal = probe.goal(np.array([[0, 1]], "float32"))
    assert goal(image)[0][0] > goal(probe.enter(x))[0].max()
    low, high = climbed.arrays["range"]
    assert low <= image.min() and image.max() <= high


def test_a_row_that_was_climbed_to_has_the_columns_own_units() -> None:
    probe, x, target, _ = table_case()
    module = plugin("activation_maximization")
    [found] = module.explain(module.Config(steps=80), probe, x, target)
    assert found.kind == "profiles" and found.labels[2:] == list("abcde")
    less, more = found.arrays["values"]
    rows = probe.known.x
    assert less[2] == pytest.approx(rows[:, 2].min()) and more[2] == pytest.approx(rows[:, 2].max())
    assert np.abs(more[[0, 1, 3, 4]]).max() < 0.5  # nothing speaks for them
    assert found.arrays["reached"][1] == pytest.approx(3 * rows[:, 2].max() + 1, rel=1e-4)
    assert found.arrays["steps"].max() <= 80


def test_units_and_channels_are_climbed_to_like_classes() -> None:
    probe, x, target, _ = image_case()
    module = plugin("activation_maximization")
    for what in ("units", "channels"):
        [found] = module.explain(module.Config(steps=20, **{what: 2}), probe, x, target)
        assert found.title == f"what {what} of layer relu answer most to"
        assert len(found.labels) == 2
        assert (found.arrays["reached"] > found.arrays["noise"]).all()
