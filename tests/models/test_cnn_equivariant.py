"""Group-equivariant networks: what is turned gives what was turned."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from mlzoo.core import registry
from mlzoo.data.specs import Inputs, Outputs
from mlzoo.layers.groups import GroupConvolution, act, elements
from tests.contracts import outcome

pytestmark = pytest.mark.backends


def maps(x: np.ndarray, group: str) -> np.ndarray:
    """What two group convolutions give: (height, width, elements, features)."""
    keras.utils.set_random_seed(0)
    for number in range(2):
        x = GroupConvolution(3, 3, group, lifting=number == 0)(x)
    return keras.ops.convert_to_numpy(x)[0].reshape(*x.shape[1:3], len(elements(group)), 3)


@pytest.mark.parametrize("group", ["p4", "p4m"])
def test_a_turned_input_gives_turned_maps_that_change_places(group: str) -> None:
    x = np.random.default_rng(0).normal(size=(9, 9, 2)).astype("float32")
    straight = maps(x[None], group)
    for element in elements(group):
        turned = maps(np.ascontiguousarray(act(element, x))[None], group)
        expected = act(element, straight)
        # The map of g is that of u^-1 g; which one it is, is found by what it looks like.
        alike = np.abs(turned[:, :, :, None] - expected[:, :, None]).max(axis=(0, 1, 4)) < 1e-5
        assert (alike.sum(axis=0) == 1).all() and (alike.sum(axis=1) == 1).all()
    assert np.abs(np.diff(straight, axis=2)).max() > 0.1


@pytest.mark.parametrize(("group", "mirrored"), [("p4", False), ("p4m", True)])
@pytest.mark.parametrize("side", [12, 15])
def test_pooled_outputs_are_invariant(group: str, mirrored: bool, side: int) -> None:
    keras.utils.set_random_seed(0)
    plugin = registry.load("model", "cnn_equivariant")
    config = plugin.Config(group=group, filters=[4, 6], convolutions=1)
    own = plugin.build(config, Inputs((side, side, 1), "image"), Outputs("classification", 3))
    model = keras.Model(own.input, own.get_layer("global_pool").output)
    x = np.random.default_rng(1).normal(size=(4, side, side, 1)).astype("float32")
    straight = outcome(model, x)
    assert np.ptp(straight, axis=0).max() > 0.01
    np.testing.assert_allclose(outcome(model, np.rot90(x, 1, (1, 2)).copy()), straight, atol=1e-5)
    gap = np.abs(outcome(model, x[:, :, ::-1].copy()) - straight).max()
    assert (gap < 1e-5) == mirrored
