"""Every model plug-in keeps the contract of tests/contracts.py; a new one is tested by existing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlzoo.core import registry
from tests import contracts
from tests.contracts import ModelCase

# Only where the defaults would be slow or don't fit a 16x16 image: a network's form, gradients and
# files do not depend on how wide it is, and tracing its layers is what takes the time.
_SEQUENCES = ((13, 2), (9, 3))
_SIDES = ((32, 32, 1), (40, 36, 3))
_THIN: dict[str, Any] = {"backbone": "mobilenet", "alpha": 0.25, "weights": "none"}
_BACKBONE: dict[str, Any] = {**_THIN, "train": "all", "freeze_norm": False}
_CASES = {
    "alexnet": ModelCase("alexnet", {"dense": [32]}, ((63, 63, 1), (64, 71, 3))),
    # Noise by heart takes convolutions long; `test_autoencoder` trains both kinds of network.
    "autoencoder": ModelCase("autoencoder", {"filters": [8, 12]}, overfits=False),
    "captioner": ModelCase("captioner", {"filters": [6, 8], "units": 24}, rate=1e-2),
    "cnn_equivariant": ModelCase("cnn_equivariant", {"filters": [6, 8]}, rate=1e-2),
    "conv_lstm": ModelCase(
        "conv_lstm", {"filters": [8, 6]}, ((4, 8, 8, 1), (3, 6, 10, 2)), "array", rate=1e-2
    ),
    "deeponet": ModelCase("deeponet", {"branch": [32], "trunk": [24, 24]}, rate=1e-2),
    "fno": ModelCase("fno", {"width": 8, "modes": 5, "layers": 2}, rate=1e-2),
    # Rates that keep an energy are none by heart; `test_hamiltonian` trains on a pendulum's.
    "hamiltonian": ModelCase(
        "hamiltonian", {"hidden": [8, 6]}, ((2,), (2,)), "table", overfits=False
    ),
    "nlinear": ModelCase(
        "nlinear", {"l2": 0.0}, ((13, 2), (9, 3)), "sequence", rate=3e-2, uneven=False
    ),
    "patchtst": ModelCase(
        "patchtst",
        {"width": 16, "dropout": 0.0},
        ((13, 2), (9, 3)),
        "sequence",
        rate=1e-2,
        uneven=False,
    ),
    "pinn": ModelCase("pinn", {"hidden": [24, 24]}, ((2,), (3,)), "table", rate=1e-2, steps=80),
    "quantum": ModelCase("quantum", {"layers": 2}, ((4,), (3,)), "table", rate=0.2, steps=80),
    "resnet": ModelCase("resnet", {"variant": "tiny"}, rate=3e-3),
    "rnn": ModelCase("rnn", {"units": [24]}, _SEQUENCES, "sequence", rate=2e-2, steps=80),
    "seq2seq": ModelCase("seq2seq", {"units": 24}, _SEQUENCES, "sequence", rate=3e-2),
    "transfer": ModelCase(
        "transfer", {**_BACKBONE, "dense": [24]}, _SIDES, rate=1e-2, spread=60, deep=True, steps=80
    ),
    # What expands is the path of `unet`, what contracts the backbone of `transfer`: both overfit.
    "unet_pretrained": ModelCase(
        "unet_pretrained", {**_BACKBONE, "filters": 4}, _SIDES, deep=True, overfits=False
    ),
    "tcn": ModelCase("tcn", {"filters": 16, "blocks": 2}, _SEQUENCES, "sequence", rate=1e-2),
    "unet": ModelCase("unet", {"depth": 2, "filters": 8}, rate=1e-2),
    "unet_two_decoders": ModelCase("unet_two_decoders", {"depth": 1, "filters": 8}, rate=1e-2),
    "unet_xception": ModelCase(
        "unet_xception", {"entry": 8, "down": [16], "up": [16, 16]}, rate=1e-2, steps=80
    ),
}
# Of the default settings and 3 classes or 2 fields, for 32x32x3 or what `_PINNED` says. A change
# here is a change of the model: runs of an earlier version can't be repeated with it.
_PARAMETERS = {
    "alexnet": 20_315_971,
    "autoencoder": 138_347,
    "captioner": 187_233,
    "cnn": 72_947,
    "cnn_equivariant": 72_187,
    "conv_lstm": 29_619,
    "deeponet": 430_914,
    "fixed": 9_219,
    "fno": 2_269_890,
    "hamiltonian": 4_416,
    "lenet": 314_819,
    "linear": 9_219,
    "mlp": 819_971,
    "nlinear": 778,
    "patchtst": 22_765,
    "pinn": 2_274,
    "quantum": 23,
    "resnet": 273_587,
    "rnn": 17_603,
    "seq2seq": 91_013,
    "tcn": 29_123,
    "transfer": 2_261_827,
    "unet": 484_179,
    "unet_pretrained": 8_833_939,
    "unet_two_decoders": 673_330,
    "unet_xception": 2_058_979,
}

_PINNED = {
    "alexnet": (64, 64, 3),
    "conv_lstm": (4, 16, 16, 3),
    "hamiltonian": (2,),
    "nlinear": (20, 3),
    "patchtst": (20, 3),
    "pinn": (2,),
    "quantum": (4,),
    "rnn": (20, 3),
    "seq2seq": (20, 1),
    "tcn": (20, 3),
}

# No weights are downloaded by a test.
_PINNED_SETTINGS = dict.fromkeys(("transfer", "unet_pretrained"), {"weights": "none"})

# Models of several networks are tested in `test_generative.py`, those of distances, which descend
# no loss, in `tests/tasks/test_anomaly.py`.
_NAMES = [
    name
    for name in registry.defining("model", "build")
    if "inputs per score" not in registry.constants("model", name).get("TARGETS", ())
]


def _case(name: str) -> ModelCase:
    return _CASES.get(name, ModelCase(name))


@pytest.fixture(params=_NAMES)
def case(request: pytest.FixtureRequest) -> ModelCase:
    return _case(request.param)


_CHECKS = (
    contracts.check_form,
    contracts.check_gradients,
    contracts.check_overfits,
    contracts.check_probabilities,
    contracts.check_seed,
    contracts.check_settings,
    contracts.check_shapes,
    contracts.check_summary,
)


# Made of Keras' own layers, as others are, or of the path of `unet`, the backbone of `transfer` and
# the decoder of `seq2seq`. (XLA without optimization divides by 0 in the gradient of `captioner`.)
_KERAS_LAYERS = {
    *("alexnet", "captioner", "lenet", "resnet"),
    *("unet_pretrained", "unet_two_decoders", "unet_xception"),
}
# Layers of ours that look at the shape of what they get.
_SHAPED = {"fno", "patchtst", "rnn", "seq2seq", "tcn", "unet"}


def _on_backends(name: str, check: Callable[[ModelCase], None]) -> bool:
    """Say if a check depends on the backend, and no other model has the same layers."""
    if check is contracts.check_shapes:
        return name in _SHAPED
    return check is contracts.check_gradients and name not in _KERAS_LAYERS


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "check"),
    [
        pytest.param(
            name,
            check,
            marks=pytest.mark.backends if _on_backends(name, check) else (),
            id=f"{name}-{check.__name__.removeprefix('check_')}",
        )
        for name in _NAMES
        for check in _CHECKS
    ],
)
def test_model(name: str, check: Callable[[ModelCase], None]) -> None:
    check(_case(name))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    contracts.predict_in_new_process(folder, map(_case, _NAMES))
    return folder


@pytest.mark.slow
def test_loads_in_a_new_process(case: ModelCase, saved: Path) -> None:
    contracts.check_saved(case, saved)


@pytest.mark.slow
def test_loads_without_mlzoo(case: ModelCase, saved: Path) -> None:
    for outputs in contracts.saved_heads(case):
        contracts.check_stock(saved / f"{case.label}-{outputs.task}.keras")


@pytest.mark.slow
def test_parameter_count(case: ModelCase) -> None:
    shape = _PINNED.get(case.name, (32, 32, 3))
    count = (
        replace(case, settings=_PINNED_SETTINGS.get(case.name, {}), shapes=(shape, shape))
        .build()
        .count_params()
    )
    assert case.name in _PARAMETERS, f"add {case.name!r}: {count} to _PARAMETERS in {__file__}"
    assert count == _PARAMETERS[case.name]
