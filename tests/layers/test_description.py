from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from mlzoo.core.errors import UsageError
from mlzoo.layers.description import describe


def test_layers_and_counts() -> None:
    found = describe("mlp", (784,), 10, {"hidden": "400,256", "batch_normalization": True})
    assert found["parameters"] == 784 * 400 + 400 * 256 + 256 * 10 + 10 + 4 * 656
    assert found["trainable"] == found["parameters"] - 2 * 656
    assert sum(layer["parameters"] for layer in found["layers"]) == found["parameters"]
    first = found["layers"][1]
    assert first == {
        "name": "hidden1",
        "type": "Dense",
        "output": [None, 400],
        "parameters": 313_600,
    }
    assert json.loads(json.dumps(found)) == found


def test_settings() -> None:
    rows = {row["name"]: row for row in describe("mlp", (4,), 2, {"hidden": 7})["settings"]}
    hidden = rows["hidden"]
    assert (hidden["type"], hidden["default"], hidden["value"]) == (
        "list of integer",
        [256, 128],
        [7],
    )
    assert hidden["range"] == "1 <= x <= 65536"
    assert hidden["help"].startswith("Units of the hidden layers")
    assert rows["dropout"]["range"] == "0 <= x < 1"
    assert rows["join"]["range"] == "add, concatenate"
    assert rows["l2"]["range"] == "0 <= x"
    assert rows["skips"]["range"] == ""


def test_two_classes_are_one_unit() -> None:
    assert describe("linear", (4,), 2)["parameters"] == 5
    assert describe("linear", (4,), 3)["parameters"] == 15


def test_what_can_not_be_built_is_refused() -> None:
    with pytest.raises(UsageError, match="needs images"):
        describe("cnn", (4,), 2)
    with pytest.raises(ValidationError, match="no_such"):
        describe("linear", (4,), 2, {"no_such": 1})
