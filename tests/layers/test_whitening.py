"""Whitened numbers have the identity as covariance, and reach a network's first layer."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import UsageError
from mlzoo.data import contracts
from mlzoo.data.samples import Column, Data, Part, Samples
from mlzoo.layers.input_scaling import input_spec
from mlzoo.models import mlp
from mlzoo.runs.models import read_model
from mlzoo.training.building import build_model

pytestmark = pytest.mark.backends


def _data(kind: str = "table") -> Data:
    """Return 200 correlated rows; the third number is the sum of the other two."""
    rng = np.random.default_rng(0)
    first, noise = rng.normal(size=(2, 200))
    second = 40 + 3 * first + 0.5 * noise
    x = np.stack([first, second, first + second], axis=1).astype("float32")
    columns = tuple(Column(name) for name in "abc") if kind == "table" else ()
    samples = Samples(x, x[:, :1], "regression", kind=kind, columns=columns)
    parts = [Part(samples, rows) for rows in np.split(np.arange(200), [120, 160])]
    outputs = contracts.task("regression").output_spec(parts[0])
    return Data(samples, *parts, input_spec(parts[0]), outputs, "made")


@pytest.mark.parametrize("members", [1, 2])
def test_components_have_variance_1_and_no_correlation(tmp_path: Path, members: int) -> None:
    data = _data()
    settings = {"whiten": True, "hidden": [4], "members": members}
    model = build_model(RunConfig(model="mlp", data="made", set=settings), data, 0)
    assert model.plain_only
    whitening = keras.Model(model.input, model.get_layer("whitening").output)
    components = keras.ops.convert_to_numpy(whitening(data.train.inputs()))
    np.testing.assert_allclose(components.mean(axis=0), 0, atol=1e-4)
    # The third number adds nothing, so its component is 0 instead of magnified noise.
    expected = np.diag([1.0, 1.0, 0.0])
    np.testing.assert_allclose(np.cov(components, rowvar=False, bias=True), expected, atol=1e-3)
    assert len(model.get_layer("whitening").trainable_weights) == 0
    model.save(tmp_path / "model.keras")
    again = read_model(tmp_path / "model.keras")
    x = data.test.inputs()
    before, after = (keras.ops.convert_to_numpy(each(x)) for each in (model, again))
    np.testing.assert_allclose(after, before, atol=1e-6)


def test_settings_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(ValueError, match="whiten replaces the numbers that ranks are of"):
        mlp.Config(whiten=True, ranks=True)
    config = RunConfig(model="mlp", data="made", set={"whiten": True})
    with pytest.raises(UsageError, match="whiten is for the numbers of a table"):
        build_model(config, _data("array"), 0)
