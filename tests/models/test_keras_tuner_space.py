from __future__ import annotations

from typing import Any

import keras
import pytest

from mlzoo.core.errors import UsageError
from mlzoo.core.spaces import Dimension
from mlzoo.models._keras_tuner_space import discover
from tests import builders


def function(text: str) -> Any:
    names: dict[str, Any] = {}
    exec(text, names)
    return names["build_model"]


def test_all_branches_are_found_with_what_opens_them() -> None:
    explored = discover(function(builders.WHOLE), "net.py")
    space = explored.space
    assert {d.name: dict(d.when) for d in space.dimensions} == {
        "kind": {},
        "units": {"kind": ("wide",)},
        "layers": {"kind": ("deep",)},
        "size_0": {"kind": ("deep",)},
        "size_1": {"layers": (2, 3)},
        "size_2": {"layers": (3,)},
        "drop": {},
        "rate": {"drop": (True,)},
        "learning_rate": {},
    }
    assert space["units"] == Dimension("units", "int", 4, 16, False, 4, when={"kind": ("wide",)})
    assert space["learning_rate"].log and space["size_1"].log
    assert space["rate"].levels(0) == [0.1, 0.3, 0.5]
    assert explored.runs < 40
    assert isinstance(explored.first, keras.Model)


def test_multiplied_numbers_are_choices_and_a_long_range_is_refined_where_it_matters() -> None:
    def build(hp: Any) -> str:
        hp.Int("batch", 2, 32, step=2, sampling="log")
        if hp.Int("depth", 1, 40) > 30:
            hp.Float("late", 0, 1)
        if hp.Float("share", 0, 1) > 0.7:
            hp.Boolean("high")
        return "model"

    space = discover(build, "net.py").space
    assert space["batch"].choices == (2, 4, 8, 16, 32)
    assert space["late"].when == {"depth": tuple(range(31, 41))}
    assert space["high"].when == {}, "a continuum opens it: it always exists"


def test_a_branch_that_fails_is_no_mistake_of_the_function() -> None:
    def build(hp: Any) -> str:
        if hp.Choice("kind", ["good", "bad"]) == "bad":
            hp.Int("more", 1, 3)
            raise ValueError("too deep")
        return "model"

    space = discover(build, "net.py").space
    assert space["more"].when == {"kind": ("bad",)}
    with pytest.raises(UsageError, match="fails with its default values: ValueError: never"):
        discover(lambda hp: (_ for _ in ()).throw(ValueError("never")), "net.py")
