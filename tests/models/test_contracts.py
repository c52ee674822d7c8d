"""Every model plug-in keeps the contract of tests/contracts.py; a new one is tested by existing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mlzoo import registry
from tests import contracts
from tests.contracts import ModelCase

# Only where the defaults would be slow or don't fit a 16x16 image.
_CASES = {
    "alexnet": ModelCase("alexnet", {"dense": [32]}, ((63, 63, 1), (64, 71, 3))),
}
# Of the default settings, for 32x32x3 (alexnet: 64x64x3) and 3 classes or 2 fields. A change here
# is a change of the model: runs of an earlier version can't be repeated with it.
_PARAMETERS = {
    "alexnet": 20_315_971,
    "cnn": 72_947,
    "lenet": 314_819,
    "linear": 9_219,
    "mlp": 819_971,
    "resnet": 273_587,
    "unet": 484_179,
    "unet_two_decoders": 673_330,
    "unet_xception": 2_058_979,
}

_NAMES = registry.names("model")


def _case(name: str) -> ModelCase:
    return _CASES.get(name, ModelCase(name))


@pytest.fixture(params=_NAMES)
def case(request: pytest.FixtureRequest) -> ModelCase:
    return _case(request.param)


@pytest.mark.parametrize(
    "check",
    [
        contracts.check_form,
        contracts.check_gradients,
        contracts.check_overfits,
        contracts.check_probabilities,
        contracts.check_seed,
        contracts.check_settings,
        contracts.check_shapes,
        contracts.check_summary,
    ],
    ids=lambda check: check.__name__.removeprefix("check_"),
)
def test_model(case: ModelCase, check: Callable[[ModelCase], None]) -> None:
    check(case)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    contracts.predict_in_new_process(folder, map(_case, _NAMES))
    return folder


def test_loads_in_a_new_process(case: ModelCase, saved: Path) -> None:
    contracts.check_saved(case, saved)


def test_parameter_count(case: ModelCase) -> None:
    shape = (64, 64, 3) if case.name == "alexnet" else (32, 32, 3)
    pinned = ModelCase(case.name, {}, (shape, shape))
    count = pinned.build().count_params()
    assert case.name in _PARAMETERS, f"add {case.name!r}: {count} to _PARAMETERS in {__file__}"
    assert count == _PARAMETERS[case.name]
