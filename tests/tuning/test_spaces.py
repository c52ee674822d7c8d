from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlzoo.core import registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import UsageError
from mlzoo.core.spaces import Dimension, Space
from mlzoo.tuning.parsing import parse_line
from mlzoo.tuning.space_from_config import build_space, candidate, default_space
from tests.strategies.contracts import FINITE, SPACE

MLP = RunConfig(model="mlp", data="digits")


@pytest.mark.parametrize(
    ("line", "kind", "levels"),
    [
        ("a=1..4", "int", [1, 2, 3, 4]),
        ("a=10..30/10", "int", [10, 20, 30]),
        ("a=0..1", "int", [0, 1]),
        ("a=0.0..1", "float", [0.0, 0.25, 0.5, 0.75, 1.0]),
        ("a=0..0.5/0.25", "float", [0.0, 0.25, 0.5]),
        ("a=log:1e-4..1", "float", [1e-4, 1e-3, 1e-2, 1e-1, 1.0]),
        ("a=1e-3,1e-2", "choice", [1e-3, 1e-2]),
        ("a=relu, tanh", "choice", ["relu", "tanh"]),
        ("a=[64],[64,32]", "choice", [(64,), (64, 32)]),
        ("a=true,false", "choice", [True, False]),
        ("a=7", "choice", [7]),
    ],
)
def test_a_line_is_a_dimension(line: str, kind: str, levels: list[object]) -> None:
    dimension = parse_line(line)
    assert (dimension.kind, dimension.levels(5)) == (kind, levels)
    assert [type(v) for v in dimension.levels(5)] == [type(v) for v in levels]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("a", "write name=low..high"),
        ("a=", "write name=low..high"),
        ("a=3..1", "is empty: 3 is more than 1"),
        ("a=log:0..1", "has a logarithm only above 0"),
        ("a=1..x", "is no range of numbers"),
        ("a=1..inf", "is no range of numbers"),
        ("a=1,2,1", "has a value twice"),
        ("a=1..2/5", "has steps of 5"),
    ],
)
def test_a_wrong_line_is_told(line: str, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        parse_line(line)


@given(
    st.sampled_from(
        ["a=1..9", "a=log:1..64", "a=log:10..500/10", "a=0..1/0.125", "a=x,y,z", "a=4..4"]
    )
)
@settings(deadline=None, max_examples=20)
def test_every_value_of_a_finite_dimension_has_its_place(line: str) -> None:
    dimension = parse_line(line)
    values = dimension.levels(0)
    assert [dimension.at(dimension.unit(value)) for value in values] == values
    reached = {dimension.at(unit) for unit in np.linspace(0, 1, 5000)}
    assert reached == set(values)


@given(st.floats(0, 1), st.sampled_from(["a=-3.0..5", "a=log:1e-5..10.0", "a=2.0..2.0"]))
@settings(deadline=None, max_examples=60)
def test_places_of_a_continuum_come_back(unit: float, line: str) -> None:
    dimension = parse_line(line)
    value = dimension.at(unit)
    assert dimension.holds(value)
    assert dimension.at(dimension.unit(value)) == pytest.approx(value, rel=1e-9, abs=1e-12)


def test_values_of_a_finite_dimension_are_equally_likely() -> None:
    dimension = parse_line("a=0..3")
    counts = np.bincount([dimension.at(unit) for unit in (np.arange(4000) + 0.5) / 4000])
    assert counts.tolist() == [1000] * 4


def test_a_grid_has_the_valid_combinations_and_no_others() -> None:
    assert FINITE.size == 36
    assert len({FINITE.key(values) for values in FINITE.grid()}) == 36
    assert SPACE.size is None
    space = Space(
        (
            Dimension("a", "choice", choices=(1, 2, 3)),
            Dimension("b", "choice", choices=(4, 5), when={"a": (2, 3)}),
            Dimension("c", "choice", choices=(6, 7), when={"b": (5,)}),
        )
    )
    found = [tuple(values.items()) for values in space.grid()]
    # a=1 alone, and for a in 2, 3: b=4 alone, b=5 with either c
    assert len(found) == len(set(found)) == space.size == 1 + 2 * (1 + 2)
    assert space.active({"a": 1, "b": 5, "c": 6}) == {"a": 1}
    assert space.key({"a": 1, "b": 5, "c": 6}) == space.key({"a": 1, "c": 7})


def test_every_model_declares_a_space_of_valid_candidates() -> None:
    for model in registry.names("model"):
        base = RunConfig(model=model, data="digits")
        space = default_space(model)
        assert "learning_rate" in space.names
        for units in np.random.default_rng(0).random((20, len(space))):
            values = space.at(units.tolist())
            run = candidate(base, values)
            assert run.learning_rate == values["learning_rate"]
            registry.load("model", model).Config(**run.set)


def test_layers_and_their_size_make_a_list() -> None:
    assert candidate(MLP, {"layers": 2, "units": 30}).set == {"hidden": [30, 30]}
    assert candidate(MLP, {"layers": 3}).set == {"hidden": [256, 256, 256]}
    assert candidate(MLP, {"units": 8}).set == {"hidden": [8, 8]}
    cnn = RunConfig(model="cnn", data="digits", set={"kernel": 5})
    found = candidate(cnn, {"blocks": 3, "width": 8}).set
    assert found == {"kernel": 5, "filters": [8, 16, 32]}


def test_what_the_user_fixed_is_not_varied() -> None:
    space = build_space(MLP, [], None, {"dropout", "learning_rate"})
    assert space.names == ["layers", "units", "activation"]


def test_a_setting_that_another_decides_on_exists_beside_it_only() -> None:
    space = build_space(MLP, ["momentum=0.5,0.9", "optimizer=adam,momentum"], None)
    assert list(space.grid()) == [
        {"optimizer": "adam"},
        {"optimizer": "momentum", "momentum": 0.5},
        {"optimizer": "momentum", "momentum": 0.9},
    ]


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["learning_rat=1..2"], "unknown dimension 'learning_rat' (did you mean 'learning_rate'?)"),
        (["layers=0..2"], "layers is a whole number, at least 1"),
        (["dropout=0..1"], "must be less than 1 (got 1)"),
        (["activation=relu,rely"], "did you mean 'relu'"),
        (["seed=1,2"], "seed can't be varied"),
        (["callback=a.py,b.py"], "callback can't be varied: all candidates have the same ones"),
        (["batch_size=16,0"], "must be at least 1"),
        (["layers=1,2", "layers=3"], "layers is varied twice"),
        (["layers=1,2", "hidden=[4],[8]"], "layers is a part of hidden"),
    ],
)
def test_a_wrong_space_is_refused_at_once(lines: list[str], text: str) -> None:
    with pytest.raises(UsageError) as caught:
        build_space(MLP, lines, None)
    assert text in str(caught.value)


def test_a_file_has_conditions(tmp_path: Path) -> None:
    path = tmp_path / "space.yaml"
    path.write_text(
        "momentum: {values: 0.5..0.9/0.2, when: {layers: [2, 3]}}\nlayers: [1, 2, 3]\n"
        "learning_rate: log:1e-4..1e-1\nunits: 1e1\n".replace("units: 1e1\n", "units: [8, 16]\n")
    )
    space = build_space(MLP, [], path)
    assert space.names.index("layers") < space.names.index("momentum")
    assert space["momentum"].when == {"layers": (2, 3)}
    assert sum(1 for _ in space.grid(2)) == 2 * 2 * (1 + 3 + 3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("layers: [1, 2]\nunits: {values: [8], when: {layer: 2}}", "when: layer is not varied"),
        ("layers: [1, 2]\nunits: {values: [8], when: {layers: 3}}", "when: layers is never 3"),
        ("layers: {values: [1, 2], where: 3}", "a mapping has `values`, and `when`"),
        ("- a", "a space is a list of `name: range or choices` lines"),
        ("layers: &a [1]\nunits: *a", "aliases are not read"),
        ("layers: [", "is no YAML"),
        (
            "layers: {values: [1, 2], when: {units: 8}}\n"
            "units: {values: [8, 9], when: {layers: 1}}",
            "goes round in a circle",
        ),
    ],
)
def test_a_wrong_file_is_refused(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "space.yaml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        build_space(MLP, [], path)
    assert told in str(caught.value)


def test_a_setting_that_needs_another_is_searched_where_that_is_given() -> None:
    assert "fourier_scale" not in default_space("mlp").names
    scale = default_space("mlp", ["fourier"])["fourier_scale"]
    assert (scale.kind, scale.low, scale.high, scale.log) == ("float", 0.1, 30.0, True)
